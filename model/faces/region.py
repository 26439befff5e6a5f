"""From a mask per frame to how strongly each crop pixel may change: steady, soft, and 0 at the crop's border."""

from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import correlate1d, maximum_filter1d, uniform_filter1d

from ..types import FloatArray
from .settings import FEATHER

MASK_SMOOTHING = 0.1
"""Seconds: sigma of the Gaussian over time."""
REACH = 3
"""A Gaussian ends after this many sigmas."""


def temporal_support(frame_rate: Fraction, smoothing: float = MASK_SMOOTHING) -> int:
    """Return on how many frames before and after it the alpha of a frame depends.

    A chunk that is widened by this many frames on both sides, and cut back, gets the same alpha as the whole clip.
    """
    return int(np.ceil(REACH * smoothing * float(frame_rate)))


def region_alpha(
    masks: NDArray[Any], frame_rate: Fraction, feather: float = FEATHER, smoothing: float = MASK_SMOOTHING
) -> NDArray[np.float32]:
    """Return alpha [T, S, S] in [0, 1] for masks [T, S, S], bool or in [0, 1].

    1 inside a steady mask, falling to exactly 0 over `feather` (part of the crop's side), half of it on either side of
    the mask's outline, and at the crop's border. A frame with an empty mask has no face, gets 0 and does not dim its
    neighbours. smoothing: seconds. In time, a frame's alpha reaches as far as the masks of the temporal_support frames
    on either side.
    """
    size = masks.shape[-1]
    present = np.any(masks, axis=(1, 2))
    steady = smooth_over_frames(masks.astype(np.float32), present, smoothing * float(frame_rate))
    reach = round(feather * size / 2)
    soft = steady
    if reach > 0:
        # A window of finite length: beyond it the result is 0 and not nearly 0.
        window = np.hanning(2 * reach + 3)[1:-1].astype(np.float32)
        for axis in (1, 2):
            soft = correlate1d(soft, window / window.sum(), axis=axis, mode="nearest")
    return (np.clip(soft, 0.0, 1.0) * _border_ramps(steady, max(1, 2 * reach))).astype(np.float32)


def smooth_over_frames(values: FloatArray, present: NDArray[np.bool_], sigma: float) -> FloatArray:
    """Blur values [T, ...] over the frames that are present [T]; the others become 0, and lend nothing.

    sigma: in frames; 0 changes nothing. The order of the sums does not depend on where a chunk begins.
    """
    here_at_all = present.astype(np.float32).reshape(-1, *[1] * (values.ndim - 1))
    total, weights = np.zeros_like(values), np.zeros_like(here_at_all)
    reach = int(np.ceil(REACH * sigma))
    for offset in range(-reach, reach + 1):
        weight = np.float32(np.exp(-0.5 * (offset / sigma) ** 2)) if sigma > 0 else np.float32(1)
        here = slice(max(0, -offset), max(0, len(values) - max(0, offset)))
        there = slice(max(0, offset), max(0, len(values) + min(0, offset)))
        total[here] += weight * values[there]
        weights[here] += weight * here_at_all[there]
    return here_at_all * total / np.maximum(weights, np.float32(1e-6))


def _border_ramps(steady: FloatArray, width: int) -> FloatArray:
    """Return [T, S, S]: 0 on the outermost pixels, 1 from `width` pixels inside on.

    Where the mask ends before the border, two pixels are enough: a head that only just fits keeps its crown.
    """
    size = steady.shape[-1]
    wide, narrow = _ramp(size, width), _ramp(size, min(width, 2))
    ramps = np.ones_like(steady)
    for axis in (1, 2):
        for end in (0, size - 1):
            run_out = maximum_filter1d(steady.take(end, axis), 2 * width + 1, axis=1, mode="nearest")
            run_out = np.expand_dims(uniform_filter1d(run_out, 2 * width + 1, axis=1, mode="nearest"), axis)
            half = np.arange(size) < size // 2 if end == 0 else np.arange(size) >= size // 2
            ramp_wide, ramp_narrow = (np.where(half, ramp, 1) for ramp in (wide, narrow))
            shape = (1, size, 1) if axis == 1 else (1, 1, size)
            ramps *= run_out * ramp_wide.reshape(shape) + (1 - run_out) * ramp_narrow.reshape(shape)
    return ramps


def _ramp(size: int, width: int) -> FloatArray:
    """Return [size]: 0 at both ends, 1 from `width` inside on."""
    part = np.clip(np.minimum(np.arange(size), np.arange(size)[::-1]) / width, 0.0, 1.0)
    return part * part * (3 - 2 * part)
