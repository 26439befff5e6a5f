"""Which solver to take: reconstruction, noise map, edits and their steadiness, a row for each solver and steps.

    python -m benchmarks.solvers --clips DIR --judge judge.ema.safetensors [--solvers A,B] [--steps 5,10,20,50,100]
                                 [--frames 4] [--people 16] [--first 0] [--start 600] [--precision P]
                                 --json OUT [--sheet PNG]

Rows are added to OUT as they come, and those that are there are not measured again, so that a run may be broken off.

- real, synthetic: mean SSIM, MS-SSIM (three scales at 64 pixels) and PSNR of reconstructed crops, residual not applied;
  the first frames of every clip with a face, and held-out people of one frame each.
- noise: mean, standard deviation, kurtosis (3 for Gaussian) and correlation of horizontal neighbours of x_T of the real
  clips. A two-step solver's second state is left out.
- success, drift, share, outside: as in benchmarks.edits, over the edits of toggles.py at strength 1 on the held-out
  people; _within: half of the interval that holds them with 95 %. near: 1 - L1(edited, truth) / L1(source, truth) where
  the true toggle changes the picture. fine: mean difference of neighbouring pixels of the change, of 255.
- flicker: how much the change that an edit makes differs from one real frame to the next, of the change itself.
"""

import argparse
import json
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import get_args

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor

from dva.dva_plugin.packs import open_pack
from dva.model.autoencoder import Autoencoder
from dva.model.errors import UsageError
from dva.model.metrics.reconstruction import ms_ssim, psnr, ssim
from dva.model.predictor import Precision
from dva.model.samplers import PATHS, solver_named
from dva.model.training.judge import Judge

from .batch import Frames, Walk
from .counting import Evaluations, Spent
from .held_out import held_out_clips
from .reconstruct import read_clips
from .report import Panel, Row, keep, lines, table
from .toggles import EDITS, Toggled, block, judged, toggled

STEADY = ("Blond_Hair", 1.0)
"""The edit whose flicker is measured."""


@dataclass(frozen=True)
class Material:
    """What every row is measured on."""

    real: Frames
    together: Tensor
    """[N - 1] bool: whether a real frame and the one after it are neighbours in one clip."""
    people: Frames
    toggles: list[Toggled]
    judge: Judge


def main() -> None:
    options = _options()
    pack = open_pack(options.pack)
    if options.start:
        pack = replace(pack, defaults=replace(pack.defaults, start=options.start))
    autoencoder = Autoencoder(pack, torch.device("cpu"), options.precision)
    rows: list[Row] = json.loads(options.json.read_text("utf-8")) if options.json.exists() else []
    evaluations, material, blocks = Evaluations(autoencoder), _material(autoencoder, options), []
    for solver, steps in product(options.solvers.split(","), (int(s) for s in options.steps.split(","))):
        start = 1000 if solver == "published" else pack.defaults.start
        key = {"solver": solver, "steps": steps, "start": start, "precision": autoencoder.precision}
        if any(row.items() >= key.items() for row in rows):
            continue
        try:
            walk = Walk(autoencoder, solver_named(solver), steps)
        except UsageError as error:
            print(error)
            continue
        row, pictures = _measure(walk, evaluations, material)
        rows.append({**key, **row})
        blocks.append(pictures)
        print(table([rows[-1]]), flush=True)
        keep(options.json, rows, *_panels(rows))
    print(table(rows))
    if options.sheet and blocks:
        sources = block([(material.people.x0[t.rows] + 1) / 2 for t in material.toggles])
        truths = block([t.truth for t in material.toggles])
        Image.fromarray(np.concatenate([sources, *blocks, truths])).save(options.sheet)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=Path, required=True)
    parser.add_argument("--judge", type=Path, required=True)
    parser.add_argument("--solvers", default=",".join(PATHS))
    parser.add_argument("--steps", default="5,10,20,50,100")
    parser.add_argument("--frames", type=int, default=4, help="first frames of each real clip")
    parser.add_argument("--people", type=int, default=16)
    parser.add_argument("--first", type=int, default=0, help="number of the first person")
    parser.add_argument("--start", type=int, help="where paths end, 1 to 1000; default: the pack's")
    parser.add_argument("--precision", choices=get_args(Precision), help="default: the pack's")
    parser.add_argument("--pack", default="mini")
    parser.add_argument("--json", type=Path, required=True)
    parser.add_argument("--sheet", type=Path, help="draw edits: sources, each row that was measured, truths")
    return parser.parse_args()


def _material(autoencoder: Autoencoder, options: argparse.Namespace) -> Material:
    judge = Judge()
    judge.load_state_dict(load_file(options.judge))
    size = autoencoder.pack.spec.resolution
    clips = [
        clip.crops[torch.from_numpy(clip.track.usable())]
        for clip in read_clips(options.clips, options.frames, size, autoencoder.device)
    ]
    numbers = torch.cat([torch.full((len(crops),), i) for i, crops in enumerate(clips)])
    people = list(held_out_clips(options.people, 1, size, options.first))
    toggles = [found for edit in EDITS if (found := toggled(edit, people)) is not None]
    seen = Frames.of(autoencoder, [person.crops for person in people])
    return Material(Frames.of(autoencoder, clips), numbers[1:] == numbers[:-1], seen, toggles, judge.eval())


def _measure(walk: Walk, evaluations: Evaluations, material: Material) -> tuple[Row, np.ndarray]:
    """A row, and its block of the sheet."""
    evaluations.taken()
    begun = Spent.so_far()
    maps = walk.up(material.real)
    upwards = evaluations.taken() / len(maps)
    again = walk.down(maps, material.real)
    downwards = evaluations.taken() / len(maps)
    residual = material.real.x0 - again
    change = walk.edited(maps, residual, material.real, STEADY) - material.real.x0
    flicker = (change[1:] - change[:-1]).abs()[material.together].mean() / change.abs().mean()
    edits, heads, pictures = judged(walk, material.judge, material.people, material.toggles)
    row = {
        "evaluations_up": round(upwards, 1),
        "evaluations_down": round(downwards, 1),
        **{f"real_{k}": v for k, v in _reconstruction(material.real.x0, again).items()},
        **{f"synthetic_{k}": v for k, v in _reconstruction(material.people.x0, heads).items()},
        **{f"noise_{k}": v for k, v in _noise(maps).items()},
        **edits,
        "flicker": round(float(flicker), 4),
        "cpu_s": round(begun.until_now().cpu, 1),
    }
    return row, pictures


def _reconstruction(source: Tensor, again: Tensor) -> dict[str, float]:
    a, b = ((x + 1) / 2 for x in (source, again.clamp(-1, 1)))
    measures = {"ssim": ssim, "ms_ssim": ms_ssim, "psnr": psnr}
    return {name: round(float(measure(a, b).mean()), 4) for name, measure in measures.items()}


def _noise(maps: Tensor) -> dict[str, float]:
    x = maps[:, :3].double()
    mean, spread = x.mean(), x.std()
    unit = (x - mean) / spread
    return {
        "mean": round(float(mean), 3),
        "std": round(float(spread), 3),
        "kurtosis": round(float(unit.pow(4).mean()), 2),
        "correlation": round(float((unit[..., 1:] * unit[..., :-1]).mean()), 3),
    }


def _panels(rows: list[Row]) -> list[Panel]:
    named = [{**row, "way": f"{row['solver']} {row['start']}"} for row in rows]
    return [
        Panel("Real clips", "steps", "SSIM", lines(named, "way", "steps", "real_ssim"), log=True),
        Panel("Edits that convince", "steps", "share of edits", lines(named, "way", "steps", "success"), log=True),
        Panel("What they drag along", "steps", "drift", lines(named, "way", "steps", "drift"), log=True),
        Panel("Steadiness", "steps", "flicker", lines(named, "way", "steps", "flicker"), log=True),
    ]


if __name__ == "__main__":
    main()
