"""Trained networks to a pack folder, and back to where training goes on."""

from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor

from ..packs.folder import write_pack
from ..packs.pack import FORMAT_VERSION, TEXT_FILE, Pack, load_pack
from ..synth import ATTRIBUTES
from ..types import Region
from .attributes import KEPT, Directions, keep_directions
from .loop import write_tensors
from .recipe import MINI, Workshop, directions, load_averaged, training_facts
from .way import START

REGIONS: dict[str, Region] = {
    "Eyeglasses": "eyes",
    "No_Beard": "jaw",
    "Mustache": "jaw",
    "Goatee": "jaw",
    "Bangs": "crown",
    "Receding_Hairline": "crown",
    "Black_Hair": "hair",
    "Blond_Hair": "hair",
    "Brown_Hair": "hair",
    "Gray_Hair": "hair",
    "Wavy_Hair": "hair",
    "Wearing_Lipstick": "lips",
    "Heavy_Makeup": "face",
    "Rosy_Cheeks": "skin",
    "Bushy_Eyebrows": "eyes",
    "Big_Nose": "face",
    "Big_Lips": "jaw",
    "Narrow_Eyes": "eyes",
    "Bags_Under_Eyes": "eyes",
    "Young": "face+hair",
    "Male": "head",
    "Chubby": "head",
    "Pale_Skin": "skin",
    "Wearing_Hat": "crown",
}
"""Where each attribute may change the picture; those not named here are about the hair's shape: face+hair. A colour
stays on what has it: what else its edit changes in the crop is the network's fault and is not pasted."""
LENGTHS = {
    "Eyeglasses": 0.8,
    "No_Beard": 1.25,
    "Mustache": 1.8,
    "Goatee": 2.05,
    "Black_Hair": 1.65,
    "Blond_Hair": 1.05,
    "Brown_Hair": 1.4,
    "Gray_Hair": 1.25,
    "Bald": 1.3,
    "Bangs": 1.4,
    "Wavy_Hair": 1.75,
    "Receding_Hairline": 2.1,
    "Wearing_Hat": 0.85,
    "Young": 2.15,
    "Male": 1.9,
    "Chubby": 2.5,
    "Pale_Skin": 1.45,
    "Rosy_Cheeks": 1.5,
    "Wearing_Lipstick": 1.0,
    "Heavy_Makeup": 1.25,
    "Bushy_Eyebrows": 1.9,
    "Big_Nose": 1.55,
    "Big_Lips": 2.1,
    "Narrow_Eyes": 2.1,
    "Bags_Under_Eyes": 1.9,
    "Long_Hair": 1.95,
}
"""How long strength 1 is, compared with training's: a balance of making the change and of leaving the rest alone, read
off by `benchmarks.lengths` from people who are neither trained on nor measured."""
DEFAULTS = {"solver": "shared_noise", "steps": 20, "start": START, "guidance": 0.0, "precision": "bfloat16"}
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
    facts = {
        "format_version": FORMAT_VERSION,
        **MINI,
        "defaults": DEFAULTS,
        "attributes": [
            {"name": name, "region": REGIONS.get(name, "face+hair"), "unit": round(unit * LENGTHS.get(name, 1.0), 4)}
            for name, unit in zip(ATTRIBUTES, known.units.tolist(), strict=True)
        ],
        "licence": LICENCE,
        "training": {
            "note": note,
            "pictures": len(workshop.faces.images),
            "pairs": len(workshop.faces.pairs),
            "networks": {network: training_facts(workshop, network) for network in TRAINED},
        },
    }
    write_pack(folder, facts, {f: {n: _compact(n, t) for n, t in tensors.items()} for f, tensors in files.items()})


def unpack(folder: Path, out: Path) -> None:
    """Lay a pack's networks out as trainings leave them: averaged weights, checkpoints to go on from, directions.

    Its CLIP comes along, so that the pack that is assembled anew has it. The optimiser's moments are not in a pack, so
    it starts afresh at the step that pack.json names. The identity encoder's checkpoint cannot be made: its classifier
    of training people is in no pack. Raises ModelFilesError.
    """
    pack = load_pack(folder)
    told = pack.facts["training"]["networks"]
    encoders = load_file(folder / "encoders.safetensors")
    states = {name: _under(f"{name}.", encoders) for name in ("landmarks", "parser")}
    states["denoiser"] = load_file(folder / "denoiser.safetensors")
    for name, state in states.items():
        lay_out(out, name, state, told[name])
    identity = {f"encoder.{n}": t.float() for n, t in _under("identity.", encoders).items()}
    write_tensors(out / "identity.ema.safetensors", identity, told["identity"])
    keep_directions(out / KEPT, _directions_of(pack))
    if (text := folder / TEXT_FILE).exists():
        with safe_open(text, framework="pt") as file:
            write_tensors(out / "clip.ema.safetensors", load_file(text), file.metadata() or {})


def lay_out(out: Path, name: str, state: dict[str, Tensor], facts: dict[str, str]) -> None:
    """Write one network's weights as its training left them: averaged, and as a checkpoint without moments."""
    weights = {n: t.float() if t.is_floating_point() else t for n, t in state.items()}
    write_tensors(out / f"{name}.ema.safetensors", weights, facts)
    both = {f"{part}.{n}": t.clone() for part in ("network", "ema") for n, t in weights.items()}
    write_tensors(out / f"{name}.safetensors", both, {"step": facts["steps"]})


def _directions_of(pack: Pack) -> Directions:
    """As the denoiser has heard them: with strength 1 as long as before LENGTHS."""
    units = [attribute.unit / LENGTHS.get(attribute.name, 1.0) for attribute in pack.attributes]
    return Directions(pack.directions.float(), pack.biases.float(), pack.id_mean, pack.id_std, torch.tensor(units))


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}


def _averaged(workshop: Workshop, network: str, prefix: str, strip: str = "") -> dict[str, Tensor]:
    state = load_averaged(workshop, network)
    return {prefix + n.removeprefix(strip): t for n, t in state.items() if n.startswith(strip)}


def _compact(name: str, tensor: Tensor) -> Tensor:
    """Half precision for weights; statistics keep theirs, since a variance may exceed what half can hold."""
    exact = ("mean", "std", "running_mean", "running_var", "num_batches_tracked", "id_mean", "id_std")
    return tensor.contiguous() if name.rpartition(".")[2] in exact else tensor.half().contiguous()
