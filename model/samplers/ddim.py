"""DDIM (Song et al. 2021): the explicit way up, and the way down that most solvers share."""

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor

from ..schedule import Level
from .path import PredictEps


def x0_from_eps(x: Tensor, eps: Tensor, alpha_bar: float) -> Tensor:
    """The clean picture that x and eps imply (Ho et al. 2020, eq. 4 solved for x0)."""
    return (x - (1 - alpha_bar) ** 0.5 * eps) / alpha_bar**0.5


def ddim_step(x: Tensor, eps: Tensor, alpha_bar_from: float, alpha_bar_to: float, clamp: bool = False) -> Tensor:  # noqa: FBT001, FBT002
    """Move x along the deterministic DDIM path, up or down the noise (Song et al. 2021, eq. 12).

    clamp: keep the implied x0 within [-1, 1] and make eps agree with it, as the published implementation does.
    """
    x0 = x0_from_eps(x, eps, alpha_bar_from)
    if clamp:
        x0 = x0.clamp(-1, 1)
        eps = (x - alpha_bar_from**0.5 * x0) / (1 - alpha_bar_from) ** 0.5
    return alpha_bar_to**0.5 * x0 + (1 - alpha_bar_to) ** 0.5 * eps


def ddim_encode(x0: Tensor, levels: Sequence[Level], predict_eps: PredictEps) -> Tensor:
    """Explicit inversion: each step upwards takes the noise from its lower end.

    x0: [B, 3, S, S] signed. levels: rising from CLEAN. Returns x at the last level. One evaluation a step; the walk
    back down takes the noise from the upper ends, and so returns to x0 only in the limit of many steps.
    """
    x = x0
    for here, there in pairwise(levels):
        x = ddim_step(x, predict_eps(x, here.t), here.alpha_bar, there.alpha_bar)
    return x


def ddim_decode(x: Tensor, levels: Sequence[Level], predict_eps: PredictEps) -> Tensor:
    """Walk down the levels, given rising as for encoding; returns x0 [B, 3, S, S]. One evaluation a step."""
    for here, there in pairwise(reversed(levels)):
        x = ddim_step(x, predict_eps(x, here.t), here.alpha_bar, there.alpha_bar)
    return x
