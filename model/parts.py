"""What the autoencoder gives, whole or chunk by chunk. T frames of a clip, n of a chunk; everything on the CPU."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


@dataclass(frozen=True)
class Decoded:
    """What a decode gives for T frames."""

    difference: Tensor
    """[T, 3, S, S] float32: edited minus source, both in [0, 1]; exactly zero where nothing was edited."""
    mask: Tensor
    """[T, S, S] bool: the union of the source's and the edited crop's region; empty where nothing was edited."""


@dataclass(frozen=True)
class Perceived:
    """What the encoders see in a clip of T frames; frames that were left out hold zeros."""

    z_id: Tensor
    """[D] the mean over the frames, not normalised again."""
    z_lnd: Tensor
    """[T, 102]."""
    parsing: Tensor
    """[T, S, S] uint8 labels."""


@dataclass(frozen=True)
class Encoded:
    """A chunk's part of a code."""

    done: int
    """Different crops that are encoded after this chunk."""
    rows: NDArray[np.intp]
    """[n] the frames that this chunk gives, those with an equal crop among them."""
    noise: Tensor
    """[n, 3, S, S] float16."""
    residual: Tensor
    """[n, 3, S, S] float16."""


@dataclass(frozen=True)
class DecodedRows:
    """A chunk's part of a decode."""

    done: int
    """Different frames that are decoded after this chunk."""
    rows: NDArray[np.intp]
    """[n] the frames that this chunk gives."""
    difference: Tensor
    """[n, 3, S, S] float32."""
    mask: Tensor
    """[n, S, S] bool."""


def mean_identity(identity: Tensor, usable: NDArray[np.intp]) -> Tensor:
    """[D] the mean over the frames with a face, added up in double precision: the order must not show.

    identity: [T, D]. usable: numbers of the frames.
    """
    total = torch.zeros(identity.shape[1], dtype=torch.float64)
    for rows in np.array_split(usable, max(1, len(usable) // 1024)):
        total += identity[rows].double().sum(0)
    return (total / max(len(usable), 1)).float()
