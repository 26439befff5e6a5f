"""How the face moves, and the curves of lids, lips and brows that everything drawn on it follows.

The shaders and the landmarks read the same curves, so a landmark lies on what the picture shows.
"""

import math
from typing import NamedTuple

from ..types import FloatArray
from .compiled import Vec3, compiled
from .looks import Features
from .motion import Expression
from .noise import bump2, smoothstep


@compiled
def deform(x: float, y: float, z: float, f: Features, e: Expression) -> Vec3:
    """Where a point of the face at rest goes: smile and pucker, cheeks, brows, then the hinge of the jaw."""
    front = smoothstep(0.0, 0.45, z)
    side = 1.0 if x >= 0 else -1.0
    ax = abs(x)
    corner = bump2(ax - f.mouth_w, 0.020, y - f.mouth_y, 0.022) * front
    cheek = bump2(ax - 0.38, 0.03, y + 0.38, 0.03) * front
    brow = bump2(ax - 0.30, 0.06, y - 0.2, 0.02) * front
    x += side * ((0.060 * e.smile - 0.07 * e.pucker) * corner + 0.02 * e.smile * cheek)
    y += 0.060 * e.smile * corner + 0.03 * e.smile * cheek + 0.05 * e.brow * brow
    z += (0.03 * e.pucker - 0.035 * e.smile) * corner + 0.045 * e.smile * cheek
    width = 0.018 + 0.20 * smoothstep(f.mouth_w * 0.75, f.mouth_w * 1.9, ax)
    angle = 0.30 * e.jaw * smoothstep(-width, width, f.mouth_y - 0.004 - y) * smoothstep(-0.15, 0.35, z)
    c, s = math.cos(angle), math.sin(angle)
    dy = y + 0.15
    return x, -0.15 + dy * c - z * s, dy * s + z * c


@compiled
def deform_all(points: FloatArray, f: Features, e: Expression, moved: FloatArray) -> None:
    """Write the deformed points [V, 3] into the first rows of `moved`."""
    for i in range(points.shape[0]):
        x, y, z = deform(points[i, 0], points[i, 1], points[i, 2], f, e)
        moved[i, 0], moved[i, 1], moved[i, 2] = x, y, z


@compiled
def lids(u: float, f: Features, e: Expression) -> tuple[float, float]:
    """Height of the upper and lower lid above the eye's axis; u runs from -1 (inner corner) to 1 (outer)."""
    q = max(1 - u * u, 0.0)
    size = f.eye_h * f.eye_w / 0.148
    upper = 0.060 * size * q**0.70 * (1 - 0.10 * u) - f.hood * 0.014 * q
    lower = (-0.038 * size + 0.010 * e.smile) * q**0.85
    return upper * (1 - e.blink) + (lower + 0.003) * e.blink, lower


@compiled
def brow(u: float, f: Features, e: Expression) -> tuple[float, float]:
    """Height and half thickness of a brow; u runs from 0 (inner end) to 1 (outer)."""
    y = f.brow_y + 0.05 * e.brow + f.brow_arch * (u * 0.9 - 1.05 * u * u * u) - 0.008
    return y, f.brow_thickness * (0.75 + 0.6 * u - 1.15 * u * u) * smoothstep(-0.02, 0.10, u)


class Mouth(NamedTuple):
    """The opening between the lips after the deformation."""

    corner_x: float
    corner_y: float
    upper: float
    """y of the upper lip's lower edge in the middle."""
    lower: float


@compiled
def open_mouth(f: Features, e: Expression) -> Mouth:
    corner_x, corner_y, _ = deform(f.mouth_w, f.mouth_y, 0.70, f, e)
    _, upper, _ = deform(0.0, f.mouth_y + 0.022, 0.84, f, e)
    _, lower, _ = deform(0.0, f.mouth_y - 0.03, 0.82, f, e)
    upper -= 0.022
    lower += 0.03
    if e.jaw <= 0.01:
        lower = upper
    if e.smile > 0.5:
        lower -= 0.024 * (e.smile - 0.5)
    return Mouth(corner_x, corner_y, upper, min(lower, upper))


class Lips(NamedTuple):
    """Heights of the four edges at one place of the mouth, from the top."""

    upper_outer: float
    upper_inner: float
    lower_inner: float
    lower_outer: float


@compiled
def lips(t: float, f: Features, mouth: Mouth) -> Lips:
    """t runs from -1 (left corner of the picture) to 1."""
    q = max(1 - t * t, 0.0)
    upper = mouth.corner_y + (mouth.upper - mouth.corner_y) * q
    lower = mouth.corner_y + (mouth.lower - mouth.corner_y) * q
    bow = 1 - 0.22 * math.exp(-((t / 0.10) ** 2))
    top = upper + f.lip_upper * (1 - abs(t) ** 1.5) * bow
    return Lips(top, upper, lower, lower - f.lip_lower * q**0.8)
