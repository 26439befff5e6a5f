"""BDIA: DDIM made reversible by averaging the step down with the step up undone (Zhang, Lewis and Kleijn 2023).

    x_low = gamma x_high + ddim(mid -> low) - gamma ddim(mid -> high),

where both DDIM steps read the same eps at the middle. gamma = 1 treats both directions alike; gamma = 0 would be DDIM.
"""

from collections.abc import Sequence

from torch import Tensor

from ..schedule import Level
from .ddim import ddim_step
from .path import PredictEps
from .two_step import Triple, two_step_decode, two_step_encode

GAMMA = 1.0


def bdia_encode(x0: Tensor, levels: Sequence[Level], predict_eps: PredictEps) -> Tensor:
    """x0 [B, 3, S, S] signed -> [B, 6, S, S], the two highest states. levels: three or more, rising from CLEAN."""
    return two_step_encode(x0, levels, predict_eps, _up)


def bdia_decode(x: Tensor, levels: Sequence[Level], predict_eps: PredictEps) -> Tensor:
    """[B, 6, S, S] -> x0 [B, 3, S, S], to rounding what bdia_encode was given."""
    return two_step_decode(x, levels, predict_eps, _down)


def _up(low: Tensor, mid: Tensor, eps: Tensor, levels: Triple) -> Tensor:
    to_low, to_high = _steps(mid, eps, levels)
    return to_high + (low - to_low) / GAMMA


def _down(high: Tensor, mid: Tensor, eps: Tensor, levels: Triple) -> Tensor:
    to_low, to_high = _steps(mid, eps, levels)
    return to_low + GAMMA * (high - to_high)


def _steps(mid: Tensor, eps: Tensor, levels: Triple) -> tuple[Tensor, Tensor]:
    low, here, high = (level.alpha_bar for level in levels)
    return ddim_step(mid, eps, here, low), ddim_step(mid, eps, here, high)
