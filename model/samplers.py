"""Deterministic paths between a picture and its noise map.

Every path is a plain function of a start, a list of levels and a predictor of the noise; rising levels invert,
falling levels sample. Levels and predictors come from the schedule and the autoencoder, so any path fits any network.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from torch import Tensor

from .errors import UsageError
from .schedule import CLEAN, Level, NoiseSchedule

Solver = Literal["ddim", "fixed_point", "published"]

PredictEps = Callable[[Tensor, int], Tensor]
"""(x [B, C, H, W] at an integer time, the time) -> eps, same shape."""


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


def ddim_decode(x: Tensor, levels: Sequence[Level], predict_eps: PredictEps) -> Tensor:
    """Walk down the levels, given rising as for encoding; returns x0 [B, 3, S, S]."""
    for here, there in pairwise(reversed(levels)):
        x = ddim_step(x, predict_eps(x, here.t), here.alpha_bar, there.alpha_bar)
    return x


def guided(edited: PredictEps, original: PredictEps, weight: float) -> PredictEps:
    """Go beyond the edit's prediction, away from the original's (Ho and Salimans 2022, eq. 6, between two conditions).

    weight: 0 is the edit as it is; each step then costs two evaluations instead of one.
    """

    def predict(x: Tensor, t: int) -> Tensor:
        eps = edited(x, t)
        return eps + weight * (eps - original(x, t))

    return predict


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


@dataclass(frozen=True)
class Path:
    """A way up from a picture to its noise map, and the way down that belongs to it."""

    levels: Callable[[NoiseSchedule, int, int], list[Level]]
    """(schedule, steps of a full path, time at which the way up ends) -> levels for both ways."""
    encode: Callable[[Tensor, Sequence[Level], PredictEps], Tensor]
    decode: Callable[[Tensor, Sequence[Level], PredictEps], Tensor]


def _published_levels(schedule: NoiseSchedule, steps: int, start: int) -> list[Level]:
    del start  # the reference always goes all the way
    return schedule.published_levels(steps)


PATHS: dict[Solver, Path] = {
    "ddim": Path(NoiseSchedule.levels, ddim_encode, ddim_decode),
    "fixed_point": Path(NoiseSchedule.levels, fixed_point_encode, ddim_decode),
    "published": Path(_published_levels, published_encode, published_decode),
}


def solver_named(name: str) -> Solver:
    """UsageError for an unknown one."""
    for solver in PATHS:
        if solver == name:
            return solver
    raise UsageError(f"no solver {name!r}; choose one of {', '.join(PATHS)}")
