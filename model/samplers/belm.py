"""O-BELM: the bidirectional explicit linear multi-step sampler of least local error (Wang et al. 2024).

With y = x / sqrt(alpha_bar) and s = sqrt((1 - alpha_bar) / alpha_bar), DDIM's path is dy/ds = eps. Over steps
h = s_mid - s_low and H = s_high - s_mid with ratio r = h / H, cancelling the second derivative leaves

    y_low = r^2 y_high + (1 - r^2) y_mid - h (1 + r) eps_mid,

which is exact to third order in h and solved for y_high on the way up. r lies below 1 where steps grow with the noise,
so the way up magnifies what the network gets wrong and the way down shrinks it again.
"""

from collections.abc import Sequence

from torch import Tensor

from ..schedule import Level
from .path import PredictEps
from .two_step import Triple, two_step_decode, two_step_encode


def o_belm_encode(x0: Tensor, levels: Sequence[Level], predict_eps: PredictEps) -> Tensor:
    """x0 [B, 3, S, S] signed -> [B, 6, S, S], the two highest states. levels: three or more, rising from CLEAN."""
    return two_step_encode(x0, levels, predict_eps, _up)


def o_belm_decode(x: Tensor, levels: Sequence[Level], predict_eps: PredictEps) -> Tensor:
    """[B, 6, S, S] -> x0 [B, 3, S, S], to rounding what o_belm_encode was given."""
    return two_step_decode(x, levels, predict_eps, _down)


def _up(low: Tensor, mid: Tensor, eps: Tensor, levels: Triple) -> Tensor:
    h, r, (a_low, a_mid, a_high) = _coefficients(levels)
    return a_high / r**2 * (low / a_low - (1 - r**2) / a_mid * mid + h * (1 + r) * eps)


def _down(high: Tensor, mid: Tensor, eps: Tensor, levels: Triple) -> Tensor:
    h, r, (a_low, a_mid, a_high) = _coefficients(levels)
    return a_low * (r**2 / a_high * high + (1 - r**2) / a_mid * mid - h * (1 + r) * eps)


def _coefficients(levels: Triple) -> tuple[float, float, tuple[float, float, float]]:
    """h, r, and the square roots of alpha_bar at the three levels."""
    low, mid, high = (((1 - level.alpha_bar) / level.alpha_bar) ** 0.5 for level in levels)
    a_low, a_mid, a_high = (level.alpha_bar**0.5 for level in levels)
    return mid - low, (mid - low) / (high - mid), (a_low, a_mid, a_high)
