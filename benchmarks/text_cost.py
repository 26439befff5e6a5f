"""What a search for a text's direction costs: ours against the published settings, on one clip, in one run.

    python -m benchmarks.text_cost [--prompt "face with eyeglasses"] [--person 0] [--iterations 2000] --json OUT

For each: the denoiser's evaluations (a picture each, that with a gradient counted once) until the direction score first
reaches 95 % of the best that this search reaches, and in all; processor seconds; and what both directions score in the
published view (one frame, noisy pictures), so that the published trace says when it reaches ours.
"""

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from dva.dva_plugin.packs import open_pack
from dva.model.autoencoder import Autoencoder
from dva.model.code import ClipCode
from dva.model.editing.search import Search, TextProgress
from dva.model.editing.text import find_direction
from dva.model.editing.text_settings import PUBLISHED, TextSettings
from dva.model.encoders.clip import Clip
from dva.model.encoders.clip_cache import open_clip_model
from dva.model.types import Progress

from .counting import Evaluations
from .held_out import crop_track, held_out_clips

ENOUGH = 0.95


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pack", default="mini")
    parser.add_argument("--clip", default="pack")
    parser.add_argument("--prompt", default="face with eyeglasses")
    parser.add_argument("--person", type=int, default=0)
    parser.add_argument("--iterations", type=int, default=PUBLISHED.iterations, help="of the published settings")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--json", type=Path, required=True)
    options = parser.parse_args()
    pack = open_pack(options.pack)
    autoencoder = Autoencoder(pack, torch.device(options.device))
    clip = open_clip_model(options.clip, pack, autoencoder.device)
    [person] = held_out_clips(1, 2, pack.spec.resolution, options.person)
    code = autoencoder.encode(person.crops, *crop_track(2, person.crops.shape[-1]))
    published = replace(PUBLISHED, iterations=options.iterations)
    told: dict[str, Any] = {"prompt": options.prompt, "person": options.person}
    for name, settings in (("ours", TextSettings()), ("published", published)):
        told[name] = _traced(autoencoder, code, clip, options.prompt, settings)
        options.json.write_text(json.dumps(told) + "\n", encoding="utf-8")
        print(name, {n: v for n, v in told[name].items() if n != "trace"})


def _traced(
    autoencoder: Autoencoder, code: ClipCode, clip: Clip, prompt: str, settings: TextSettings
) -> dict[str, Any]:
    counted, trace = Evaluations(autoencoder), list[tuple[int, float]]()

    def look(progress: Progress) -> None:
        assert isinstance(progress, TextProgress)
        trace.append((counted.frames, dict(progress.losses)["score"]))

    began = time.process_time()
    direction = find_direction(autoencoder, code, clip, ("face", prompt), settings, look)
    seconds, evaluations = time.process_time() - began, counted.frames
    best = max(score for _, score in trace)
    until = next(n for n, (_, score) in enumerate(trace) if score >= ENOUGH * best)
    text = clip.text_direction("face", prompt).detach().clone()
    judge = Search(autoencoder, code, clip, text, PUBLISHED)
    with torch.no_grad():
        common = float(judge.losses(direction.step.to(autoencoder.device)).score)
    return {
        "iterations": len(trace),
        "score": best,
        "iterations_to_95": until + 1,
        "evaluations_to_95": trace[until][0],
        "evaluations": evaluations,
        "seconds": round(seconds, 1),
        "score_in_the_published_view": common,
        "trace": trace,
    }


if __name__ == "__main__":
    main()
