"""A pack small enough for tests: real networks, random weights."""

import hashlib
import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from dva.model.packs.pack import FILES, Networks, Pack, load_pack, spec_from_json

SIDE = 16
FACTS: dict[str, Any] = {
    "format_version": 1,
    "name": "tiny",
    "resolution": SIDE,
    "unet": {
        "resolution": SIDE,
        "width": 8,
        "multipliers": [1, 2],
        "blocks": 1,
        "attention": [4],
        "patch": 2,
        "resample_blocks": False,
        "groups": 4,
        "time_dim": 8,
        "face_dim": 8,
        "dropout": 0.0,
        "prediction": "v",
    },
    "schedule": {"beta_first": 1e-4, "beta_last": 2e-2},
    "encoders": {
        "id_dim": 6,
        "face_hidden": [8],
        "identity_widths": [4, 8],
        "landmark_widths": [4, 8],
        "landmark_hidden": 8,
        "parser_widths": [4, 8],
        "parser_classes": ["background", "skin", "hair", "hat"],
    },
    "defaults": {"solver": "fixed_point", "steps": 10, "start": 600, "guidance": 0.0},
    "attributes": [
        {"name": "Eyeglasses", "region": "face", "unit": 0.5},
        {"name": "Gray_Hair", "region": "face+hair", "unit": 0.5},
    ],
    "licence": "MIT",
}


def write_tiny_pack(folder: Path, seed: int = 0, **changes: Any) -> Path:
    """Write a pack folder; changes replace keys of pack.json after the weights are made."""
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(seed)
    networks = Networks(spec_from_json(FACTS))
    for parameter in networks.parameters():  # zero-initialised layers would hide mistakes
        if parameter.ndim > 1:
            torch.nn.init.normal_(parameter, std=0.5 / parameter[0].numel() ** 0.5)
    with torch.no_grad():
        networks.parser.scores.bias[1] = 9.0  # all is skin, so that edits have a region
    state = {n: t.contiguous() for n, t in networks.state_dict().items()}
    denoiser = {n: t for n, t in state.items() if n.startswith(("unet.", "face_code."))}
    tables = {
        "directions": torch.randn(2, 6),
        "biases": torch.zeros(2),
        "id_mean": 0.1 * torch.randn(6),
        "id_std": torch.rand(6) + 0.5,
    }
    contents = (denoiser, {n: t for n, t in state.items() if n not in denoiser}, tables)
    facts = dict(FACTS, files={})
    for name, tensors in zip(FILES, contents, strict=True):
        save_file(tensors, folder / name)
        facts["files"][name] = {"sha256": hashlib.sha256((folder / name).read_bytes()).hexdigest()}
    (folder / "pack.json").write_text(json.dumps(facts | changes))
    return folder


def tiny_pack(folder: Path, seed: int = 0) -> Pack:
    """A loaded tiny pack."""
    return load_pack(write_tiny_pack(folder, seed))
