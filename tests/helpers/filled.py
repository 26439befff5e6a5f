"""Weights for the published network from a rule instead of a training.

The reference outputs were made with these weights: each tensor is drawn by a generator of its own, whose seed is the
CRC-32 of the tensor's published name.
"""

import zlib
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dva.model.packs.pack import Networks, spec_from_json
from dva.model.packs.published import published_facts
from dva.model.packs.published_names import published_layout


def filled(name: str, shape: tuple[int, ...]) -> Tensor:
    """The values of one tensor. A variance lies in [0.5, 1.5], a scale or slope in [0.5, 1]; the rest is normal."""
    leaf = name.rpartition(".")[2]
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    if leaf == "num_batches_tracked":
        return torch.zeros(shape, dtype=torch.int64)
    if leaf == "running_var":
        return torch.from_numpy(rng.uniform(0.5, 1.5, shape).astype(np.float32))
    if leaf == "weight" and len(shape) == 1:
        return torch.from_numpy(rng.uniform(0.5, 1.0, shape).astype(np.float32))
    spread = {"running_mean": 0.1, "bias": 0.02}.get(leaf) or 1 / np.sqrt(np.prod(shape[1:]))
    return torch.from_numpy((spread * rng.standard_normal(shape)).astype(np.float32))


def relative_error(found: Tensor, wanted: NDArray[Any]) -> float:
    """Length of the difference, in lengths of what was wanted."""
    reference = torch.from_numpy(wanted).double()
    return float((found.double() - reference).norm() / reference.norm())


def empty_networks() -> Networks:
    """The published networks on the meta device."""
    with torch.device("meta"):
        return Networks(spec_from_json(published_facts()))


def filled_tensors() -> dict[str, Tensor]:
    """All tensors of the published network by their published names: about a gigabyte."""
    return {name: filled(name, shape) for name, shape in published_layout(empty_networks()).shapes.items()}
