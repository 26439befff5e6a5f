"""How much of the source's finest detail an edit leaves standing."""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from .settings import Detail

FloatImage = NDArray[np.float32]

SMALL, LARGE = 0.1, 0.3
"""Changes of colour, of [0, 1]: up to the first the source's detail stays, from the second on the picture decides."""
SURVIVED = 0.5
"""Part of a crop's own fine structure from which on it counts as still there."""
FLAT = 0.01
"""Contrast, of [0, 1], up to which a crop has no structure of its own that an edit could do away with."""


def replaced_share(crop: FloatImage, difference: FloatImage, detail: Detail) -> FloatImage:
    """[S, S] in [0, 1]: the part of the source's detail that gives way to the decoded pixels; 0 where nothing changed.

    crop: [S, S, 3] the source's, in [0, 1]. difference: [S, S, 3], edited minus source.

    `auto`: a small change leaves all detail. A large one leaves as much as the crop's own fine structure survived in
    the edited crop: strands that were only dyed stay, those under a new hat or on a head now bald go. The hand-over is
    smooth in space and in strength.
    """
    changed = (difference != 0).any(axis=-1).astype(np.float32)
    if detail == "keep":
        return np.zeros_like(changed)
    if detail == "replace":
        return changed
    large = _rise((_smooth(np.abs(difference).max(axis=-1), 1.0) - SMALL) / (LARGE - SMALL))
    return (changed * large * (1 - _rise(_survived(crop, difference) / SURVIVED))).astype(np.float32)


def _rise(part: FloatImage) -> FloatImage:
    """From 0 to 1 without a corner (Hermite's cubic)."""
    held = np.clip(part, 0, 1)
    return np.asarray(held * held * (3 - 2 * held), np.float32)


def _survived(crop: FloatImage, difference: FloatImage) -> FloatImage:
    """[S, S]: the slope of the edited crop's fine structure over the source's, round each pixel."""
    before = crop - _smooth(crop, 1.5)
    after = before + difference - _smooth(difference, 1.5)
    shared = _smooth((before * after).sum(axis=-1), 1.5)
    own = _smooth((before * before).sum(axis=-1), 1.5)
    return np.asarray((shared + FLAT**2) / (own + FLAT**2), np.float32)


def _smooth(image: FloatImage, sigma: float) -> FloatImage:
    """Blur [S, S] or [S, S, C] over its rows and columns."""
    return np.asarray(gaussian_filter(image, sigma, mode="nearest", axes=(0, 1)), np.float32)
