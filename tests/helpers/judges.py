"""A judge small enough for tests: the real classifier, a tiny recogniser, random weights."""

import hashlib
import json
from pathlib import Path

import torch
from safetensors.torch import save_file

from dva.model.metrics.judge import Judge, JudgeIdentity

SIDE = 16
ATTRIBUTES = ("Eyeglasses", "Gray_Hair")


def write_tiny_judge(folder: Path, **changes: object) -> Path:
    """Write a judge's folder; changes replace keys of judge.json."""
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(5)
    parts = {"classifier": Judge(len(ATTRIBUTES)), "identity": JudgeIdentity(SIDE, (8,), (1,), 6)}
    state = {f"{part}.{n}": t.half() for part, net in parts.items() for n, t in net.state_dict().items()}
    path = folder / "judge.safetensors"
    save_file(state, path)
    facts = {
        "format_version": 1,
        "resolution": SIDE,
        "attributes": ATTRIBUTES,
        "identity": {"widths": [8], "depths": [1], "dim": 6},
        "files": {path.name: {"sha256": hashlib.sha256(path.read_bytes()).hexdigest()}},
    }
    (folder / "judge.json").write_text(json.dumps(facts | changes), encoding="utf-8")
    return folder
