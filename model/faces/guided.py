"""The outline of an edit, found in the full-resolution frame.

A mask of 64 pixels a side says to ten pixels of the frame where hair ends. The frame knows it to the strand. In a small
window a mask is close to a linear function of the picture's colours, q = a . rgb + b (He, Sun and Tang 2013, eq. 5, 19
and 20); fitted at a modest size and laid over the frame's own pixels (He and Sun 2015), it follows the frame's edges.
It depends on this frame alone, so it is as steady as the footage and the mask are.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter

from ..types import FloatArray

FloatImage = NDArray[np.float32]

RADIUS = 1 / 20
"""Half the window's width, as part of the square's side: three crop pixels of 64, so that it sees past the feather."""
FIRMNESS = 2
"""By how much the found outline is steepened round one half: the fit leaves some of the head on the wall."""
EDGE = 4e-4
"""Variance of colour, in [0, 1] squared, up to which a window counts as flat: grain of 2 % draws no outline."""


def guided_map(guide: FloatImage, target: FloatImage, radius: int) -> FloatImage:
    """[h, w, 4] a and b, such that a . rgb + b is close to the target in each window of 2 * radius + 1 pixels.

    guide: [h, w, 3] RGB in [0, 1]. target: [h, w]. Source: He et al. 2013, eq. 19 to 21.
    """
    colours, values = guide.astype(np.float64), target.astype(np.float64)
    mean_colour, mean_value = _mean(colours, radius), _mean(values, radius)
    together = _mean(colours * values[..., None], radius) - mean_colour * mean_value[..., None]
    spread = np.empty((*target.shape, 3, 3))
    for row in range(3):
        for column in range(row, 3):
            product = _mean(colours[..., row] * colours[..., column], radius)
            product -= mean_colour[..., row] * mean_colour[..., column]
            spread[..., row, column] = spread[..., column, row] = product
    slope = np.linalg.solve(spread + EDGE * np.eye(3), together[..., None])[..., 0]
    offset = mean_value - (slope * mean_colour).sum(axis=-1)
    return _mean(np.concatenate([slope, offset[..., None]], axis=-1), radius).astype(np.float32)


def _mean(values: FloatArray, radius: int) -> FloatArray:
    """Average [h, w] or [h, w, C] over the window round each pixel."""
    return uniform_filter(values, 2 * radius + 1, mode="nearest", axes=(0, 1))


def outline_of(alpha: FloatImage) -> FloatImage:
    """A firm mask out of a feathered one: the guided filter makes the edge, and a ramp would only blur it."""
    return np.clip(4 * (alpha - np.float32(0.5)) + np.float32(0.5), 0, 1)


def within_feather(found: FloatImage, alpha: FloatImage) -> FloatImage:
    """Hold an outline that was found in the picture to the feather: 1 where alpha is 1, and 0 where it is 0."""
    firm = FIRMNESS * (found - np.float32(0.5)) + np.float32(0.5)
    return np.clip(firm, np.clip(4 * alpha - 3, 0, 1), np.clip(4 * alpha, 0, 1))
