"""Lists of inputs, for nodes that take one of them whole (INPUT_IS_LIST): ComfyUI hands them every input as a list."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ..model.editing.curve import curve_values, parse_keyframes
from ..model.errors import UsageError
from ..model.types import FloatArray


def each_run(*inputs: Sequence[Any]) -> Iterator[tuple[Any, ...]]:
    """The inputs of one run after another, as ComfyUI maps a node over lists: a shorter list repeats its last item."""
    for i in range(max(map(len, inputs))):
        yield tuple(given[min(i, len(given) - 1)] for given in inputs)


def strengths(strength: float, keyframes: str, curve: Sequence[Any] | None, frames: int) -> FloatArray:
    """[frames] float32: the strength times the keyframes times the curve; UsageError where one cannot be read."""
    return strength * curve_values(parse_keyframes(keyframes), frames) * whole_curve(curve, frames)


def readable(keyframes: Sequence[str | None]) -> bool | str:
    """ComfyUI's answer to whether a node may run with these texts: True, or what is wrong; None is one yet to come."""
    try:
        for text in keyframes:
            parse_keyframes(text or "")
    except UsageError as error:
        return str(error)
    return True


def whole_curve(curve: Sequence[Any] | None, frames: int) -> FloatArray:
    """[frames] float32 of a socket that brings a list of numbers, one value that is such a list, or one number.

    1 throughout where nothing is wired. UsageError for another length and for what is no number.
    """
    if curve is None:
        return np.ones(frames, np.float32)
    given = curve[0] if len(curve) == 1 and np.ndim(curve[0]) == 1 else curve
    try:
        values = np.array([float(value) for value in given], np.float32)
    except (TypeError, ValueError) as error:
        raise UsageError(f"curve must be a list of numbers, one a frame, but an item is none ({error})") from error
    if len(values) not in (1, frames):
        raise UsageError(
            f"curve holds {len(values)} numbers for a clip of {frames} frames; give one a frame, or one for all"
        )
    if not np.isfinite(values).all():
        raise UsageError(f"curve must hold finite numbers, but item {int(np.argmin(np.isfinite(values)))} is not")
    return np.broadcast_to(values, (frames,))
