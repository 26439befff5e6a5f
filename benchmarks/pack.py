"""What a pack is worth: its edits on held-out synthetic clips, and its encoders on held-out faces.

    python -m benchmarks.pack [--pack mini] [--before PACK] [--people 300] [--clips 64] --json OUT [--sheet PNG]

Both kinds of people are in no training set; the installed pack `judge`, trained on others still, decides. An edit
passes when it convinces in nine of ten clips and moves the other attributes by a tenth at most. --before measures a
second pack on the same clips, for one table of both. Real clips: benchmarks.looks.
"""

import argparse
import json
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from tqdm import tqdm

from dva.dva_plugin.evaluate_clip import open_judge
from dva.dva_plugin.packs import open_pack
from dva.model.autoencoder import Autoencoder
from dva.model.packs.pack import Pack
from dva.model.training.data import Faces, load_faces, render_shard
from dva.model.training.judge import Judge

from . import edits, encoders
from .held_out import held_out_clips

FACES_SEED, FACES_PEOPLE, FACES = 9000, 200, 500
SUCCESS, DRIFT = 0.9, 0.1


def main() -> None:
    """Print a line an edit, then the encoders' figures."""
    options = _options()
    judge = open_judge(None, torch.device("cpu"))
    if judge is None:
        raise SystemExit("the pack `judge` is not installed, and nobody else can decide whether an edit convinces")
    with tempfile.TemporaryDirectory() as folder:
        shard = Path(folder) / f"faces-{FACES_SEED}.safetensors"
        packs = {name: open_pack(name) for name in (options.before, options.pack) if name}
        render_shard(shard, FACES_PEOPLE, FACES_SEED, max(pack.spec.resolution for pack in packs.values()))
        faces = load_faces(Path(folder))
    found: dict[str, Any] = {}
    for name, pack in packs.items():
        found[name] = _worth(pack, judge.classifier, faces.seen_at(pack.spec.resolution), options)
        options.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        print(_summary(name, found[name]))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pack", default="mini")
    parser.add_argument("--before", metavar="PACK")
    parser.add_argument("--people", type=int, default=300, help="pool that clips are drawn from")
    parser.add_argument("--clips", type=int, default=64, help="most clips an edit")
    parser.add_argument("--frames", type=int, default=2)
    parser.add_argument("--json", type=Path, required=True)
    parser.add_argument("--sheet", type=Path)
    return parser.parse_args()


def _worth(pack: Pack, judge: Judge, faces: Faces, options: argparse.Namespace) -> dict[str, Any]:
    autoencoder = Autoencoder(pack, torch.device("cpu"))
    seen = encoders.measured(pack, faces, FACES)
    people = held_out_clips(options.people, options.frames, pack.spec.resolution, 0)
    clips = [edits.Subject(clip, autoencoder, judge) for clip in tqdm(people, total=options.people, desc="render")]
    rows, sheet = edits.measured(autoencoder, judge, clips, edits.every_edit(pack), options.clips)
    if options.sheet:
        Image.fromarray(sheet).save(options.sheet)
    passed = [f"{r.attribute} {r.strength:+g}" for r in rows if r.success >= SUCCESS and r.drift <= DRIFT]
    return {
        "passed": passed,
        "edits": [asdict(row) for row in rows],
        "encoders": seen,
    }


def _summary(name: str, worth: dict[str, Any]) -> str:
    seen = worth["encoders"]
    return (
        f"{name}: {len(worth['passed'])} of {len(worth['edits'])} edits pass ({', '.join(worth['passed'])}); "
        f"identity AUC {seen['identity_auc']}, landmarks {seen['landmark_error_px']} px, "
        f"parser mIoU {seen['parser_mean_iou']}"
    )


if __name__ == "__main__":
    main()
