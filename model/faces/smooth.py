"""Smoothing over time that neither lags nor bends at the ends."""

import numpy as np

from ..types import FloatArray

REACH = 3.0
"""A Gaussian ends after this many sigmas."""
LEAST_SIGMA = 0.1
"""In frames. Below it, as for less than a frame a second, the neighbours' weights vanish and no line can be fitted."""

WIDER = 3.0
"""How much wider the Gaussian gets on a face that does not move."""
FEWEST = 8
"""Frames from which the shiver is read off."""


def smooth_line(values: FloatArray, sigma: float, weights: FloatArray | None = None) -> FloatArray:
    """Fit a straight line round every frame, weighted by a Gaussian, and take its value there.

    values: [T, D]. sigma: in frames; below LEAST_SIGMA, as 0, the values are returned. weights: [T], greater than 0,
    how far each frame is to be believed. Away from the ends and for equal weights this is the plain Gaussian mean; at
    the ends it follows a steady motion, where mirroring or repeating frames would hold it back.
    """
    if sigma < LEAST_SIGMA or len(values) < 2:
        return values
    belief = np.ones(len(values)) if weights is None else weights
    reach = int(np.ceil(REACH * sigma))
    frames = np.arange(len(values))
    moment_0, moment_1, moment_2 = (np.zeros((len(values), 1)) for _ in range(3))
    mean, slope = np.zeros(values.shape), np.zeros(values.shape)
    for offset in range(-reach, reach + 1):
        there = frames + offset
        inside = (there >= 0) & (there < len(values))
        here, there = frames[inside], there[inside]
        weight = (np.exp(-0.5 * (offset / sigma) ** 2) * belief[there])[:, None]
        moment_0[here] += weight
        moment_1[here] += weight * offset
        moment_2[here] += weight * offset**2
        mean[here] += weight * values[there]
        slope[here] += weight * offset * values[there]
    return (moment_2 * mean - moment_1 * slope) / (moment_0 * moment_2 - moment_1**2)


def steady_line(values: FloatArray, sigma: float, weights: FloatArray | None = None) -> FloatArray:
    """Smooth as smooth_line does, and WIDER times as much wherever that bends nothing but noise.

    values: [T, 2]. What the values shiver by is read off their second differences, which hold little motion; where the
    wide and the narrow fit differ by no more than that leaves in the narrow one, the face does not move: the wide fit
    is taken. This calms the ends most, where a line is fitted to half as many frames.
    """
    narrow = smooth_line(values, sigma, weights)
    if sigma < LEAST_SIGMA or len(values) < FEWEST:
        return narrow
    wide = smooth_line(values, WIDER * sigma, weights)
    bend = np.diff(values, 2, axis=0)
    shiver = float(np.linalg.norm(np.median(np.abs(bend), axis=0))) * 1.4826 / np.sqrt(6)
    left = shiver / np.sqrt(max(2 * np.sqrt(np.pi) * sigma, 1.0))
    apart = np.linalg.norm(wide - narrow, axis=1, keepdims=True)
    share = np.clip(2.0 - apart / max(2 * left, 1e-9), 0.0, 1.0)
    return narrow + share * (wide - narrow)
