"""What exactly reversible two-step methods share: the walk over three levels at a time.

One evaluation at the middle level ties the state below it to the state above it, so either follows from the other and
the way back retraces the way up to rounding. The price is a second state: both ends of the walk need two.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from ..errors import UsageError
from ..schedule import Level, NoiseSchedule
from .ddim import ddim_step
from .path import PredictEps

Triple = tuple[Level, Level, Level]
"""Neighbouring levels, rising."""

Step = Callable[[Tensor, Tensor, Tensor, Triple], Tensor]
"""(the state at one end of three levels, x and eps at the middle, the levels) -> the state at the other end."""


def two_step_levels(schedule: NoiseSchedule, steps: int, start: int) -> list[Level]:
    """NoiseSchedule.levels; UsageError where they leave no level between the picture and its noise map."""
    levels = schedule.levels(steps, start)
    if len(levels) < 3:
        raise UsageError(f"a two-step solver needs more than {steps} steps from time {start}; take {2000 // start + 1}")
    return levels


def two_step_encode(x0: Tensor, levels: Sequence[Level], predict_eps: PredictEps, up: Step) -> Tensor:
    """x0 [B, 3, S, S] -> [B, 6, S, S]: x at the last level, and at the one before. The first step is DDIM's."""
    first, second = levels[:2]
    low, mid = x0, ddim_step(x0, predict_eps(x0, first.t), first.alpha_bar, second.alpha_bar)
    for three in _triples(levels):
        low, mid = mid, up(low, mid, predict_eps(mid, three[1].t), three)
    return torch.cat([mid, low], dim=1)


def two_step_decode(x: Tensor, levels: Sequence[Level], predict_eps: PredictEps, down: Step) -> Tensor:
    """What two_step_encode gave -> x0 [B, 3, S, S], at one evaluation a step but the first, which it remembers."""
    high, mid = x.chunk(2, dim=1)
    for three in reversed(_triples(levels)):
        high, mid = mid, down(high, mid, predict_eps(mid, three[1].t), three)
    return mid


def _triples(levels: Sequence[Level]) -> list[Triple]:
    return list(zip(levels, levels[1:], levels[2:], strict=False))
