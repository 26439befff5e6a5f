"""DPM-Solver++(2M), up and down: second order at one evaluation a step (Lu et al. 2022, algorithm 2).

A step is DDIM's, but with the implied clean picture continued over the step from the last two. It follows the path
more closely than DDIM at few steps; that its way up and its way down read the noise from different ends remains, so
it inverts better than DDIM and not exactly.
"""

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise

from torch import Tensor

from ..schedule import Level
from .ddim import ddim_step, x0_from_eps
from .path import PredictEps


def dpm_2m_encode(x0: Tensor, levels: Sequence[Level], predict_eps: PredictEps) -> Tensor:
    """x0 [B, 3, S, S] signed -> x at the last level. levels: rising from CLEAN."""
    return _walk(x0, levels, predict_eps)


def dpm_2m_decode(x: Tensor, levels: Sequence[Level], predict_eps: PredictEps) -> Tensor:
    """x at the last level -> x0 [B, 3, S, S]."""
    return _walk(x, reversed(levels), predict_eps)


def _walk(x: Tensor, levels: Iterable[Level], predict_eps: PredictEps) -> Tensor:
    last: Tensor | None = None
    gap_before = math.inf
    for here, there in pairwise(levels):
        eps = predict_eps(x, here.t)
        clean, gap = x0_from_eps(x, eps, here.alpha_bar), abs(_log_snr(there) - _log_snr(here))
        # First order where there is nothing to continue, and beside the clean picture, which lies infinitely far.
        if last is not None and math.isfinite(gap) and math.isfinite(gap_before):
            ahead = clean + gap / gap_before / 2 * (clean - last)
            eps = (x - here.alpha_bar**0.5 * ahead) / (1 - here.alpha_bar) ** 0.5
        x = ddim_step(x, eps, here.alpha_bar, there.alpha_bar)
        last, gap_before = clean, gap
    return x


def _log_snr(level: Level) -> float:
    """lambda = log(sqrt(alpha_bar) / sqrt(1 - alpha_bar)); infinite for the clean picture."""
    return math.inf if level.alpha_bar == 1 else math.log(level.alpha_bar / (1 - level.alpha_bar)) / 2
