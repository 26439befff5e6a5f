"""Strengths that change over a clip, from a line of text such as "0:0, 48:1"."""

import re
from typing import NamedTuple

import numpy as np

from ..errors import UsageError
from ..types import FloatArray

KEYFRAME = re.compile(r"\s*(\d+)\s*:\s*([+-]?(?:\d+\.?\d*|\.\d+))\s*")
EXAMPLE = "such as '0:0, 48:1'"


class Keyframe(NamedTuple):
    """The value that a curve has on one frame."""

    frame: int
    """Counted from 0."""
    value: float


def parse_keyframes(text: str) -> tuple[Keyframe, ...]:
    """Read "frame:value" pairs, separated by commas or line ends, into the order of the frames.

    A blank text holds none. Raises UsageError for a part that is no such pair and for a frame that is named twice.
    """
    parts = [part for part in re.split(r"[,\n]", text) if part.strip()]
    keys: dict[int, float] = {}
    for part in parts:
        match = KEYFRAME.fullmatch(part)
        if match is None:
            raise UsageError(f"keyframes are pairs of frame:value, {EXAMPLE}, but one reads {part.strip()!r}")
        frame = int(match[1])
        if frame in keys:
            raise UsageError(f"the keyframes name frame {frame} twice; keep one of them")
        keys[frame] = float(match[2])
    return tuple(Keyframe(frame, keys[frame]) for frame in sorted(keys))


def curve_values(keyframes: tuple[Keyframe, ...], frames: int) -> FloatArray:
    """[frames] float32: straight lines between the keyframes, constant before the first and after the last.

    Without keyframes the curve is 1 throughout, so that it leaves a strength which it multiplies alone. A keyframe may
    lie beyond the clip's end: then the clip ends on the way to it.
    """
    if not keyframes:
        return np.ones(frames, np.float32)
    at, values = zip(*keyframes, strict=True)
    return np.interp(np.arange(frames), at, values).astype(np.float32)
