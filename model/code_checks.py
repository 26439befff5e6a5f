"""What must hold of a clip code's file before any of it is believed: it may come from anybody."""

import math
import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Any, Literal, get_args

import numpy as np
import torch
from torch import Tensor

from .encoders.landmarks import LND_DIM
from .samplers import PATHS
from .schedule import TRAIN_STEPS
from .types import FRAME_STATUS, Region

Feature = Literal["identity", "motion", "noise"]
"""What a clip is made of: z_id, z_lnd, and the noise map that holds the rest."""

MOST_FRAMES = 10_000_000
"""Days of footage; a larger number is a lie, and lists of that length would be made of it."""
LARGEST_SIDE = 16_384
"""Pixels of a frame."""
LARGEST_CROP = 2048
RATE = re.compile(r"[0-9]{1,18}(/[0-9]{1,18})?")
BLOCK = 64
"""Frames of pictures that are looked through together."""


def check_facts(facts: Mapping[str, Any]) -> None:
    """ValueError, KeyError or TypeError where a fact is missing, of another kind, or names what does not exist."""
    for name in ("pack_name", "pack_hash", "solver"):
        _check_kind(name, facts[name], str)
    for name in ("steps", "start"):
        _check_kind(name, facts[name], int)
    if not 2 <= facts["steps"] <= TRAIN_STEPS or not 1 <= facts["start"] <= TRAIN_STEPS:
        raise ValueError(f"steps {facts['steps']} or start {facts['start']} is out of range")
    if not math.isfinite(float(facts["guidance"])):
        raise ValueError(f"the guidance is {facts['guidance']}")
    for label, region in facts["edits"]:
        _check_kind("the name of an edit", label, str)
        if region not in get_args(Region):
            raise ValueError(f"the edit {label!r} names the region {region!r}")
    if unknown := set(facts.get("exchanged", ())) - set(get_args(Feature)):
        raise ValueError(f"it names the exchanged features {sorted(unknown)}")
    _check_source(facts["source"])


def exact_rate(text: str) -> Fraction:
    """Frames a second, from "24000/1001" or "25". ValueError for anything else: "1e999999999" would take all memory."""
    if not RATE.fullmatch(text):
        raise ValueError(f"the frame rate is {text[:40]!r}")
    rate = Fraction(text)
    if rate <= 0:
        raise ValueError(f"the frame rate is {text!r}")
    return rate


def check_shapes(tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
    """ValueError or KeyError where a tensor is missing, or not as long, wide or precise as the others call for."""
    frames = facts["source"]["frame_count"]
    side, depth = tensors["crops"].shape[-1], len(tensors["z_id"])
    if not 1 <= side <= LARGEST_CROP or depth < 1:
        raise ValueError(f"its crops are {side} wide, its identity has {depth} numbers")
    pictures = (frames, 3, side, side)
    wanted = {
        "z_id": (torch.float32, (depth,)),
        "z_lnd": (torch.float32, (frames, LND_DIM)),
        "noise": (torch.float16, (frames, 3 * _states(facts["solver"]), side, side)),
        "crops": (torch.uint8, pictures),
        "residual": (torch.float16, pictures),
        "parsing": (torch.uint8, (frames, side, side)),
        "quads": (torch.float64, (frames, 4, 2)),
        "landmarks": (torch.float32, (frames, *tensors["landmarks"].shape[1:2], 2)),
        "status": (torch.uint8, (frames,)),
        "confidence": (torch.float32, (frames,)),
    }
    if "own_id" in tensors and "identity" in facts.get("exchanged", ()):
        wanted["own_id"] = (torch.float32, (depth,))
    for i in range(len(facts["edits"])):
        wanted[f"edits.{i}.step"] = (torch.float32, (depth,))
        wanted[f"edits.{i}.strength"] = (torch.float32, (frames,))
    if stray := set(tensors) - set(wanted):
        raise ValueError(f"it holds {sorted(stray)[:3]}, which no clip code has")
    for name, (dtype, shape) in wanted.items():
        found = tensors[name]
        if (found.dtype, tuple(found.shape)) != (dtype, shape):
            raise ValueError(f"{name} is {found.dtype} {list(found.shape)} where {dtype} {list(shape)} is due")


def _states(solver: str) -> int:
    """Pictures side by side in a noise map of that solver."""
    if solver not in PATHS:
        raise ValueError(f"it names the solver {solver[:40]!r}, which this program does not know")
    return PATHS[solver].states


def check_finite(tensors: Mapping[str, Tensor]) -> None:
    """ValueError where a number that is computed with is not finite, or a frame's status is unknown."""
    status = tensors["status"].numpy()
    if status.max(initial=0) >= len(FRAME_STATUS):
        raise ValueError(f"a frame has the status {int(status.max())}")
    usable = status != FRAME_STATUS.index("missing")
    for name, tensor in tensors.items():
        if not tensor.is_floating_point() or name in ("landmarks", "confidence"):  # nothing is computed with these
            continue
        for first in range(0, len(tensor), BLOCK):
            values = tensor[first : first + BLOCK].numpy()
            if name == "quads":  # they are NaN where the track misses
                values = values[usable[first : first + BLOCK]]
            if not np.isfinite(values).all():
                raise ValueError(f"{name} holds what is not a finite number, from frame {first} on")


def _check_source(source: Mapping[str, Any]) -> None:
    _check_kind("the source's name", source["name"], str)
    _check_kind("the source's digest", source["sha256"], str)
    _check_kind("the frame rate", source["frame_rate"], str)
    exact_rate(source["frame_rate"])
    height, width = source["frame_size"]
    for name, value, most in (
        ("the height", height, LARGEST_SIDE),
        ("the width", width, LARGEST_SIDE),
        ("the number of frames", source["frame_count"], MOST_FRAMES),
    ):
        _check_kind(name, value, int)
        if not 1 <= value <= most:
            raise ValueError(f"{name} is {str(value)[:40]}")


def _check_kind(name: str, value: object, kind: type) -> None:
    if type(value) is not kind:
        raise TypeError(f"{name} is {str(value)[:40]!r}")
