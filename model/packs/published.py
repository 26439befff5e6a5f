"""The published network as a pack: what its pack.json says, and its tensors under our names.

Nothing here reads a file: whoever opens the published checkpoints hands over their tensors and writes the three weight
files and pack.json that come back.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor

from ..encoders.published.identity import DIM
from ..errors import ModelFilesError
from ..schedule import TRAIN_STEPS, NoiseSchedule
from ..types import Region
from ..unet import UNetSpec
from .pack import FILES, FORMAT_VERSION, Networks, spec_from_json
from .published_names import Shape, published_layout

NAME = "dva-256"
UNIT = 1.0
"""Strength 1 is the published scale 1: sqrt(D), about as far as people lie from the mean identity."""
STEPS = 100
"""The paper's best reconstruction (table 1)."""
LISTED = 40
"""Faults of one kind that are named one by one; more are counted by the part of the network they belong to."""

ATTRIBUTES: dict[str, Region] = {
    "5_o_Clock_Shadow": "face",
    "Arched_Eyebrows": "face",
    "Attractive": "face+hair",
    "Bags_Under_Eyes": "face",
    "Bald": "face+hair",
    "Bangs": "face+hair",
    "Big_Lips": "face",
    "Big_Nose": "face",
    "Black_Hair": "face+hair",
    "Blond_Hair": "face+hair",
    "Blurry": "head",
    "Brown_Hair": "face+hair",
    "Bushy_Eyebrows": "face",
    "Chubby": "head",
    "Double_Chin": "head",
    "Eyeglasses": "face",
    "Goatee": "face",
    "Gray_Hair": "face+hair",
    "Heavy_Makeup": "face",
    "High_Cheekbones": "face",
    "Male": "head",
    "Mouth_Slightly_Open": "face",
    "Mustache": "face",
    "Narrow_Eyes": "face",
    "No_Beard": "face",
    "Oval_Face": "head",
    "Pale_Skin": "head",
    "Pointy_Nose": "face",
    "Receding_Hairline": "face+hair",
    "Rosy_Cheeks": "face",
    "Sideburns": "face+hair",
    "Smiling": "face",
    "Straight_Hair": "face+hair",
    "Wavy_Hair": "face+hair",
    "Wearing_Earrings": "face+hair",
    "Wearing_Hat": "head",
    "Wearing_Lipstick": "face",
    "Wearing_Necklace": "head",
    "Wearing_Necktie": "head",
    "Young": "face+hair",
}
"""CelebA's attributes in CelebA's order, which is that of the published classifier's rows; where each may change."""

ANY = -1
"""A size in a shape that may be any."""
_CLASSIFIER: dict[str, Shape] = {
    "classifier.weight": (len(ATTRIBUTES), DIM),
    "classifier.bias": (len(ATTRIBUTES),),
}
_CLASSIFIER_EXTRAS: dict[str, Shape] = {
    "ema_classifier.weight": (len(ATTRIBUTES), DIM),
    "ema_classifier.bias": (len(ATTRIBUTES),),
    "conds_mean": (1, DIM),
    "conds_std": (1, DIM),
}
_STATISTICS: dict[str, Shape] = {"conds_mean": (1, DIM), "conds_std": (1, DIM)}
_STATISTICS_EXTRAS: dict[str, Shape] = {"conds": (ANY, DIM)}
_PLAIN = {"face_code.mean": torch.zeros, "face_code.std": torch.ones}


def published_facts() -> dict[str, Any]:
    """pack.json of the published network, a new dict at each call.

    All but "files" (name -> sha256 and bytes of the three weight files), "licence" and where it came from: those are
    the importer's to add.
    """
    unet = asdict(UNetSpec())
    return {
        "format_version": FORMAT_VERSION,
        "name": NAME,
        "resolution": unet["resolution"],
        "unet": {key: list(value) if isinstance(value, tuple) else value for key, value in unet.items()},
        "schedule": asdict(NoiseSchedule()),
        "encoders": {"family": "published"},
        "defaults": {"solver": "published", "steps": STEPS, "start": TRAIN_STEPS, "guidance": 0.0},
        "attributes": [{"name": name, "region": region, "unit": UNIT} for name, region in ATTRIBUTES.items()],
    }


def published_tensors(
    tensors: Mapping[str, Tensor], classifier: Mapping[str, Tensor], statistics: Mapping[str, Tensor]
) -> dict[str, dict[str, Tensor]]:
    """The tensors of a pack's three weight files: file name -> our tensor name -> tensor.

    tensors: the network's, all 1,986, without the prefix `ema_model.`. classifier: the attribute classifier's state
    dict; `classifier.weight` [40, 512] and `classifier.bias` [40] are taken. statistics: of latent.pkl; `conds_mean`
    and `conds_std`, [512] or [1, 512], are taken. What the published files hold besides is checked and left behind.

    Tensors come back as views of those given, in their own dtype: nothing large is copied. Raises ModelFilesError that
    names every missing, unexpected and wrongly shaped tensor of all three at once.
    """
    with torch.device("meta"):
        networks = Networks(spec_from_json(published_facts()))
    layout = published_layout(networks)
    rows = {name: tensor[None] if tensor.ndim == 1 else tensor for name, tensor in statistics.items()}
    faults = [
        *_faults("network", tensors, layout.shapes),
        *_faults("classifier", classifier, _CLASSIFIER, _CLASSIFIER_EXTRAS),
        *_faults("statistics", rows, _STATISTICS, _STATISTICS_EXTRAS),
    ]
    if faults:
        raise ModelFilesError(
            f"these are not the published weights, or not all of them: {'; '.join(faults)}; "
            "name the published model, classifier and latent statistics, downloaded again if need be"
        )
    wanted = networks.state_dict()
    held = {ours: tensors[theirs].reshape(wanted[ours].shape) for theirs, ours in layout.ours.items()}
    # The published face code is its linear layer alone; ours standardises first, and here that changes nothing.
    held |= {name: fill(wanted[name].shape) for name, fill in _PLAIN.items()}
    denoiser = {n: t for n, t in held.items() if n.startswith(("unet.", "face_code."))}
    table = {
        "directions": classifier["classifier.weight"],
        "biases": classifier["classifier.bias"],
        "id_mean": statistics["conds_mean"].reshape(DIM),
        "id_std": statistics["conds_std"].reshape(DIM),
    }
    contents = (denoiser, {n: t for n, t in held.items() if n not in denoiser}, table)
    return dict(zip(FILES, contents, strict=True))


def _faults(
    part: str, found: Mapping[str, Tensor], wanted: Mapping[str, Shape], extras: Mapping[str, Shape] | None = None
) -> list[str]:
    """One text for each kind of fault. wanted: what must be there; extras: what may be."""
    known = {**wanted, **(extras or {})}
    misshapen = {
        name: f" is {_text(tensor.shape)}, not {_text(known[name])}"
        for name, tensor in found.items()
        if name in known and not _fits(tensor.shape, known[name])
    }
    kinds = {
        f"missing in the {part}": dict.fromkeys(wanted.keys() - found.keys(), ""),
        f"unexpected in the {part}": dict.fromkeys(found.keys() - known.keys(), ""),
        f"of another shape in the {part}": misshapen,
    }
    return [f"{kind}: {_listed(names)}" for kind, names in kinds.items() if names]


def _fits(shape: Sequence[int], wanted: Shape) -> bool:
    return len(shape) == len(wanted) and all(w in (ANY, n) for n, w in zip(shape, wanted, strict=True))


def _text(shape: Sequence[int]) -> str:
    return "[" + ", ".join("any" if n == ANY else str(n) for n in shape) + "]"


def _listed(names: Mapping[str, str]) -> str:
    """Every name with its remark; where they are hundreds, the parts of the network that they fill."""
    if len(names) <= LISTED:
        return ", ".join(f"{name}{remark}" for name, remark in sorted(names.items()))
    parts = Counter(".".join(name.split(".")[: 2 if name.startswith("encoder.") else 1]) for name in names)
    return ", ".join(f"{part}.* ({count} tensors)" for part, count in sorted(parts.items()))
