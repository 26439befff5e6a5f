"""A clip with another clip's identity, motion or noise map, or with Gaussian noise (paper, section 5.4, figure 6).

Every function gives a new code that decodes like any other, edits included, and evaluates no network. The source clip
stays the one that is decoded into: its frames, its crops, its track, and its edits. The other clip gives one feature,
as it was encoded, without its own edits.

Motion and noise go frame by frame: frame n takes frame n of the other clip, whatever the two frame rates. The other
clip may be longer; a shorter one is refused, since a motion that is repeated jumps and one that is held freezes. Where
the other clip has no face, the feature of its last frame that has one stays; before its first face that of the first.
Where the source has no face nothing is decoded.
"""

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from ..code import ClipCode, Feature
from ..errors import InputError, ModelFilesError, UsageError
from ..samplers import PATHS, solver_named
from ..schedule import TRAIN_STEPS


def with_identity(code: ClipCode, other: ClipCode) -> ClipCode:
    """The same clip with the person of another, whose length does not matter.

    The residual stays: it is what the network cannot tell of the source's pictures, whoever is in them. So does the
    source's identity: a solver that edits beside the source goes from it to the other. Raises ModelFilesError where two
    packs made the codes.
    """
    _check_pack(code, other)
    own = code.z_id if code.own_id is None else code.own_id
    return replace(code, z_id=other.z_id, own_id=own, exchanged=_named(code, "identity"))


def with_motion(code: ClipCode, other: ClipCode) -> ClipCode:
    """The same clip with the landmarks of another: expression, gaze, and where in the crop the features lie.

    The residual goes: it would draw the old mouth beside the new one. Raises ModelFilesError where two packs made the
    codes, UsageError where the other clip is shorter, InputError where it has no face.
    """
    _check_pack(code, other)
    z_lnd = _where_a_face_is(code, other.z_lnd[_partners(code, other, "motion")])
    return replace(code, z_lnd=z_lnd, residual=torch.zeros_like(code.residual), exchanged=_named(code, "motion"))


def with_noise(code: ClipCode, other: ClipCode) -> ClipCode:
    """The same clip with the noise maps of another, which hold background and light.

    A noise map is decoded by the path that made it, so solver, steps and start come with it. The residual goes: it
    belongs to the old noise. Raises what with_motion raises.
    """
    _check_pack(code, other)
    noise = _where_a_face_is(code, other.noise[_partners(code, other, "noise")])
    changed = _with_other_noise(code, noise, other.start)
    return replace(changed, solver=other.solver, steps=other.steps)


def with_gaussian_noise(code: ClipCode, seed: int = 0) -> ClipCode:
    """The same clip with noise that holds nothing: what identity and motion say by themselves.

    One draw for all frames, so that the invented background does not flicker. It is decoded from the top of the
    schedule, the only level at which noise alone is what the network expects. seed: 0 to 2^64 - 1.
    """
    rng = torch.Generator().manual_seed(seed)
    draw = torch.randn(code.crops.shape[1:], generator=rng).to(code.noise.dtype)
    # Two states of a two-step path are no independent draws; plain DDIM begins with one.
    solver = code.solver if PATHS[solver_named(code.solver)].states == 1 else "ddim"
    changed = _with_other_noise(code, _where_a_face_is(code, draw.expand(code.crops.shape)), TRAIN_STEPS)
    return replace(changed, solver=solver)


def check_length(frames: int, found: int, other: str, feature: Feature) -> None:
    """UsageError where another clip of that many frames found is too short to give each frame its motion or noise."""
    if found < frames:
        raise UsageError(
            f"{other} has {found} frames, too few to give its {feature} to a clip of {frames}; "
            "cut that clip to fit or take a longer other"
        )


def _with_other_noise(code: ClipCode, noise: Tensor, start: int) -> ClipCode:
    residual = torch.zeros_like(code.residual)
    return replace(code, noise=noise, start=start, residual=residual, exchanged=_named(code, "noise"))


def _named(code: ClipCode, feature: Feature) -> tuple[Feature, ...]:
    return tuple(dict.fromkeys((*code.exchanged, feature)))


def _check_pack(code: ClipCode, other: ClipCode) -> None:
    if code.pack_hash != other.pack_hash:
        raise ModelFilesError(
            f"{code.source.name} was encoded by pack {code.pack_name} ({code.pack_hash[:12]}) and "
            f"{other.source.name} by {other.pack_name} ({other.pack_hash[:12]}); encode both with one pack"
        )


def _partners(code: ClipCode, other: ClipCode, feature: Feature) -> np.ndarray:
    """[T] the other clip's frame whose feature each frame takes."""
    check_length(len(code), len(other), other.source.name, feature)
    seen = np.flatnonzero(other.track.usable())
    if not len(seen):
        raise InputError(f"no frame of {other.source.name} has a face, so it has no {feature} to give; take another")
    last_seen = np.searchsorted(seen, np.arange(len(code)), side="right") - 1
    return seen[np.maximum(last_seen, 0)]


def _where_a_face_is(code: ClipCode, feature: Tensor) -> Tensor:
    """A copy of [T, ...] with zeros where the source has no face, as everywhere in a code."""
    kept = torch.zeros(feature.shape, dtype=feature.dtype)
    usable = torch.from_numpy(code.track.usable())
    kept[usable] = feature[usable]
    return kept
