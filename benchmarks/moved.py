"""How far MTCNN's points move when the renderer itself makes an edit: what `benchmarks.looks` can ask of a perfect one.

    python -m benchmarks.moved [--people 120] --json OUT

The same head, pose, light and camera with one attribute toggled, 40 people an edit at most, shown 360 pixels wide. No
feature of the face moves in between, so whatever moves is MTCNN's own answer to glasses or a hat. In parts of its box's
width, as there.
"""

import argparse
import json
from pathlib import Path

import cv2
import numpy as np
from torch import Tensor

from dva.model.types import ByteArray

from .held_out import HeldOutClip, held_out_clips
from .looks import EDITS, points_of

SIDE, SHOWN, MOST = 128, 360, 40


def main() -> None:
    """Print a line an edit."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=120, help="pool that heads are drawn from")
    parser.add_argument("--json", type=Path, required=True)
    options = parser.parse_args()
    people = list(held_out_clips(options.people, 1, SIDE))
    rows: list[dict[str, str | float]] = []
    for name, strength in EDITS:
        suited = [person for person in people if person.suits(name, strength)][:MOST]
        moved = [m for m in (_moved(person, name, strength) for person in suited) if m is not None]
        median, mean = (round(float(of(moved)), 4) for of in (np.median, np.mean))
        rows.append({"attribute": name, "strength": strength, "heads": len(moved), "median": median, "mean": mean})
        print(json.dumps(rows[-1]), flush=True)
    options.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


def _moved(person: HeldOutClip, name: str, strength: float) -> float | None:
    """None where MTCNN does not find both."""
    before = points_of(_shown(person.crops[0]))
    after = points_of(_shown(person.toggled(name, value=strength > 0)[0]))
    if before is None or after is None:
        return None
    return float(np.hypot(*(after[0] - before[0]).T).mean()) / before[1]


def _shown(crop: Tensor) -> ByteArray:
    return np.asarray(cv2.resize(crop.permute(1, 2, 0).numpy(), (SHOWN, SHOWN), interpolation=cv2.INTER_CUBIC))


if __name__ == "__main__":
    main()
