"""How well a clip's crops come back, residual not applied, a row for each clip, solver and number of steps.

python -m benchmarks.reconstruct --clips DIR --steps 20,100 [--frames N] [--solvers A,B] [--precision P] --json OUT

A row's evaluations are those that were made: up, down once for the residual, and down once more for the picture that is
compared. A two-step solver has no row for steps that leave it no level between the picture and its noise map.
"""

import argparse
import time
from dataclasses import dataclass
from itertools import islice, product
from pathlib import Path
from typing import get_args

import numpy as np
import torch
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from torch import Tensor
from tqdm import tqdm

from dva.dva_plugin.packs import open_pack
from dva.model.autoencoder import Autoencoder
from dva.model.code import SourceFacts
from dva.model.errors import InputError, UsageError
from dva.model.faces.clip import aligned_crops
from dva.model.faces.detect import FaceDetector
from dva.model.faces.track import track_face
from dva.model.predictor import Precision
from dva.model.samplers import PATHS, Solver, solver_named
from dva.model.types import FaceTrack
from dva.model.video import ArraySource, open_video

from .counting import Evaluations
from .report import Panel, Row, keep, lines, table

SUFFIXES = (".mp4", ".mov", ".mkv", ".webm")


@dataclass(frozen=True)
class Clip:
    """Aligned crops of one clip."""

    name: str
    crops: Tensor
    track: FaceTrack
    facts: SourceFacts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=Path, required=True)
    parser.add_argument("--steps", default="20,100")
    parser.add_argument("--frames", type=int, default=24, help="first frames of each clip")
    parser.add_argument("--solvers", default=",".join(PATHS))
    parser.add_argument("--pack", default="mini")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--precision", choices=get_args(Precision), help="default: the pack's")
    parser.add_argument("--json", type=Path, required=True)
    options = parser.parse_args()
    device = torch.device(options.device)
    autoencoder = Autoencoder(open_pack(options.pack), device, options.precision)
    evaluations = Evaluations(autoencoder)
    solvers = [solver_named(name) for name in options.solvers.split(",")]
    rows: list[Row] = []
    for clip in read_clips(options.clips, options.frames, autoencoder.pack.spec.resolution, device):
        for steps, solver in product((int(s) for s in options.steps.split(",")), solvers):
            try:
                rows.append(_measure(autoencoder, evaluations, clip, steps, solver))
            except UsageError as error:
                tqdm.write(str(error))
                continue
            tqdm.write(" ".join(f"{k}={v}" for k, v in rows[-1].items()))
    keep(
        options.json,
        rows,
        *(Panel("Real clips", "steps", y, lines(rows, "solver", "steps", y)) for y in ("ssim", "psnr")),
    )
    print(table(rows))


def read_clips(folder: Path, frames: int, size: int, device: torch.device) -> list[Clip]:
    """The first frames of every clip of a folder that has a face."""
    detector, clips = FaceDetector(device), []
    for path in sorted(p for p in folder.iterdir() if p.suffix in SUFFIXES):
        whole = open_video(path)
        first = np.stack([frame.to_rgb8() for frame in islice(whole, frames)])
        source = ArraySource(first, whole.frame_rate)
        try:
            track = track_face(source, detector)
        except InputError as error:
            tqdm.write(f"{path.name}: {error}")
            continue
        facts = SourceFacts(path.name, source.size, source.frame_rate, len(track))
        clips.append(Clip(path.name, aligned_crops(source, track, size), track, facts))
    return clips


def _measure(autoencoder: Autoencoder, evaluations: Evaluations, clip: Clip, steps: int, solver: Solver) -> Row:
    evaluations.taken()
    begun = time.perf_counter()
    code = autoencoder.encode(clip.crops, clip.track, clip.facts, steps, solver)
    again = ((autoencoder.reconstruct(code) + 1) / 2).clamp(0, 1)
    seconds = time.perf_counter() - begun
    usable = np.flatnonzero(clip.track.usable())
    pairs = [
        (clip.crops[i].permute(1, 2, 0).numpy() / 255.0, again[i].permute(1, 2, 0).double().numpy()) for i in usable
    ]
    ssim = [structural_similarity(a, b, channel_axis=2, data_range=1.0, gaussian_weights=True) for a, b in pairs]
    psnr = [peak_signal_noise_ratio(a, b, data_range=1.0) for a, b in pairs]
    return {
        "clip": clip.name,
        "solver": solver,
        "default": solver == autoencoder.pack.defaults.solver,
        "steps": steps,
        "ssim": round(float(np.mean(ssim)), 4),
        "psnr": round(float(np.mean(psnr)), 2),
        "evaluations_per_frame": round(evaluations.taken() / len(usable), 1),
        "seconds_per_frame": round(seconds / len(usable), 3),
    }


if __name__ == "__main__":
    main()
