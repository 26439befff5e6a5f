"""Edits of held-out heads whose z_id is somebody else's: what becomes of them where the identity encoder is wrong.

    python -m benchmarks.strangers [--pack mini] [--clips 32] [--code CLIP.dva ...] --json OUT

An encoder that has seen renders alone is wrong about every real face. Here pictures, motion and truth stay the heads'
own, and z_id is `own`, that of `another` of the heads that the edit fits, or that of a clip code, which may be of real
footage; a code of any pack with the same encoders will do. share and outside as in benchmarks.edits: the part of the
true change that is made where it belongs, and the mean change elsewhere, of 255.
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from dva.dva_plugin.packs import open_pack
from dva.model.autoencoder import Autoencoder
from dva.model.code import load_code
from dva.model.samplers import solver_named

from .batch import Frames, Walk
from .held_out import held_out_clips
from .lengths import FIRST, fewer
from .toggles import Toggled, against_truth, toggled

EDITS = (("Eyeglasses", 1.0), ("Wearing_Hat", 1.0), ("No_Beard", -1.0), ("Gray_Hair", 1.0), ("Wavy_Hair", 1.0))
LINE = "{attribute:<14}{heads:4d} heads  {z_id:<24}share {share:.2f}  outside {outside:.1f}"


def main() -> None:
    """Print a line an edit and z_id."""
    options = _options()
    pack = open_pack(options.pack)
    autoencoder = Autoencoder(pack, torch.device("cpu"))
    walk = Walk(autoencoder, solver_named(pack.defaults.solver), pack.defaults.steps)
    clips = list(held_out_clips(options.people, 1, pack.spec.resolution, FIRST))
    people = Frames.of(autoencoder, [clip.crops for clip in clips])
    rows: list[dict[str, Any]] = []
    for edit in EDITS:
        found = toggled(edit, clips)
        if found is not None:
            case = fewer(found, options.clips)
            for who, z_id in _identities(people.z_id[case.rows], options.code).items():
                rows.append(_measured(walk, people, case, z_id) | {"z_id": who})
                print(LINE.format_map(rows[-1]), flush=True)
    options.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pack", default="mini")
    parser.add_argument("--people", type=int, default=110, help="pool that heads are drawn from")
    parser.add_argument("--clips", type=int, default=32, help="most heads an edit")
    parser.add_argument("--code", type=Path, action="append", default=[], metavar="FILE.dva")
    parser.add_argument("--json", type=Path, required=True)
    return parser.parse_args()


def _identities(own: Tensor, codes: list[Path]) -> dict[str, Tensor]:
    """[n, D] each: whose z_id the heads are said to have."""
    found = {"own": own, "another": own.roll(1, 0)}
    for path in codes:
        found[path.stem] = F.normalize(load_code(path).z_id, dim=0).expand(len(own), -1)
    return found


def _measured(walk: Walk, people: Frames, case: Toggled, z_id: Tensor) -> dict[str, Any]:
    frames = replace(people[case.rows], z_id=z_id)
    none = people.x0.new_zeros(len(frames), 1)
    edited = ((walk.edited(none, none, frames, case.edit) + 1) / 2).clamp(0, 1)
    share, _, outside, _ = against_truth(case, (frames.x0 + 1) / 2, edited)
    name, sign = case.edit
    figures = {"share": round(float(share.mean()), 3), "outside": round(float(outside.mean()), 2)}
    return {"attribute": name, "sign": sign, "heads": len(frames), **figures}


if __name__ == "__main__":
    main()
