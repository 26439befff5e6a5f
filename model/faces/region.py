"""From a mask per frame to how strongly each crop pixel may change: grown, steady, soft, and 0 at the crop's border."""

from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import correlate1d, maximum_filter1d

from ..types import FloatArray

FEATHER = 0.08
"""Width of the soft edge, as part of the crop's side."""
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

    1 inside a steady mask, falling to exactly 0 over `feather` (part of the crop's side) outside it and at the crop's
    border; a frame with an empty mask has no face, gets 0 and does not dim its neighbours. smoothing: seconds. In time,
    a frame's alpha reaches as far as the masks of the temporal_support frames on either side.
    """
    size = masks.shape[-1]
    reach = max(1, round(feather * size / 2))
    steady = _smooth_over_frames(masks.astype(np.float32), smoothing * float(frame_rate))
    grown = steady
    for axis in (1, 2):
        grown = maximum_filter1d(grown, 2 * reach + 1, axis=axis, mode="constant")
    # A window of finite length: beyond it the result is 0 and not nearly 0.
    window = np.hanning(2 * reach + 3)[1:-1].astype(np.float32)
    for axis in (1, 2):
        grown = correlate1d(grown, window / window.sum(), axis=axis, mode="nearest")
    alpha = np.clip(grown, 0.0, 1.0) * _border_ramp(size, 2 * reach)
    return alpha.astype(np.float32)


def _smooth_over_frames(masks: NDArray[np.float32], sigma: float) -> FloatArray:
    """Average over the frames that have a face; the order of the sums does not depend on where a chunk begins."""
    present = (masks.max(axis=(1, 2), keepdims=True) > 0).astype(np.float32)
    total, weights = np.zeros_like(masks), np.zeros_like(present)
    reach = int(np.ceil(REACH * sigma))
    for offset in range(-reach, reach + 1):
        weight = np.float32(np.exp(-0.5 * (offset / sigma) ** 2)) if sigma > 0 else np.float32(1)
        here = slice(max(0, -offset), max(0, len(masks) - max(0, offset)))
        there = slice(max(0, offset), max(0, len(masks) + min(0, offset)))
        total[here] += weight * masks[there]
        weights[here] += weight * present[there]
    return present * total / np.maximum(weights, np.float32(1e-6))


def _border_ramp(size: int, width: int) -> FloatArray:
    """Return [size, size]: 0 on the outermost pixels, 1 from `width` pixels inside on."""
    from_border = np.minimum(np.arange(size), np.arange(size)[::-1])
    part = np.clip(from_border / width, 0.0, 1.0)
    ramp = part * part * (3 - 2 * part)
    return np.minimum(ramp[:, None], ramp)
