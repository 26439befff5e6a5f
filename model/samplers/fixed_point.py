"""Implicit inversion of DDIM by plain iteration."""

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor

from ..schedule import Level
from .ddim import ddim_step
from .path import PredictEps


def fixed_point_encode(x0: Tensor, levels: Sequence[Level], predict_eps: PredictEps, iterations: int = 3) -> Tensor:
    """Implicit inversion: each step upwards takes the noise from its upper end, found by iteration.

    It undoes ddim_decode up to the iteration's error, at (1 + iterations) evaluations a step
    (the fixed point of Song et al. 2021, eq. 12, read from the upper level; compare Pan et al. 2023, AIDI).
    """
    x = x0
    for here, there in pairwise(levels):
        guess = ddim_step(x, predict_eps(x, here.t), here.alpha_bar, there.alpha_bar)
        for _ in range(iterations):
            guess = ddim_step(x, predict_eps(guess, there.t), here.alpha_bar, there.alpha_bar)
        x = guess
    return x
