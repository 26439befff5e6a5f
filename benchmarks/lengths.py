"""How long strength 1 should be: every edit at several strengths, on people who are neither trained on nor measured.

    python -m benchmarks.lengths --judge judge.ema.safetensors [--pack mini] [--strengths 0.85,1,1.15,1.35]
                                 [--edit NAME ...] [--people 150] [--clips 64] --json OUT

One frame a person. success, drift and share as in benchmarks.edits, where other people are measured. Choose the least
strength that convinces; LENGTHS of model/training/assemble.py times it is the new length. --edit on two processes keeps
two cores busy.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from dva.dva_plugin.packs import open_pack
from dva.model.autoencoder import Autoencoder
from dva.model.samplers import PATHS, solver_named
from dva.model.synth import ATTRIBUTES
from dva.model.training.judge import Judge

from .batch import Frames, Walk
from .edits import convinced, every_edit, others
from .held_out import held_out_clips
from .toggles import Toggled, against_truth, toggled

FIRST = 10_000
"""Number of the first person; benchmarks.pack measures those from 0 on."""


def main() -> None:
    """Print a line an edit."""
    options = _options()
    pack = open_pack(options.pack)
    autoencoder, judge = Autoencoder(pack, torch.device("cpu")), Judge()
    judge.load_state_dict(load_file(options.judge))
    judge.eval()
    solver = solver_named(pack.defaults.solver)
    if not PATHS[solver].edit:
        raise SystemExit(
            f"{options.pack} edits by way of {solver}, from noise maps; wanted a pack that edits its crops"
        )
    walk = Walk(autoencoder, solver, pack.defaults.steps)
    clips = list(held_out_clips(options.people, 1, pack.spec.resolution, FIRST))
    people = Frames.of(autoencoder, [clip.crops for clip in clips])
    found: list[dict[str, Any]] = []
    for name, sign in every_edit(pack):
        case = toggled((name, sign), clips) if not options.edit or name in options.edit else None
        if case is not None:
            strengths = [float(s) for s in options.strengths.split(",")]
            found.append(_measured(walk, judge, people, fewer(case, options.clips), strengths))
            options.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
            print(_line(found[-1]), flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pack", default="mini")
    parser.add_argument("--judge", type=Path, required=True)
    parser.add_argument("--strengths", default="0.85,1,1.15,1.35")
    parser.add_argument("--edit", action="append", choices=ATTRIBUTES, metavar="NAME")
    parser.add_argument("--people", type=int, default=150, help="pool that heads are drawn from")
    parser.add_argument("--clips", type=int, default=64, help="most heads an edit")
    parser.add_argument("--json", type=Path, required=True)
    return parser.parse_args()


def fewer(case: Toggled, most: int) -> Toggled:
    """The first people of a case."""
    return Toggled(case.edit, case.rows[:most], case.truth[:most], case.region[:most])


@torch.no_grad()
def _measured(walk: Walk, judge: Judge, people: Frames, case: Toggled, strengths: list[float]) -> dict[str, Any]:
    (name, sign), rows = case.edit, case.rows
    index, untied = ATTRIBUTES.index(name), others(name)
    before = torch.sigmoid(judge(people.x0[rows]))
    true = torch.sigmoid(judge(case.truth * 2 - 1))

    def success(after: Tensor) -> float:
        pairs = zip(before[:, index].tolist(), after[:, index].tolist(), strict=True)
        return round(sum(convinced(int(sign), p, q) for p, q in pairs) / len(rows), 3)

    def drift(after: Tensor) -> float:
        return round(float((after - before)[:, untied].abs().mean()), 4)

    tried: list[dict[str, float]] = []
    none, source = people.x0.new_zeros(len(people), 1), (people.x0[rows] + 1) / 2
    for strength in strengths:
        decoded = walk.edited(none, none, people[rows], (name, sign * strength))
        edited = ((decoded + 1) / 2).clamp(0, 1)
        share, after = against_truth(case, source, edited)[0].mean(), torch.sigmoid(judge(edited * 2 - 1))
        figures = {"success": success(after), "drift": drift(after), "share": round(float(share), 3)}
        tried.append({"strength": strength, **figures})
    truth = {"success": success(true), "drift": drift(true)}
    return {"attribute": name, "sign": sign, "heads": len(rows), "truth": truth, "strengths": tried}


def _line(row: dict[str, Any]) -> str:
    tried = "  ".join(
        f"{t['strength']:g}: {t['success']:.2f} {t['drift']:.3f} {t['share']:.2f}" for t in row["strengths"]
    )
    truth = f"truth {row['truth']['success']:.2f} {row['truth']['drift']:.3f}"
    return f"{row['attribute']:<18}{row['sign']:+g}  {row['heads']:3d} heads  {truth}  |  {tried}"


if __name__ == "__main__":
    main()
