"""What `benchmarks.looks` says of a perfect edit: the renderer's own, the same head with one attribute toggled.

    python -m benchmarks.looks_truth [--people 120] --json OUT

Pose, light and camera stay, 40 people an edit at most, shown 360 pixels wide. No feature of the face moves in between,
so `moved` is MTCNN's own answer to glasses or a hat. `right_way` is the share of heads whose colour goes as the edit's
name foretells: less than all where a blue cap is lighter than the hair it covers. Medians but for `right_way`.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from torch import Tensor

from dva.model.types import ByteArray

from .held_out import HeldOutClip, held_out_clips
from .looks import EDITS, EXPECTED, of_frame, points_of

SIDE, SHOWN, MOST = 128, 360, 40


def main() -> None:
    """Print a line an edit."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=120, help="pool that heads are drawn from")
    parser.add_argument("--json", type=Path, required=True)
    options = parser.parse_args()
    people = list(held_out_clips(options.people, 1, SIDE))
    rows: list[dict[str, Any]] = []
    for name, strength in EDITS:
        rows.append(_measured([person for person in people if person.suits(name, strength)][:MOST], name, strength))
        print(json.dumps(rows[-1]), flush=True)
    options.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


def _measured(people: list[HeldOutClip], name: str, strength: float) -> dict[str, Any]:
    """Over the heads in which MTCNN finds a face before and after."""
    found = np.array([row for row in (_of_head(person, name, strength) for person in people) if row is not None])
    sign = EXPECTED[name][2] * np.sign(strength)
    medians = (round(float(value), 4) for value in np.median(found, axis=0))
    figures = dict(zip(("change", "inside", "way", "moved"), medians, strict=True))
    right = round(float((found[:, 2] * sign > 0).mean()), 3)
    return {"attribute": name, "strength": float(np.sign(strength)), "heads": len(found), **figures, "right_way": right}


def _of_head(person: HeldOutClip, name: str, strength: float) -> list[float] | None:
    source, truth = _shown(person.crops[0]), _shown(person.toggled(name, value=strength > 0)[0])
    points = points_of(source)
    figures = None if points is None else of_frame(source, truth, points, name)
    return None if figures is None or np.isnan(figures).any() else figures


def _shown(crop: Tensor) -> ByteArray:
    size = (SHOWN, SHOWN)
    return np.asarray(cv2.resize(crop.permute(1, 2, 0).numpy(), size, interpolation=cv2.INTER_CUBIC), np.uint8)


if __name__ == "__main__":
    main()
