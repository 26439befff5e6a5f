"""What a pack is: pack.json, and the networks that it describes."""

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from ..encoders.face_code import FaceCode
from ..encoders.family import EncoderFamily, family_from_json
from ..errors import ModelFilesError, UsageError
from ..predictor import Precision
from ..schedule import TRAIN_STEPS, NoiseSchedule
from ..types import Region
from ..unet import UNet, UNetSpec
from .folder import file_sha256

FORMAT_VERSION = 1
FILES = ("denoiser.safetensors", "encoders.safetensors", "attributes.safetensors")
"""The weight files of a pack: UNet and face code; identity, landmarks and parser; directions and latent statistics."""
TEXT_FILE = "text.safetensors"
"""A CLIP that a pack may hold beside them. No code depends on it, so it is not part of the pack's hash."""


@dataclass(frozen=True)
class Attribute:
    """One thing that the pack can edit."""

    name: str
    region: Region
    unit: float
    """Length of strength 1 in units of sqrt(D) of the normalised identity space (the paper's scale)."""


@dataclass(frozen=True)
class Defaults:
    """How the pack is best used."""

    solver: str
    steps: int
    start: int
    """Time at which encoding ends and decoding begins, 1 to 1000; 1000 is the paper's."""
    guidance: float
    """How far decoding goes beyond the edit's prediction, away from the original's; 0 is the paper's."""
    precision: Precision = "float32"
    """In what the denoiser multiplies where the device is built for it."""


@dataclass(frozen=True)
class PackSpec:
    """The part of pack.json that the networks are built from."""

    name: str
    resolution: int
    unet: UNetSpec
    schedule: NoiseSchedule
    encoders: EncoderFamily

    @property
    def id_dim(self) -> int:
        """D of z_id."""
        return self.encoders.id_dim

    @property
    def parser_classes(self) -> tuple[str, ...]:
        """What each label of the parsing means."""
        return self.encoders.parser_classes


class Networks(nn.Module):
    """The five networks of a pack, without weights until they are loaded."""

    def __init__(self, spec: PackSpec) -> None:
        super().__init__()
        self.unet = UNet(spec.unet)
        self.face_code = FaceCode(spec.id_dim, spec.unet.face_dim, spec.encoders.face_hidden)
        self.identity = spec.encoders.identity()
        self.landmarks = spec.encoders.landmarks()
        self.parser = spec.encoders.parser()


@dataclass(frozen=True)
class Pack:
    """A loaded pack: networks in float32 and eval mode on the CPU, directions and statistics."""

    spec: PackSpec
    defaults: Defaults
    networks: Networks
    attributes: tuple[Attribute, ...]
    directions: Tensor
    """[A, D] classifier weights in the normalised identity space, one row an attribute."""
    biases: Tensor
    """[A] classifier biases: sigmoid(directions @ normalised z_id + biases) is the probability of each attribute."""
    id_mean: Tensor
    """[D] mean of z_id over the training people."""
    id_std: Tensor
    """[D] standard deviation of z_id over the training people."""
    hash: str
    """sha256 over the weight files' hashes and the sizes in pack.json: two packs that compute alike share it."""
    facts: dict[str, Any] = field(default_factory=dict[str, Any])
    """Everything else in pack.json: licence, how it was trained."""
    text_file: Path | None = None
    """The pack's own CLIP, not read yet (encoders/clip.py); None for a pack without one."""

    def attribute(self, name: str) -> tuple[Attribute, Tensor]:
        """The attribute of that name and its classifier weights [D]; UsageError for an unknown one."""
        for attribute, direction in zip(self.attributes, self.directions, strict=True):
            if attribute.name.lower() == name.lower():
                return attribute, direction
        known = ", ".join(a.name for a in self.attributes)
        raise UsageError(f"no attribute {name!r} in pack {self.spec.name}; it knows {known}")


def spec_from_json(facts: dict[str, Any]) -> PackSpec:
    """Read the network sizes out of a pack.json; KeyError, TypeError or ValueError where it is malformed."""
    unet = dict(facts["unet"])
    for key in ("multipliers", "attention"):
        unet[key] = tuple(unet[key])
    return PackSpec(
        name=str(facts["name"]),
        resolution=int(facts["resolution"]),
        unet=UNetSpec(**unet),
        schedule=NoiseSchedule(**facts["schedule"]),
        encoders=family_from_json(facts["encoders"], int(facts["resolution"])),
    )


def load_pack(folder: Path) -> Pack:
    """Read a pack folder, check every file against its recorded sha256, and build its networks.

    Raises ModelFilesError, with the file and what to do, for anything missing, damaged or of a later format.
    """
    facts = _read_json(folder)
    try:
        spec = spec_from_json(facts)
        defaults = _defaults(facts["defaults"])
        attributes = tuple(_attribute(a) for a in facts["attributes"])
        digests = {name: str(facts["files"][name]["sha256"]) for name in FILES}
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ModelFilesError(f"{folder / 'pack.json'} is malformed ({error!r}); install the pack again") from error
    tensors = {name: _read_tensors(folder / name, digests[name]) for name in FILES}
    networks = _build(spec, tensors, folder)
    table = tensors["attributes.safetensors"]
    return Pack(
        spec=spec,
        defaults=defaults,
        networks=networks,
        attributes=attributes,
        directions=_table(table, "directions", (len(attributes), spec.id_dim), folder),
        biases=_table(table, "biases", (len(attributes),), folder),
        id_mean=_table(table, "id_mean", (spec.id_dim,), folder),
        id_std=_table(table, "id_std", (spec.id_dim,), folder),
        hash=pack_hash(facts),
        facts=facts,
        text_file=folder / TEXT_FILE if TEXT_FILE in facts["files"] else None,
    )


def _defaults(facts: dict[str, Any]) -> Defaults:
    defaults = Defaults(
        solver=str(facts["solver"]),
        steps=int(facts["steps"]),
        start=int(facts["start"]),
        guidance=float(facts["guidance"]),
        precision=facts.get("precision", "float32"),  # the first packs do not know the word
    )
    if defaults.precision not in get_args(Precision):
        raise ValueError(f"its precision is {defaults.precision!r}")
    if not (2 <= defaults.steps <= TRAIN_STEPS and 1 <= defaults.start <= TRAIN_STEPS):
        raise ValueError(f"its steps {defaults.steps} or start {defaults.start} is out of range")
    return defaults


def _attribute(facts: dict[str, Any]) -> Attribute:
    attribute = Attribute(str(facts["name"]), facts["region"], float(facts["unit"]))
    if attribute.region not in get_args(Region):
        raise ValueError(f"its attribute {attribute.name} names the region {attribute.region!r}")
    return attribute


def pack_hash(facts: dict[str, Any]) -> str:
    """sha256 of what a pack computes: its files' digests and the sizes of its networks."""
    keys = ("resolution", "unet", "schedule", "encoders")
    core = {"files": {n: facts["files"][n]["sha256"] for n in FILES}, **{k: facts[k] for k in keys}}
    return hashlib.sha256(json.dumps(core, sort_keys=True).encode()).hexdigest()


def _read_json(folder: Path) -> dict[str, Any]:
    path = folder / "pack.json"
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ModelFilesError(f"no pack in {folder}: pack.json is missing; name a pack folder") from error
    except (OSError, ValueError) as error:
        raise ModelFilesError(f"{path} cannot be read ({error}); install the pack again") from error
    if not isinstance(facts, dict):
        raise ModelFilesError(f"{path} is malformed (no JSON object); install the pack again")
    version = facts.get("format_version")
    if version != FORMAT_VERSION:
        raise ModelFilesError(
            f"{path} has format version {version}, this program reads {FORMAT_VERSION}; update whichever is older"
        )
    return facts


def _read_tensors(path: Path, digest: str) -> dict[str, Tensor]:
    try:
        found = file_sha256(path)
        if found != digest:
            raise ModelFilesError(f"{path} is damaged: its sha256 is {found[:12]}, not {digest[:12]}; install it again")
        return {name: tensor.float() for name, tensor in load_file(path).items()}
    except (OSError, SafetensorError) as error:
        raise ModelFilesError(f"{path} cannot be read ({error}); install the pack again") from error


def _build(spec: PackSpec, tensors: dict[str, dict[str, Tensor]], folder: Path) -> Networks:
    try:
        with torch.device("meta"):
            networks = Networks(spec)
    except (ArithmeticError, IndexError, RuntimeError, TypeError, ValueError) as error:
        raise ModelFilesError(
            f"{folder / 'pack.json'} describes networks that cannot be built ({error}); install the pack again"
        ) from error
    state = tensors["denoiser.safetensors"] | tensors["encoders.safetensors"]
    load_strict(networks, state, folder)
    return networks.eval().requires_grad_(requires_grad=False)


def load_strict(network: nn.Module, state: dict[str, Tensor], origin: Path) -> None:
    """Load every tensor by name and shape, or raise ModelFilesError that lists all that do not fit."""
    wanted = {n: tuple(t.shape) for n, t in network.state_dict().items()}
    state = {n: t.reshape(()).long() if n.endswith("num_batches_tracked") else t for n, t in state.items()}
    faults = [f"{n} is missing" for n in wanted.keys() - state.keys()]
    faults += [f"{n} is unknown" for n in state.keys() - wanted.keys()]
    shared = wanted.keys() & state.keys()
    faults += [f"{n} is {tuple(state[n].shape)}, not {wanted[n]}" for n in shared if tuple(state[n].shape) != wanted[n]]
    if faults:
        shown = "; ".join(sorted(faults)[:5]) + (f" and {len(faults) - 5} more" if len(faults) > 5 else "")
        raise ModelFilesError(f"the weights in {origin} do not fit their pack.json: {shown}; install the pack again")
    network.load_state_dict(state, assign=True)


def _table(tensors: dict[str, Tensor], name: str, shape: tuple[int, ...], folder: Path) -> Tensor:
    tensor = tensors.get(name)
    if tensor is None or tuple(tensor.shape) != shape:
        found = "missing" if tensor is None else f"of shape {tuple(tensor.shape)}"
        raise ModelFilesError(f"{name} in {folder / FILES[2]} is {found}, not {shape}; install the pack again")
    return tensor
