"""What a frame costs against the length of the clip, the number of steps, or the side of the picture.

    python -m benchmarks.cost --over length [--values 30,300,3000] [--steps 4] --clip CLIP --json OUT
    python -m benchmarks.cost --over steps [--values 5,10,20,50,100] [--frames 8] --clip CLIP --json OUT
    python -m benchmarks.cost --over side [--values 64,128,256] --json OUT

- length: encode and decode of the clip's first crops, played to and fro with faint noise of its own on every frame, so
  that no two are equal: the median over chunks of seconds a frame, and evaluations a frame. Network stages alone; what
  a whole shot takes in memory and time is benchmarks.memory's.
- steps: one edit with the pack's solver, and beside it the reference semantics of benchmarks.edit at as many steps.
- side: one evaluation of the published architecture, weights drawn: plain float32, and the fast path of a pack that
  asks for bfloat16.

Seconds are the processor's, all threads together, which other programs on the machine do not lengthen.
"""

import argparse
import statistics
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor

from dva.dva_plugin.packs import open_pack
from dva.model.autoencoder import Autoencoder
from dva.model.editing.attribute import attribute_edit
from dva.model.faces.clip import aligned_crops
from dva.model.faces.detect import FaceDetector
from dva.model.faces.track import track_face
from dva.model.packs.pack import Pack
from dva.model.predictor import multiplying_in
from dva.model.types import Progress
from dva.model.unet import UNet, UNetSpec
from dva.model.video import open_video

from .counting import Evaluations, Spent
from .edit import first_frames, reference
from .held_out import crop_track
from .report import Panel, Row, keep, lines, table

CPU = torch.device("cpu")
EDIT = ("Blond_Hair", 1.0)
SHOWN = 8
"""Crops of the clip that a longer one is made of."""
VALUES = {"length": "30,300,3000", "steps": "5,10,20,50,100", "side": "64,128,256"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--over", choices=VALUES, required=True)
    parser.add_argument("--values", help="numbers, separated by commas")
    parser.add_argument("--clip", type=Path)
    parser.add_argument("--frames", type=int, default=8, help="of the clip, for steps")
    parser.add_argument("--steps", type=int, default=4, help="for length; the ratio does not depend on them")
    parser.add_argument("--pack", default="mini")
    parser.add_argument("--json", type=Path, required=True)
    options = parser.parse_args()
    if options.clip is None and options.over != "side":
        parser.error(f"--over {options.over} needs --clip")
    measure: Callable[[argparse.Namespace, int], list[Row]] = {"length": _length, "steps": _steps, "side": _side}[
        options.over
    ]
    rows = [
        row for value in (options.values or VALUES[options.over]).split(",") for row in measure(options, int(value))
    ]
    what = [key for key in rows[0] if key.startswith("seconds")]
    panels = [
        Panel(f"A frame against {options.over}", options.over, y, lines(rows, "way", options.over, y), log=True)
        for y in what
    ]
    keep(options.json, rows, *panels)
    print(table(rows))


def _crops(options: argparse.Namespace, pack: Pack, count: int) -> Tensor:
    """The first usable crops of the clip, [T, 3, S, S] uint8."""
    source = first_frames(open_video(options.clip), count)
    track = track_face(source, FaceDetector(CPU))
    return aligned_crops(source, track, pack.spec.resolution)[torch.from_numpy(track.usable())]


def _length(options: argparse.Namespace, frames: int) -> list[Row]:
    pack = open_pack(options.pack)
    shown = _crops(options, pack, SHOWN)
    order = [*range(len(shown)), *range(len(shown) - 2, 0, -1)]
    noise = torch.randint(-2, 3, (frames, *shown.shape[1:]), generator=torch.Generator().manual_seed(0))
    crops = (shown[[order[i % len(order)] for i in range(frames)]] + noise).clamp(0, 255).to(torch.uint8)
    autoencoder = Autoencoder(pack, CPU)
    autoencoder.encode(crops[: autoencoder.chunk], *crop_track(autoencoder.chunk, crops.shape[-1]), options.steps)
    evaluations, paces = Evaluations(autoencoder), _Paces()
    code = autoencoder.encode(crops, *crop_track(frames, crops.shape[-1]), options.steps, on_progress=paces)
    up = evaluations.taken() / frames
    autoencoder.decode(code.with_edit(attribute_edit(pack, *EDIT, frames)), paces)
    return [
        {
            "way": pack.defaults.solver,
            "length": frames,
            "steps": options.steps,
            "evaluations_encode": round(up, 2),
            "evaluations_decode": round(evaluations.taken() / frames, 2),
            "seconds_encode": round(paces.median("encode"), 5),
            "seconds_decode": round(paces.median("decode"), 5),
        }
    ]


class _Paces:
    """An OnProgress that notes what the processor has spent when each chunk is done."""

    def __init__(self) -> None:
        self._seen: dict[str, dict[int, float]] = {}

    def __call__(self, progress: Progress) -> None:
        self._seen.setdefault(progress.stage, {}).setdefault(progress.done, Spent.so_far().cpu)

    def median(self, stage: str) -> float:
        """Seconds a frame."""
        seen = list(self._seen[stage].items())
        return statistics.median((after - before) / (b - a) for (a, before), (b, after) in pairwise(seen))


def _steps(options: argparse.Namespace, steps: int) -> list[Row]:
    pack = open_pack(options.pack)
    crops = _crops(options, pack, options.frames)
    autoencoder = Autoencoder(pack, CPU)
    evaluations, begun = Evaluations(autoencoder), Spent.so_far()
    code = autoencoder.encode(crops, *crop_track(len(crops), crops.shape[-1]), steps)
    autoencoder.decode(code.with_edit(attribute_edit(pack, *EDIT, len(crops))))
    ours, count = begun.until_now().cpu / len(crops), evaluations.taken() / len(crops)
    theirs, their_count = reference(pack, CPU, crops, EDIT, autoencoder.chunk, steps)
    return [
        {"way": name, "steps": steps, "evaluations": round(n, 1), "seconds": round(s, 4)}
        for name, n, s in ((pack.defaults.solver, count, ours), ("reference", their_count, theirs.cpu / len(crops)))
    ]


@torch.inference_mode()
def _side(options: argparse.Namespace, side: int) -> list[Row]:
    del options
    torch.manual_seed(0)
    spec = replace(UNetSpec(), resolution=side)
    plain = UNet(spec).eval()
    laid_out = multiplying_in("bfloat16", UNet(spec).eval().to(memory_format=torch.channels_last))
    x, z, t = torch.randn(1, 3, side, side), torch.randn(1, spec.face_dim), torch.tensor([500])
    time, face = laid_out.time_modulation(t), laid_out.face_modulation(z)
    ways: dict[str, Callable[[], Tensor]] = {
        "float32": lambda: plain(x, t, z),
        "bfloat16 products": lambda: laid_out.predict(x.contiguous(memory_format=torch.channels_last), time, face),
    }
    rows: list[Row] = []
    for name, way in ways.items():
        way()
        begun = Spent.so_far()
        way()
        rows.append({"way": name, "side": side, "seconds": round(begun.until_now().cpu, 3)})
    return rows


if __name__ == "__main__":
    main()
