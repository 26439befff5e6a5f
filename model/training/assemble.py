"""Trained networks to a pack folder."""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from torch import Tensor

from ..packs.pack import FORMAT_VERSION
from ..synth import ATTRIBUTES
from ..types import Region
from .recipe import MINI, Workshop, directions, load_averaged, training_facts

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
DEFAULTS = {"solver": "fixed_point", "steps": 20, "start": 600, "guidance": 0.0}
TRAINED = ("identity", "denoiser", "landmarks", "parser")
LICENCE = "MIT; trained on faces made by code alone, no photograph of a person was used"


def assemble_pack(workshop: Workshop, folder: Path, note: str) -> None:
    """Write pack.json and three weight files in half precision, through a temporary folder.

    note: a sentence on the training that pack.json keeps beside its facts.
    """
    known = directions(workshop)
    files = {
        "denoiser.safetensors": _averaged(workshop, "denoiser", ""),
        "encoders.safetensors": {
            **_averaged(workshop, "identity", "identity.", "encoder."),
            **_averaged(workshop, "landmarks", "landmarks."),
            **_averaged(workshop, "parser", "parser."),
        },
        "attributes.safetensors": {
            "directions": known.directions,
            "biases": known.biases,
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
            {"name": name, "region": REGIONS.get(name, "face+hair"), "unit": round(unit, 4)}
            for name, unit in zip(ATTRIBUTES, known.units.tolist(), strict=True)
        ],
        "files": {name: _file_facts(temporary / name) for name in files},
        "licence": LICENCE,
        "training": {
            "note": note,
            "pictures": len(workshop.faces.images),
            "pairs": len(workshop.faces.pairs),
            "networks": {network: training_facts(workshop, network) for network in TRAINED},
        },
    }
    (temporary / "pack.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    _exchange(temporary, folder)


def _exchange(new: Path, folder: Path) -> None:
    """Put a folder into another's place. No system replaces a folder that holds files, so the old one steps aside."""
    old = folder.with_name(folder.name + ".old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.replace(old)
    new.replace(folder)
    shutil.rmtree(old, ignore_errors=True)


def _averaged(workshop: Workshop, network: str, prefix: str, strip: str = "") -> dict[str, Tensor]:
    state = load_averaged(workshop, network)
    return {prefix + n.removeprefix(strip): t for n, t in state.items() if n.startswith(strip)}


def _compact(name: str, tensor: Tensor) -> Tensor:
    """Half precision for weights; statistics keep theirs, since a variance may exceed what half can hold."""
    exact = ("mean", "std", "running_mean", "running_var", "num_batches_tracked", "id_mean", "id_std")
    return tensor.contiguous() if name.rpartition(".")[2] in exact else tensor.half().contiguous()


def _file_facts(path: Path) -> dict[str, Any]:
    return {"bytes": path.stat().st_size, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
