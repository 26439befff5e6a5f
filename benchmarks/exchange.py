"""Identity, motion and noise exchanged between two clips, as in the paper's figure 6: a sheet to look at, and figures.

    python -m benchmarks.exchange [--clips DIR] [--pack mini] --json OUT --sheet PNG

Each clip takes the features of the next one, the last those of the first; without clips, held-out rendered people. A
row of the sheet: the source, the giver, then the source with the giver's identity, motion, noise, both of them,
and with Gaussian noise. The figures say how far each goes from source (0) to giver (1): `identity` by the
judge's recogniser, which no pack contains, `points` by the pack's landmark encoder, `surroundings` by the colours of
what the parser calls background in both.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from tqdm import tqdm

from dva.dva_plugin.evaluate_clip import open_judge
from dva.dva_plugin.packs import open_pack
from dva.model.autoencoder import Autoencoder
from dva.model.code import ClipCode, SourceFacts
from dva.model.editing.exchange import with_gaussian_noise, with_identity, with_motion, with_noise
from dva.model.metrics.recognise import Recogniser, judge_recogniser
from dva.model.types import FaceTrack

from .held_out import crop_track, held_out_clips
from .reconstruct import read_clips
from .report import as_bytes

FIRST_PERSON = 20_000
"""Far from the people whom benchmarks.edits measures and chooses lengths on."""
MADE = {
    "identity": with_identity,
    "motion": with_motion,
    "noise": with_noise,
    "motion and noise": lambda code, giver: with_noise(with_motion(code, giver), giver),
    "gaussian": lambda code, giver: with_gaussian_noise(code),
}
WAYS = ("identity", "points", "surroundings")


def main() -> None:
    """Write the sheet and the figures, and print their means."""
    options = _options()
    autoencoder = Autoencoder(open_pack(options.pack), torch.device("cpu"))
    judge = open_judge(None, torch.device("cpu"))
    if judge is None:
        raise SystemExit("the pack `judge` is not installed, and nobody else can decide who is who")
    recogniser = judge_recogniser(judge)
    codes = [autoencoder.encode(*clip) for clip in tqdm(_clips(options, autoencoder), desc="encode")]
    rows: list[dict[str, float | str]] = []
    strips: list[np.ndarray] = []
    for code, giver in zip(codes, [*codes[1:], codes[0]], strict=True):
        pictures = {name: autoencoder.reconstruct(made(code, giver)) for name, made in MADE.items()}
        for name, picture in pictures.items():
            row = {"source": code.source.name, "giver": giver.source.name, "taken": name}
            rows.append({**row, **_ways(autoencoder, recogniser, code, giver, picture)})
        shown = [_signed(code), _signed(giver), *pictures.values()]
        strips.append(np.concatenate([as_bytes((picture[0] + 1) / 2) for picture in shown], 1))
    options.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    Image.fromarray(np.concatenate(strips)).save(options.sheet)
    for name in MADE:
        mine = [row for row in rows if row["taken"] == name]
        print(f"{name:<18}", "  ".join(f"{way} {np.mean([float(row[way]) for row in mine]):+.2f}" for way in WAYS))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=Path, help="folder of real clips; without it, rendered people")
    parser.add_argument("--people", type=int, default=6, help="how many rendered people")
    parser.add_argument("--frames", type=int, default=2)
    parser.add_argument("--pack", default="mini")
    parser.add_argument("--json", type=Path, required=True)
    parser.add_argument("--sheet", type=Path, required=True)
    return parser.parse_args()


def _clips(options: argparse.Namespace, autoencoder: Autoencoder) -> list[tuple[Tensor, FaceTrack, SourceFacts]]:
    side = autoencoder.pack.spec.resolution
    if options.clips:
        found = read_clips(options.clips, options.frames, side, autoencoder.device)
        return [(clip.crops, clip.track, clip.facts) for clip in found]
    people = held_out_clips(options.people, options.frames, side, FIRST_PERSON)
    return [(person.crops, *crop_track(options.frames, side)) for person in people]


@torch.no_grad()
def _ways(
    autoencoder: Autoencoder, recogniser: Recogniser, code: ClipCode, giver: ClipCode, picture: Tensor
) -> dict[str, float]:
    """How far picture [T, 3, S, S] signed has gone from source to giver, in the first frame: see WAYS."""
    nets = autoencoder.networks
    three = torch.cat([_signed(code)[:1], _signed(giver)[:1], picture[:1]])
    away = ~((nets.parser(three).argmax(1) != 0).any(0))
    surroundings = three[:, :, away].mean(2) if away.any() else torch.zeros(3, 3)
    seen = (recogniser.embed(three), nets.landmarks(three).flatten(1), surroundings)
    return {name: round(_share(*what), 3) for name, what in zip(WAYS, seen, strict=True)}


def _share(source: Tensor, giver: Tensor, made: Tensor) -> float:
    """Where made lies on the line from source (0) to giver (1)."""
    way = giver - source
    return float(((made - source) * way).sum() / way.square().sum().clamp(min=1e-9))


def _signed(code: ClipCode) -> Tensor:
    return code.crops.float() / 127.5 - 1


if __name__ == "__main__":
    main()
