"""Edits of the one identity: steps in the normalised identity space, added up and applied once."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from ..errors import UsageError
from ..packs.pack import Pack
from ..types import FloatArray, Region

MAX_STRENGTH = 10.0


@dataclass(frozen=True)
class IdentityEdit:
    """One step of the identity and how much of it each frame takes."""

    name: str
    region: Region
    step: Tensor
    """[D] what strength 1 adds to the normalised identity."""
    strength: FloatArray
    """[T] float32, signed; a constant edit repeats one number."""


def attribute_edit(pack: Pack, name: str, strength: float | FloatArray, frames: int) -> IdentityEdit:
    """Edit an attribute by name.

    strength: signed, a number for the whole clip or [frames] numbers; 1 moves z_id as far as the attribute's toggle
    did in training, -1 as far the other way. Raises UsageError for an unknown attribute, a strength that is not a
    number or beyond 10, and a list of another length.
    """
    attribute, weights = pack.attribute(name)
    curve = checked_strength(attribute.name, strength, frames)
    step = attribute.unit * len(weights) ** 0.5 * F.normalize(weights, dim=0)
    return IdentityEdit(attribute.name, attribute.region, step, curve)


def checked_strength(name: str, strength: float | FloatArray, frames: int) -> FloatArray:
    """[frames] float32 from one number or a list of them; UsageError as for attribute_edit. name: for the sentence."""
    curve = np.broadcast_to(np.asarray(strength, np.float32), (frames,)) if np.ndim(strength) == 0 else strength
    curve = np.array(curve, np.float32)
    if curve.shape != (frames,):
        raise UsageError(f"the strengths of {name} are {len(curve)} numbers for a clip of {frames} frames")
    if not np.isfinite(curve).all() or np.abs(curve).max(initial=0) > MAX_STRENGTH:
        raise UsageError(f"the strength of {name} must lie within -{MAX_STRENGTH:g} and {MAX_STRENGTH:g}")
    return curve


def total_step(edits: Sequence[IdentityEdit], frames: slice | NDArray[np.intp]) -> Tensor:
    """[n, D] sum over edits of strength times step, for a range or a list of frames; order does not matter."""
    parts = [torch.from_numpy(e.strength[frames])[:, None] * e.step[None] for e in edits]
    return torch.stack(parts).sum(0)


def edited_identity(z_id: Tensor, step: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    """The paper's rule: normalise, add, undo; the length of z_id is kept.

    z_id: [D] or [n, D]. step: [n, D] in the normalised space. mean, std: [D]. Returns [n, D].
    (The published code scales to length 1 instead, where z_id is a mean of unit vectors and so shorter.)
    """
    moved = (z_id - mean) / std + step
    return F.normalize(moved * std + mean, dim=-1) * z_id.norm(dim=-1, keepdim=True)
