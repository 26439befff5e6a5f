"""Glasses and hats."""

import numpy as np

from ..types import FloatArray
from .head import Shape
from .identity import Style
from .mesh import DIRECTIONS, FRAME, HAT, MeshBuilder, grid, ripple, shell, step, textured, touching, tube

HAT_LEVEL = 0.40


def add_glasses(mesh: MeshBuilder, s: Style, shape: Shape) -> list[FloatArray]:
    """Put glasses on the nose; returns the outlines of the two lenses, [49, 3] each."""
    roundness = (s.glasses_shape + 1) / 2
    half_w = 0.245 + 0.020 * s.glasses_size - 0.010 * roundness
    half_h = 0.165 + 0.070 * roundness + 0.018 * s.glasses_size
    exponent = 2 / (3.6 - 1.6 * roundness)
    wire = 0.033 + 0.016 * s.glasses_thickness
    centre_x = 0.5 * (shape.eye_x + 0.321)
    front = min(0.90, 0.868 + 0.5 * shape.bridge_z)

    def bent(x: FloatArray, y: FloatArray) -> FloatArray:
        return np.stack([x, y, front - 0.16 * x * x], -1)

    angle = np.linspace(0, 2 * np.pi, 49)
    c, sn = np.cos(angle), np.sin(angle)
    lenses: list[FloatArray] = []
    for side in (-1.0, 1.0):
        x = side * (centre_x + half_w * np.sign(c) * np.abs(c) ** exponent)
        y = -0.035 + half_h * np.sign(sn) * np.abs(sn) ** exponent * (1 + 0.1 * (sn > 0))
        lenses.append(bent(x, y))
        mesh.add(*tube(lenses[-1], wire), FRAME)
        mesh.add(*tube(_temple(side, centre_x + half_w, front, shape), max(wire, 0.02)), FRAME)
    x = np.linspace(half_w - centre_x, centre_x - half_w, 9)
    mesh.add(*tube(bent(x, 0.03 + 0.04 * (1 - (x / (centre_x - half_w)) ** 2)), wire), FRAME)
    return lenses


def _temple(side: float, hinge_x: float, front: float, shape: Shape) -> FloatArray:
    """The line of one arm, from the hinge to behind the ear."""
    knots = np.array(
        [
            [side * hinge_x, 0.05, front - 0.16 * hinge_x**2],
            [side * max(0.70 * shape.head_w, hinge_x + 0.02), 0.06, 0.5],
            [side * 0.745 * shape.head_w, 0.04, 0.1],
            [side * 0.745 * shape.head_w, -0.02, -0.1],
        ]
    )
    t = np.linspace(0, 3, 16)
    return np.stack([np.interp(t, range(4), knots[:, axis]) for axis in range(3)], 1)


def add_hat(mesh: MeshBuilder, s: Style, radii: FloatArray, skin: FloatArray) -> None:
    """A knitted cap, a peaked cap or a hat with a brim: hat_brim runs through all three."""
    peak, wide = _brims(s)
    x, y, z = skin.T
    tilt = 0.06 + 0.05 * float(peak)
    level = y - (HAT_LEVEL + tilt * z + 0.03 * s.hat_height)
    knitted = 1 - float(peak)
    cuff = step(-0.2, -0.12, level) * step(0.19, 0.17, level) * knitted
    thick = 0.10 + (0.03 + 0.01 * knitted) * step(0, 0.3, level) + 0.045 * cuff
    thick = thick + (0.05 + 0.09 * s.hat_height) * np.maximum(DIRECTIONS[:, 1], 0) ** 2 * step(0.2, 0.6, level)
    points = shell(radii + np.maximum(thick, 0.05) + 0.012 * ripple(skin, 5, s.texture))
    texture = textured(points, (level + 0.10) * 3, np.arctan2(x, z), y)
    mesh.add(points, touching(level > -0.25), HAT, texture)
    if float(peak) > 0.02:
        _add_brim(mesh, float(peak), float(wide), HAT_LEVEL - 0.02 + 0.03 * s.hat_height, tilt)


def _brims(s: Style) -> tuple[FloatArray, FloatArray]:
    """How far a peak and a brim all round have grown, 0 to 1."""
    return step(-0.45, -0.15, np.asarray(s.hat_brim)), step(0.25, 0.55, np.asarray(s.hat_brim))


def _add_brim(mesh: MeshBuilder, peak: float, wide: float, level: float, tilt: float) -> None:
    rows, columns = 8, 41
    angle = np.linspace(-1, 1, columns)[None] * (1.15 + (np.pi - 1.15) * wide)
    out = np.linspace(0, 1, rows)[:, None]
    x = np.sin(angle) * (0.74 + out * peak * (0.18 + 0.24 * wide))
    z = np.cos(angle) * (0.74 + out * peak * (0.62 - 0.18 * wide))
    y = level + tilt * z - 0.10 * out - 0.10 * (1 - wide) * np.sin(angle) ** 2 * out
    points = np.stack([x, y, z], -1).reshape(-1, 3)
    mesh.add(points, grid(rows, columns), HAT, textured(points, u=points[:, 0], v=points[:, 2]))
