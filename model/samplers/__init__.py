"""Deterministic paths between a picture and its noise map, a page each.

Every path is a plain function of a start, a list of levels and a predictor of the noise; rising levels invert,
falling levels sample. Levels and predictors come from the schedule and the autoencoder, so any path fits any network.
A clip code names its solver: what a name computes never changes.
"""

from typing import Literal

from ..errors import UsageError
from ..schedule import Level, NoiseSchedule
from .anderson import anderson_encode
from .bdia import bdia_decode, bdia_encode
from .belm import o_belm_decode, o_belm_encode
from .ddim import ddim_decode, ddim_encode, ddim_step, x0_from_eps
from .dpm import dpm_2m_decode, dpm_2m_encode
from .fixed_point import fixed_point_encode
from .path import Path, PredictEps, guided
from .published import published_decode, published_encode
from .shared_noise import shared_noise_edit
from .two_step import two_step_levels

__all__ = [
    "PATHS",
    "Path",
    "PredictEps",
    "Solver",
    "anderson_encode",
    "bdia_decode",
    "bdia_encode",
    "ddim_decode",
    "ddim_encode",
    "ddim_step",
    "dpm_2m_decode",
    "dpm_2m_encode",
    "fixed_point_encode",
    "guided",
    "o_belm_decode",
    "o_belm_encode",
    "published_decode",
    "published_encode",
    "shared_noise_edit",
    "solver_named",
    "x0_from_eps",
]

Solver = Literal["ddim", "fixed_point", "published", "anderson", "o_belm", "bdia", "dpm_2m", "shared_noise"]


def _published_levels(schedule: NoiseSchedule, steps: int, start: int) -> list[Level]:
    del start  # the reference always goes all the way
    return schedule.published_levels(steps)


PATHS: dict[Solver, Path] = {
    "ddim": Path(NoiseSchedule.levels, ddim_encode, ddim_decode),
    "fixed_point": Path(NoiseSchedule.levels, fixed_point_encode, ddim_decode),
    "published": Path(_published_levels, published_encode, published_decode),
    "anderson": Path(NoiseSchedule.bent_levels, anderson_encode, ddim_decode),
    "o_belm": Path(two_step_levels, o_belm_encode, o_belm_decode, states=2),
    "bdia": Path(two_step_levels, bdia_encode, bdia_decode, states=2),
    "dpm_2m": Path(NoiseSchedule.levels, dpm_2m_encode, dpm_2m_decode),
    "shared_noise": Path(NoiseSchedule.bent_levels, anderson_encode, ddim_decode, edit=shared_noise_edit),
}


def solver_named(name: str) -> Solver:
    """UsageError for an unknown one."""
    for solver in PATHS:
        if solver == name:
            return solver
    raise UsageError(f"no solver {name!r}; choose one of {', '.join(PATHS)}")
