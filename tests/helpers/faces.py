"""Detections as a test wants them."""

import numpy as np

from dva.model.faces.detect import Detection

SHAPE = np.array([[-0.2, -0.15], [0.2, -0.15], [0.0, 0.05], [-0.15, 0.25], [0.15, 0.25]])
"""Landmarks of a face of side 1 round its middle."""


def face(x: float, y: float, side: float) -> Detection:
    box = np.array([x - side / 2, y - side / 2, x + side / 2, y + side / 2])
    return Detection(box, np.array([x, y]) + SHAPE * side, 0.99)
