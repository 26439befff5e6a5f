"""Taking off an edit what it did to the colours of everything."""

from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .region import smooth_over_frames

FloatClip = NDArray[np.float32]

LEAST_PIXELS = 0.02
"""Part of a crop that must lie outside the region before a shift is read from it."""
STIFFNESS = 1e-3
"""Variance, of [0, 1] squared, by which a gain is held to 1: a wall of one colour says nothing about contrast."""
LEAST_GAIN, MOST_GAIN = 0.8, 1.25
MATCH_SMOOTHING = 0.1
"""Seconds: sigma of the Gaussian over time."""


def match_colours(
    difference: FloatClip,
    crops: NDArray[np.uint8],
    masks: NDArray[Any],
    frame_rate: Fraction,
    smoothing: float = MATCH_SMOOTHING,
) -> FloatClip:
    """Return the difference [T, S, S, 3] of crops that were brought back to the source's colours.

    difference: edited minus source, in [0, 1]. crops: [T, S, S, 3] uint8, the source's. masks: [T, S, S] in [0, 1], the
    region of the edit. Outside the region a network should have left everything as it was; where it did not, a gain and
    an offset a channel bring its pixels back (least squares), and the same ones are applied inside. Gains and offsets
    are smoothed over time. A difference of zero stays zero, and a frame whose mask is empty lends nothing to others.
    """
    fits = np.stack([_fit(*frame) for frame in zip(difference, crops, masks, strict=True)])
    usable = np.any(masks, axis=(1, 2))
    steady = smooth_over_frames(fits * usable[:, None], usable, smoothing * float(frame_rate))
    extra_gain, offset = steady[:, None, None, :3], steady[:, None, None, 3:]
    edited = crops.astype(np.float32) / 255 + difference
    matched = difference + edited * extra_gain + offset
    untouched = difference == 0
    return np.where(untouched.all(axis=-1, keepdims=True), difference, matched).astype(np.float32)


def _fit(difference: NDArray[np.float32], crop: NDArray[np.uint8], mask: NDArray[Any]) -> NDArray[np.float32]:
    """[6] gain minus 1 and offset of R, G, B, from the edited crop to the source's, outside the mask."""
    outside = mask <= 0
    if outside.mean() < LEAST_PIXELS or not difference[outside].any():
        return np.zeros(6, np.float32)
    source = crop[outside].astype(np.float64) / 255
    edited = source + difference[outside]
    centred, wanted = edited - edited.mean(axis=0), source - source.mean(axis=0)
    gain = ((centred * wanted).mean(axis=0) + STIFFNESS) / ((centred * centred).mean(axis=0) + STIFFNESS)
    gain = np.clip(gain, LEAST_GAIN, MOST_GAIN)
    return np.concatenate([gain - 1, source.mean(axis=0) - gain * edited.mean(axis=0)]).astype(np.float32)
