"""Trained networks to a pack folder."""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from ..packs.pack import FORMAT_VERSION
from ..synth import ATTRIBUTES
from ..types import Region
from .recipe import MINI, Workshop, directions

REGIONS: dict[str, Region] = {
    "Eyeglasses": "face",
    "No_Beard": "face",
    "Mustache": "face",
    "Goatee": "face",
    "Wearing_Lipstick": "face",
    "Heavy_Makeup": "face",
    "Rosy_Cheeks": "face",
    "Bushy_Eyebrows": "face",
    "Big_Nose": "face",
    "Big_Lips": "face",
    "Narrow_Eyes": "face",
    "Bags_Under_Eyes": "face",
    "Young": "face+hair",
    "Male": "head",
    "Chubby": "head",
    "Pale_Skin": "head",
    "Wearing_Hat": "head",
}
"""Where each attribute may change the picture; those not named here are about hair: face+hair."""
DEFAULTS = {"solver": "fixed_point", "steps": 20, "start": 600}
LICENCE = "MIT; trained on faces made by code alone, no photograph of a person was used"


def assemble_pack(workshop: Workshop, folder: Path, how: dict[str, Any], shipped: tuple[str, ...] = ATTRIBUTES) -> None:
    """Write pack.json and three weight files in half precision, through a temporary folder.

    how: facts of the training that pack.json keeps. shipped: the attributes that the pack offers.
    """
    known = directions(workshop)
    rows = torch.tensor([ATTRIBUTES.index(name) for name in shipped])
    files = {
        "denoiser.safetensors": _averaged(workshop, "denoiser", ""),
        "encoders.safetensors": {
            **_averaged(workshop, "identity", "identity.", "encoder."),
            **_averaged(workshop, "landmarks", "landmarks."),
            **_averaged(workshop, "parser", "parser."),
        },
        "attributes.safetensors": {
            "directions": known.directions[rows],
            "biases": known.biases[rows],
            "id_mean": known.mean,
            "id_std": known.std,
        },
    }
    temporary = folder.with_name(folder.name + ".part")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    for name, tensors in files.items():
        save_file({n: _compact(n, t) for n, t in tensors.items()}, temporary / name)
    facts = {
        "format_version": FORMAT_VERSION,
        **MINI,
        "defaults": DEFAULTS,
        "attributes": [
            {"name": n, "region": REGIONS.get(n, "face+hair"), "unit": round(float(known.units[r]), 4)}
            for n, r in zip(shipped, rows.tolist(), strict=True)
        ],
        "files": {name: _file_facts(temporary / name) for name in files},
        "licence": LICENCE,
        "training": how,
    }
    (temporary / "pack.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    shutil.rmtree(folder, ignore_errors=True)
    temporary.replace(folder)


def _averaged(workshop: Workshop, network: str, prefix: str, strip: str = "") -> dict[str, Tensor]:
    state = load_file(workshop.folder / f"{network}.ema.safetensors")
    return {prefix + n.removeprefix(strip): t for n, t in state.items() if n.startswith(strip)}


def _compact(name: str, tensor: Tensor) -> Tensor:
    """Half precision for weights; statistics keep theirs, since a variance may exceed what half can hold."""
    exact = ("mean", "std", "running_mean", "running_var", "num_batches_tracked", "id_mean", "id_std")
    return tensor.contiguous() if name.rpartition(".")[2] in exact else tensor.half().contiguous()


def _file_facts(path: Path) -> dict[str, Any]:
    return {"bytes": path.stat().st_size, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
