"""What a path is made of."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from ..schedule import Level, NoiseSchedule


class PredictEps(Protocol):
    """The noise that a network sees in B pictures, a condition each."""

    def __call__(self, x: Tensor, t: int, rows: Tensor | None = None, /) -> Tensor:
        """x [b, C, H, W] at an integer time, the time -> eps, same shape.

        rows: [b] int64, which of the B pictures x holds; None where it holds all of them, in order.
        """
        ...


Way = Callable[[Tensor, Sequence[Level], PredictEps], Tensor]
"""(where it begins [B, ., H, W], rising levels, the noise that the network sees) -> where it ends."""

Edit = Callable[[Tensor, Sequence[Level], PredictEps, PredictEps], Tensor]
"""(a clean picture [B, 3, S, S] signed, rising levels, the noise seen with its own z_face, and with the edited one)
-> the edited picture."""


@dataclass(frozen=True)
class Path:
    """A way up from a picture to its noise map, and the way down that belongs to it.

    Both treat every row by itself and hold nothing between calls, so a clip may be encoded in any chunks.
    """

    levels: Callable[[NoiseSchedule, int, int], list[Level]]
    """(schedule, steps of a full path, time at which the way up ends) -> levels for both ways."""
    encode: Way
    """x0 [B, 3, S, S] signed -> the noise map [B, 3 * states, S, S]."""
    decode: Way
    """The noise map -> x0 [B, 3, S, S]."""
    states: int = 1
    """Pictures side by side in the noise map: a two-step method begins its way down with the last two."""
    edit: Edit | None = None
    """How it edits a picture; None for the paper's way, the noise map's way down with the edited z_face."""


def guided(edited: PredictEps, original: PredictEps, weight: float) -> PredictEps:
    """Go beyond the edit's prediction, away from the original's (Ho and Salimans 2022, eq. 6, between two conditions).

    weight: 0 is the edit as it is; each step then costs two evaluations instead of one.
    """

    def predict(x: Tensor, t: int, rows: Tensor | None = None) -> Tensor:
        eps = edited(x, t, rows)
        return eps + weight * (eps - original(x, t, rows))

    return predict
