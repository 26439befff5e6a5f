"""How much signal is left at each noise level."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from .errors import UsageError

TRAIN_STEPS = 1000


class Level(NamedTuple):
    """A noise level on a path: the network's integer time and the remaining signal."""

    t: int
    alpha_bar: float


CLEAN = Level(0, 1.0)
"""The picture itself. Its time is 0, since that is the least noisy one the network knows."""


@dataclass(frozen=True)
class NoiseSchedule:
    """The linear schedule of Ho et al. (2020): beta rises from first to last over 1000 steps."""

    beta_first: float = 1e-4
    beta_last: float = 2e-2

    def alpha_bar(self) -> np.ndarray:
        """[1000] float64, falling from nearly 1 to nearly 0."""
        betas = np.linspace(self.beta_first, self.beta_last, TRAIN_STEPS, dtype=np.float64)
        return np.cumprod(1.0 - betas)

    def levels(self, steps: int, start: int = TRAIN_STEPS) -> list[Level]:
        """Rising path from CLEAN to time start - 1, in steps equal to those of a full path of that many steps.

        steps: evaluations that a path over all 1000 times would take, 1 to 1000. start: where the path ends, 1 to
        1000; a lower start takes proportionally fewer evaluations. The first level is CLEAN.
        """
        alpha_bar = self.alpha_bar()
        count = max(1, round(steps * start / TRAIN_STEPS))
        times = [round((k + 1) * start / count) - 1 for k in range(count)]
        return [CLEAN, *(Level(t, float(alpha_bar[t])) for t in times)]

    def bent_levels(self, steps: int, start: int = TRAIN_STEPS) -> list[Level]:
        """As many levels as `levels` gives, between the same ends, that lie closer the less noise there is.

        Times grow with the square of their number, by one at least: 600 / 12^2, 600 * 2^2 / 12^2 and so on. What an
        implicit step asks of the network is hardest beside the clean picture (samplers/anderson.py).
        """
        alpha_bar = self.alpha_bar()
        count = len(self.levels(steps, start)) - 1
        times = [-1]
        for k in range(1, count + 1):
            times.append(max(round(start * (k / count) ** 2) - 1, times[-1] + 1))
        return [CLEAN, *(Level(t, float(alpha_bar[t])) for t in times[1:])]

    def published_levels(self, steps: int) -> list[Level]:
        """The reference implementation's times 0, s, 2s, ..., as many as there are steps; CLEAN is not among them.

        UsageError for a number of steps that no stride s over the 1000 times gives, such as 600.
        """
        stride = -(-TRAIN_STEPS // steps)
        times = range(0, TRAIN_STEPS, stride)
        if len(times) != steps:
            raise UsageError(
                f"the published path cannot take {steps} steps, since equal strides over {TRAIN_STEPS} times give "
                f"{len(times)} or {len(range(0, TRAIN_STEPS, stride - 1))}; choose one of these"
            )
        alpha_bar = self.alpha_bar()
        return [Level(t, float(alpha_bar[t])) for t in times]
