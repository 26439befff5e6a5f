"""The 68 landmarks of iBUG 300-W, read off the curves that the face is drawn with."""

import numpy as np
from numpy.typing import NDArray

from ..types import FloatArray
from .compiled import compiled
from .expression import brow, lids, lips, open_mouth
from .looks import Features
from .motion import Expression

JAW_HEIGHTS = ((0, 12, 25, 45, 70, 90), (-0.02, 0.0, 0.09))
OUTER_LIPS = ((-1, 2), (-0.62, 0), (-0.25, 0), (0, 0), (0.25, 0), (0.62, 0), (1, 2), (0.62, 3), (0.25, 3), (0, 3))
OUTER_LIPS_END = ((-0.25, 3), (-0.62, 3))
INNER_LIPS = ((-0.86, 1), (-0.3, 1), (0, 1), (0.3, 1), (0.86, 1), (0.3, 2), (0, 2), (-0.3, 2))
LIP_POINTS = (*OUTER_LIPS, *OUTER_LIPS_END, *INNER_LIPS)
"""Landmarks 48 to 67: place along the mouth from -1 to 1, and which of the four edges of Lips."""

LEFT_EYE = ((1.0, 0), (0.4, 1), (-0.4, 1), (-1.0, 0), (-0.4, -1), (0.4, -1))
RIGHT_EYE = ((-1.0, 0), (-0.4, 1), (0.4, 1), (1.0, 0), (0.4, -1), (-0.4, -1))
"""Place along the eye from -1 (inner corner) to 1; 1 is the upper lid, -1 the lower, 0 a corner."""


def jaw_vertices(skin: FloatArray, f: Features) -> NDArray[np.int64]:
    """[17] the vertices of the outline from ear to ear over the chin, chosen on the skin [V, 3] at rest."""
    chin = skin[(np.abs(skin[:, 0]) < 0.05) & (skin[:, 2] > 0.3), 1].min()
    picked: list[int] = []
    for degrees in np.linspace(-90, 90, 17):
        side, turn = (1 if degrees >= 0 else -1), abs(float(degrees))
        height = np.interp(turn, JAW_HEIGHTS[0], (chin, chin + 0.01, chin + 0.09, -0.80, -0.42, -0.08))
        x, y, z = skin[:, 0] * side, skin[:, 1], skin[:, 2]
        if turn < 30:
            cost = np.where(z > 0.02, (x - turn / 30 * 0.32) ** 2 + (y - height) ** 2, np.inf)
        else:
            cost = np.where((np.abs(y - height) < 0.04) & (z > 0.02) & (x > 0), -(x + 0.3 * z), np.inf)
        picked.append(int(cost.argmin()))
    return np.array(picked)


def landmarks_on_head(skin: FloatArray, jaw: NDArray[np.int64], f: Features, e: Expression) -> FloatArray:
    """[68, 3] in head space. skin: [V, 3] deformed by the expression; jaw: [17] of its vertices."""
    drawn = np.array([*_brows(f, e), *_nose(f), *_eyes(f, e), *_lips(f, e)])
    return np.concatenate([skin[jaw], lift(drawn, skin)])


def _brows(f: Features, e: Expression) -> list[tuple[float, float]]:
    left = [(-(0.105 + 0.40 * u), brow(u, f, e)[0]) for u in (1.0, 0.75, 0.5, 0.25, 0.0)]
    return [*left, *((-x, y) for x, y in reversed(left))]


def _nose(f: Features) -> list[tuple[float, float]]:
    bridge = [(0.0, (f.nose_y + 0.10) * k / 3) for k in range(4)]
    base = [(x * f.nose_w, f.nose_y + (0.02 if abs(x) > 0.1 else -0.005)) for x in (-0.13, -0.07, 0, 0.07, 0.13)]
    return bridge + base


def _eyes(f: Features, e: Expression) -> list[tuple[float, float]]:
    points: list[tuple[float, float]] = []
    for side, eye in ((-1, LEFT_EYE), (1, RIGHT_EYE)):
        for u, lid in eye:
            upper, lower = lids(u, f, e)
            y = upper if lid > 0 else lower if lid < 0 else 0.0
            points.append((side * (f.eye_x + u * f.eye_w), y + f.eye_tilt * u * f.eye_w - 0.005))
    return points


def _lips(f: Features, e: Expression) -> list[tuple[float, float]]:
    mouth = open_mouth(f, e)
    return [(t * mouth.corner_x, lips(float(t), f, mouth)[edge]) for t, edge in LIP_POINTS]


@compiled
def lift(drawn: FloatArray, skin: FloatArray) -> FloatArray:
    """Give points [N, 2] of the front view the depth of the skin [V, 3] there: [N, 3]."""
    lifted = np.empty((drawn.shape[0], 3))
    for i in range(drawn.shape[0]):
        x, y = drawn[i, 0], drawn[i, 1]
        nearest, depth = 1e9, 0.0
        for k in range(skin.shape[0]):
            if skin[k, 2] > 0.25 and abs(skin[k, 0]) < 0.62:
                distance = (x - skin[k, 0]) ** 2 + (y - skin[k, 1]) ** 2 - 0.0005 * skin[k, 2]
                if distance < nearest:
                    nearest, depth = distance, skin[k, 2]
        lifted[i, 0], lifted[i, 1], lifted[i, 2] = x, y, depth
    return lifted
