"""A direction found by text: one small file, used with any strength, on any clip of the same pack."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from ..errors import InputError, ModelFilesError
from ..files import write_tensor_file
from ..packs.pack import Pack
from ..types import FloatArray, Region
from .attribute import IdentityEdit, checked_strength

FORMAT_VERSION = 1


@dataclass(frozen=True)
class TextDirection:
    """One step of the identity, and how it was found."""

    step: Tensor
    """[D] float32: what strength 1 adds to the normalised identity."""
    region: Region
    """The part of the picture that the step changes most."""
    neutral: str
    target: str
    pack_name: str
    pack_hash: str
    """Of the pack whose identities the step belongs to."""
    clip_name: str
    clip_sha256: str
    settings: dict[str, Any]
    losses: Tensor
    """[iterations, 5]: total, clip, id, l1, score."""
    stopped: bool = False
    """Whether somebody stopped the search: then it is the best until that moment."""
    warnings: tuple[str, ...] = field(default=())
    """Sentences for whoever wrote the texts."""


def direction_edit(direction: TextDirection, pack: Pack, strength: float | FloatArray, frames: int) -> IdentityEdit:
    """The edit that a direction makes; strengths as for attributes.

    Raises UsageError for a strength out of range, ModelFilesError for the direction of another pack.
    """
    if direction.pack_hash != pack.hash:
        raise ModelFilesError(
            f"the direction {direction.target!r} belongs to pack {direction.pack_name} ({direction.pack_hash[:12]}), "
            f"not to {pack.spec.name} ({pack.hash[:12]}); find it again with this pack"
        )
    curve = checked_strength(direction.target, strength, frames)
    return IdentityEdit(direction.target, direction.region, direction.step, curve)


def save_direction(direction: TextDirection, path: Path) -> None:
    """Write one safetensors file through a temporary one; InputError where it cannot be written."""
    facts = {name: getattr(direction, name) for name in _FACTS} | {"warnings": list(direction.warnings)}
    metadata = {"format_version": str(FORMAT_VERSION), "direction": json.dumps(facts)}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_tensor_file(path, {"step": direction.step.clone(), "losses": direction.losses.clone()}, metadata)
    except OSError as error:
        raise InputError(f"cannot write {path} ({error}); choose another place") from error


def load_direction(path: Path) -> TextDirection:
    """Read a direction; ModelFilesError where it is missing, damaged or of a later format."""
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {n: file.get_tensor(n).clone() for n in file.keys()}  # noqa: SIM118 - not a mapping
    except (OSError, SafetensorError) as error:
        raise ModelFilesError(f"{path} cannot be read as a direction ({error}); find it again") from error
    version = metadata.get("format_version")
    if "direction" not in metadata or version != str(FORMAT_VERSION):
        raise ModelFilesError(
            f"{path} holds no direction of version {FORMAT_VERSION}; find it again, or update this program"
        )
    try:
        facts = json.loads(metadata["direction"])
        direction = TextDirection(**{n: facts[n] for n in _FACTS}, **tensors, warnings=tuple(facts["warnings"]))
        if direction.region not in get_args(Region) or not bool(torch.isfinite(direction.step).all()):
            raise ValueError("its region is unknown or its step is not finite")
    except (KeyError, TypeError, ValueError) as error:
        raise ModelFilesError(f"{path} is malformed ({error!r}); find the direction again") from error
    return direction


def kept_direction(
    folder: Path, key: dict[str, Any], find: Callable[[], TextDirection], *, stopped: bool = False
) -> TextDirection:
    """The direction that an earlier search with the same key left in a folder, or a new one, which is left there.

    key: everything that the result depends on, as JSON and bytes' digests. stopped: whether the best of a search that
    somebody stopped will do, and is left there too. A damaged file is found again.
    """
    path = folder / f"{hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:32]}.safetensors"
    if path.is_file():
        try:
            direction = load_direction(path)
        except ModelFilesError:
            path.unlink(missing_ok=True)
        else:
            if stopped or not direction.stopped:
                return direction
    direction = find()
    if stopped or not direction.stopped:
        save_direction(direction, path)
    return direction


def digest(*tensors: Tensor) -> str:
    """sha256 of some tensors' bytes, for a key."""
    whole = hashlib.sha256()
    for tensor in tensors:
        whole.update(np.ascontiguousarray(tensor.cpu().numpy()).tobytes())
    return whole.hexdigest()


_FACTS = ("region", "neutral", "target", "pack_name", "pack_hash", "clip_name", "clip_sha256", "settings", "stopped")
