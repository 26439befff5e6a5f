"""The bare head: a signed distance of some twenty-five smooth primitives, solved once into a star-shaped surface.

Units: half the skull's height is about 1. x points to the right of the picture, y up, z to the viewer; the eyes lie
near y = 0, the mouth near y = -0.7, the chin near y = -1.15.
"""

import math
from typing import NamedTuple

import numpy as np

from ..types import FloatArray
from .compiled import compiled


class Shape(NamedTuple):
    """Bones and flesh. Widths are factors around 1, positions and radii are in head units, the rest is around 0."""

    head_w: float = 1.0
    face_w: float = 1.0
    jaw_w: float = 1.0
    jaw_y: float = -0.70
    chin_y: float = -1.14
    chin_z: float = 0.0
    chin_w: float = 1.0
    cheekbone: float = 0.0
    fat: float = 0.0
    nose_y: float = -0.47
    nose_w: float = 1.0
    bridge_z: float = 0.0
    tip_z: float = 0.97
    tip_up: float = 0.0
    tip_r: float = 0.085
    eye_x: float = 0.315
    eye_depth: float = 0.0
    brow_y: float = 0.17
    brow_ridge: float = 0.0
    mouth_y: float = -0.70
    mouth_w: float = 0.25
    lip_upper: float = 0.06
    lip_lower: float = 0.075
    forehead: float = 0.0
    cranium_h: float = 1.0
    hollow: float = 0.0


@compiled
def join(a: float, b: float, soft: float) -> float:
    """Union of two distances with a fillet of about the radius `soft`."""
    h = max(soft - abs(a - b), 0.0) / soft
    return min(a, b) - h * h * soft * 0.25


@compiled
def carve(a: float, b: float, soft: float) -> float:
    """Shape a without shape b, the edge rounded."""
    return -join(-a, b, soft)


@compiled
def ellipsoid(p: tuple[float, float, float], c: tuple[float, float, float], r: tuple[float, float, float]) -> float:
    x, y, z = (p[0] - c[0]) / r[0], (p[1] - c[1]) / r[1], (p[2] - c[2]) / r[2]
    k0 = math.sqrt(x * x + y * y + z * z) + 1e-9
    x, y, z = x / r[0], y / r[1], z / r[2]
    k1 = math.sqrt(x * x + y * y + z * z) + 1e-9
    return k0 * (k0 - 1.0) / k1


@compiled
def capsule(
    p: tuple[float, float, float],
    a: tuple[float, float, float],
    b: tuple[float, float, float],
    radius_a: float,
    radius_b: float,
) -> float:
    dx, dy, dz = b[0] - a[0], b[1] - a[1], b[2] - a[2]
    px, py, pz = p[0] - a[0], p[1] - a[1], p[2] - a[2]
    t = min(max((px * dx + py * dy + pz * dz) / (dx * dx + dy * dy + dz * dz), 0.0), 1.0)
    px, py, pz = px - dx * t, py - dy * t, pz - dz * t
    return math.sqrt(px * px + py * py + pz * pz) - (radius_a + (radius_b - radius_a) * t)


@compiled
def skull(p: tuple[float, float, float], s: Shape) -> float:
    d = ellipsoid(p, (0.0, 0.36, -0.16), (0.75 * s.head_w, 0.76 * s.cranium_h, 0.94))
    d = join(d, ellipsoid(p, (0.0, 0.34, 0.12), (0.60 * s.head_w, 0.46, 0.62 + 0.04 * s.forehead)), 0.15)
    d = join(d, ellipsoid(p, (0.0, -0.28, 0.12), (0.655 * s.face_w, 0.66, 0.62)), 0.26)
    d = join(d, ellipsoid(p, (0.0, s.jaw_y, 0.16), (0.46 * s.jaw_w, 0.37, 0.52)), 0.22)
    chin = (0.10 * s.chin_w, s.chin_y + 0.17, 0.55 + s.chin_z)
    d = join(d, capsule(p, (0.42 * s.jaw_w, s.jaw_y + 0.05, 0.02), chin, 0.12, 0.14), 0.26)
    return join(d, ellipsoid(p, (0.0, s.chin_y + 0.16, 0.62 + s.chin_z), (0.17 * s.chin_w, 0.15, 0.15)), 0.24)


@compiled
def cheeks_and_sockets(d: float, p: tuple[float, float, float], s: Shape) -> float:
    d = join(d, ellipsoid(p, (0.42 * s.face_w, -0.24, 0.46), (0.19, 0.14, 0.17 + 0.04 * s.cheekbone)), 0.20)
    full = (0.17 + 0.07 * s.fat, 0.24 + 0.02 * s.fat, 0.22 + 0.05 * s.fat)
    d = join(d, ellipsoid(p, (0.33 * s.face_w, -0.52, 0.38), full), 0.22)
    d = carve(d, ellipsoid(p, (0.72 * s.face_w, -0.56, 0.58), (0.13, 0.24, 0.14 + 0.05 * s.hollow)), 0.30)
    d = carve(d, ellipsoid(p, (0.92 * s.head_w, 0.16, 0.48), (0.15, 0.22, 0.22)), 0.34)
    ridge = 0.075 + 0.03 * s.brow_ridge
    d = join(d, capsule(p, (0.10, s.brow_y - 0.04, 0.665), (0.46, s.brow_y - 0.02, 0.50), ridge, 0.06), 0.16)
    d = carve(d, ellipsoid(p, (s.eye_x, -0.01, 0.86), (0.20, 0.13, 0.19 + 0.03 * s.eye_depth)), 0.16)
    d = carve(d, ellipsoid(p, (0.16, -0.03, 0.90), (0.06, 0.12, 0.14)), 0.14)
    return join(d, ellipsoid(p, (s.eye_x, -0.005, 0.565 - 0.02 * s.eye_depth), (0.16, 0.115, 0.145)), 0.05)


@compiled
def nose_and_mouth(d: float, p: tuple[float, float, float], s: Shape) -> float:
    d = join(d, ellipsoid(p, (0.0, s.mouth_y + 0.02, 0.50), (0.28, 0.24, 0.29)), 0.16)
    r = s.tip_r
    tip_y = s.nose_y + 0.08 + s.tip_up
    d = join(d, capsule(p, (0.0, 0.06, 0.665 + s.bridge_z), (0.0, tip_y, s.tip_z - r), 0.062, r), 0.11)
    d = join(d, ellipsoid(p, (0.0, tip_y - 0.01, s.tip_z - r * 0.9), (r * 1.05, r * 0.95, r)), 0.06)
    w = s.nose_w
    d = join(d, ellipsoid(p, (0.105 * w, s.nose_y + 0.055, 0.80), (0.062 * w, 0.062, 0.10)), 0.055)
    d = carve(d, ellipsoid(p, (0.060 * w, s.nose_y - 0.012, 0.90), (0.033 * w, 0.03, 0.055)), 0.035)
    upper = (s.mouth_w * 0.55, 0.45 * s.lip_upper + 0.015, 0.055)
    d = join(d, ellipsoid(p, (s.mouth_w * 0.32, s.mouth_y + 0.5 * s.lip_upper, 0.765), upper), 0.05)
    lower = (s.mouth_w * 0.66, 0.5 * s.lip_lower + 0.012, 0.060)
    d = join(d, ellipsoid(p, (0.0, s.mouth_y - 0.55 * s.lip_lower, 0.755), lower), 0.05)
    d = carve(d, capsule(p, (0.0, s.mouth_y, 0.84), (s.mouth_w, s.mouth_y, 0.74), 0.010, 0.012), 0.05)
    return carve(d, ellipsoid(p, (0.0, s.mouth_y - 0.165, 0.86), (0.16, 0.045, 0.09)), 0.10)


@compiled
def head_distance(x: float, y: float, z: float, s: Shape) -> float:
    """Signed distance to the skin, negative inside; the two halves mirror each other."""
    p = (math.sqrt(x * x + 1e-5), y, z)
    return nose_and_mouth(cheeks_and_sockets(skull(p, s), p, s), p, s)


CENTRE = np.array([0.0, -0.2, 0.0])
"""Every point of the skin is seen from here, so the surface is one radius per direction."""


@compiled
def solve_radii(directions: FloatArray, s: Shape) -> FloatArray:
    """Trace inwards along each direction [V, 3] to the skin: [V] radii from CENTRE."""
    radii = np.empty(directions.shape[0])
    for i in range(directions.shape[0]):
        x, y, z = directions[i, 0], directions[i, 1], directions[i, 2]
        r = 1.55
        for _ in range(26):
            distance = head_distance(x * r, -0.2 + y * r, z * r, s)
            r -= distance * 0.85
            if distance < 6e-4 or r < 0.2:
                break
        radii[i] = r
    return radii
