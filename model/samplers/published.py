"""The reference implementation's DDIM, number for number (docs/decisions/0013)."""

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor

from ..schedule import CLEAN, Level
from .ddim import ddim_step
from .path import PredictEps


def published_encode(x0: Tensor, levels: Sequence[Level], predict_eps: PredictEps) -> Tensor:
    """The reference inversion: T - 1 steps up between the published levels, x0 clamped at each."""
    x = x0
    for here, there in pairwise(levels):
        x = ddim_step(x, predict_eps(x, here.t), here.alpha_bar, there.alpha_bar, clamp=True)
    return x


def published_decode(x: Tensor, levels: Sequence[Level], predict_eps: PredictEps) -> Tensor:
    """The reference sampling: T steps down the published levels, the last one to CLEAN, x0 clamped at each."""
    for here, there in pairwise([*reversed(levels), CLEAN]):
        x = ddim_step(x, predict_eps(x, here.t), here.alpha_bar, there.alpha_bar, clamp=True)
    return x
