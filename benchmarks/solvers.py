"""Which solver to take: reconstruction, noise map, edits and their steadiness, a row for each solver and steps.

    python -m benchmarks.solvers --clips DIR --judge judge.ema.safetensors [--solvers A,B] [--steps 5,10,20]
                                 [--frames 4] [--people 14] --json OUT

- real, synthetic: mean SSIM, MS-SSIM (three scales at 64 pixels) and PSNR of reconstructed crops, residual not applied;
  the first frames of every clip with a face, and held-out people of two frames each.
- noise: mean, standard deviation, kurtosis (3 for Gaussian) and correlation of horizontal neighbours of x_T of the real
  clips. A two-step solver's second state is left out.
- success, drift: as in benchmarks.edits, over the edits below at strength 1 on the held-out people. share, outside too.
- flicker: how much the change that an edit makes differs from one real frame to the next, of the change itself.
"""

import argparse
import json
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

from dva.dva_plugin.packs import open_pack
from dva.model.autoencoder import Autoencoder
from dva.model.code import ClipCode
from dva.model.editing.attribute import attribute_edit
from dva.model.errors import UsageError
from dva.model.metrics.reconstruction import ms_ssim, psnr, ssim
from dva.model.samplers import PATHS, Solver, solver_named
from dva.model.synth import ATTRIBUTES
from dva.model.training.judge import Judge

from .counting import Evaluations
from .edits import CHANGED, FEWEST, convinced, others, verdict
from .held_out import crop_track, held_out_clips
from .reconstruct import Clip, read_clips

EDITS = (
    ("Eyeglasses", 1.0),
    ("Blond_Hair", 1.0),
    ("Black_Hair", 1.0),
    ("No_Beard", -1.0),
    ("Wearing_Hat", 1.0),
    ("Bangs", 1.0),
    ("Gray_Hair", 1.0),
    ("Pale_Skin", 1.0),
)
STEADY = EDITS[1]
"""The edit whose flicker is measured."""
FRAMES_OF_PEOPLE = 2


@dataclass(frozen=True)
class Toggled:
    """A held-out person, and the truth for each edit that fits."""

    clip: Clip
    verdict: Tensor
    truths: dict[tuple[str, float], Tensor]
    """[T, 3, S, S] in [0, 1]."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=Path, required=True)
    parser.add_argument("--judge", type=Path, required=True)
    parser.add_argument("--solvers", default=",".join(PATHS))
    parser.add_argument("--steps", default="5,10,20")
    parser.add_argument("--frames", type=int, default=4)
    parser.add_argument("--people", type=int, default=14)
    parser.add_argument("--pack", default="mini")
    parser.add_argument("--json", type=Path, required=True)
    options = parser.parse_args()
    autoencoder = Autoencoder(open_pack(options.pack), torch.device("cpu"))
    judge = Judge()
    judge.load_state_dict(load_file(options.judge))
    judge.eval()
    size = autoencoder.pack.spec.resolution
    real = read_clips(options.clips, options.frames, size, torch.device("cpu"))
    people = _people(options.people, size, judge)
    evaluations, rows = Evaluations(autoencoder), []
    for solver, steps in product(options.solvers.split(","), (int(s) for s in options.steps.split(","))):
        try:
            row = _row(autoencoder, evaluations, (solver_named(solver), steps), real, people, judge)
        except UsageError as error:
            print(error)
            continue
        rows.append(row)
        print(json.dumps(row), flush=True)
        options.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


def _people(count: int, size: int, judge: Judge) -> list[Toggled]:
    found = []
    for person in held_out_clips(count, FRAMES_OF_PEOPLE, size):
        source = person.crops.float() / 255
        truths = {}
        for name, strength in EDITS:
            if person.lacks(name) if strength > 0 else person.has(name):
                truth = person.toggled(name, value=strength > 0).float() / 255
                if _region(truth, source).sum() >= FEWEST * len(source):
                    truths[name, strength] = truth
        clip = Clip(f"person {person.number}", person.crops, *crop_track(FRAMES_OF_PEOPLE, size))
        found.append(Toggled(clip, verdict(judge, source), truths))
    return found


def _region(truth: Tensor, source: Tensor) -> Tensor:
    """[T, 1, S, S] 1 where the true toggle changes the picture."""
    return ((truth - source).abs().amax(1, keepdim=True) > CHANGED).float()


def _row(
    autoencoder: Autoencoder,
    evaluations: Evaluations,
    path: tuple[Solver, int],
    real: list[Clip],
    people: list[Toggled],
    judge: Judge,
) -> dict[str, Any]:
    solver, steps = path

    def encoded(clip: Clip) -> ClipCode:
        return autoencoder.encode(clip.crops, clip.track, clip.facts, steps, solver)

    evaluations.taken()
    codes = [encoded(clip) for clip in real]
    frames = sum(int(clip.track.usable().sum()) for clip in real)
    up_and_back = evaluations.taken() / frames
    heads = [encoded(person.clip) for person in people]
    return {
        "solver": solver,
        "steps": steps,
        "evaluations_to_encode": round(up_and_back, 1),
        "real": _reconstruction(autoencoder, codes),
        "synthetic": _reconstruction(autoencoder, heads),
        "noise": _noise(codes),
        **_edits(autoencoder, people, heads, judge),
        "flicker": round(float(np.mean([_flicker(autoencoder, code) for code in codes])), 4),
    }


def _reconstruction(autoencoder: Autoencoder, codes: list[ClipCode]) -> dict[str, float]:
    rows = []
    for code in codes:
        usable = torch.from_numpy(code.track.usable())
        source = code.crops[usable].float() / 255
        again = ((autoencoder.reconstruct(code)[usable] + 1) / 2).clamp(0, 1)
        rows.append([float(measure(source, again).mean()) for measure in (ssim, ms_ssim, psnr)])
    means = np.mean(rows, 0)
    return {name: round(float(v), 4) for name, v in zip(("ssim", "ms_ssim", "psnr"), means, strict=True)}


def _noise(codes: list[ClipCode]) -> dict[str, float]:
    x = torch.cat([code.noise[torch.from_numpy(code.track.usable()), :3].double() for code in codes])
    mean, spread = x.mean(), x.std()
    unit = (x - mean) / spread
    return {
        "mean": round(float(mean), 3),
        "std": round(float(spread), 3),
        "kurtosis": round(float(unit.pow(4).mean()), 2),
        "correlation": round(float((unit[..., 1:] * unit[..., :-1]).mean()), 3),
    }


def _edits(autoencoder: Autoencoder, people: list[Toggled], codes: list[ClipCode], judge: Judge) -> dict[str, Any]:
    numbers = []
    for person, code in zip(people, codes, strict=True):
        source = code.crops.float() / 255
        for (name, strength), truth in person.truths.items():
            edit = attribute_edit(autoencoder.pack, name, strength, len(code))
            edited = (source + autoencoder.decode(code.with_edit(edit)).difference).clamp(0, 1)
            after, index, region = verdict(judge, edited), ATTRIBUTES.index(name), _region(truth, source)
            won = convinced(1 if strength > 0 else -1, float(person.verdict[index]), float(after[index]))
            drift = float((after - person.verdict).abs()[others(name)].mean())
            wanted, made = (truth - source) * region, (edited - source) * region
            outside = float(((edited - source).abs() * (1 - region)).sum() / (3 * (1 - region).sum())) * 255
            numbers.append([won, drift, float((wanted * made).sum() / wanted.square().sum()), outside])
    means = np.array(numbers, float).mean(0)
    names = ("success", "drift", "share", "outside")
    return {"edits": len(numbers), **{n: round(float(m), 4) for n, m in zip(names, means, strict=True)}}


def _flicker(autoencoder: Autoencoder, code: ClipCode) -> float:
    change = autoencoder.decode(code.with_edit(attribute_edit(autoencoder.pack, *STEADY, len(code)))).difference
    change = change[torch.from_numpy(code.track.usable())]
    return float((change[1:] - change[:-1]).abs().mean() / change.abs().mean())


if __name__ == "__main__":
    main()
