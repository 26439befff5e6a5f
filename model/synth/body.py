"""Ears, neck, shoulders and what is worn on them."""

import numpy as np

from .head import Shape
from .identity import Identity, Style
from .mesh import BODY, EAR, MeshBuilder, grid, step, textured


def add_ears(mesh: MeshBuilder, s: Style, shape: Shape) -> None:
    """Two discs with a rim; their texture runs from -1 to 1 across the ear."""
    count = 15
    u, v = np.meshgrid(np.linspace(-1, 1, count), np.linspace(-1, 1, count))
    reach = np.maximum(np.abs(u), np.abs(v)) / np.sqrt(np.maximum(u * u + v * v, 1e-9))
    u, v = u * reach, v * reach  # square to disc
    r = np.hypot(u, v)
    height = 0.05 * (1 - r**4) + 0.04 * step(0.5, 0.85, r) * (1 - r**8)
    z = u * 0.17 * (1 - 0.25 * (v < 0) * np.abs(v))
    out = height + np.sin(0.42 + 0.14 * s.ear_flare) * (0.17 - z) * 0.55
    for side in (-1, 1):
        points = np.stack([side * (0.655 * shape.head_w + out), -0.17 + v * 0.29 - 0.05 * z, z - 0.02], -1)
        points = points.reshape(-1, 3)
        mesh.add(points, grid(count, count), EAR, textured(points, u=u.reshape(-1), v=v.reshape(-1)))


def add_body(mesh: MeshBuilder, identity: Identity) -> None:
    """Neck and shoulders down to the waist; the clip value is positive on bare skin, negative under cloth."""
    rows, columns = 52, 49
    s, male, chubby = identity.named_style(), float(identity.has("Male")), float(identity.has("Chubby"))
    down, angle = np.linspace(0, 1, rows)[:, None], np.linspace(-np.pi, np.pi, columns)[None]
    y = -0.55 - 1.6 * down - 2.6 * down**4 + 0 * angle
    neck = 0.385 + 0.085 * male + 0.13 * chubby + 0.035 * s.neck_width
    slope = step(-1.08, -2.05, y)
    width = neck + 0.10 * step(-1.0, -1.45, y) + (1.62 + 0.22 * male - neck) * slope**1.35
    width = (
        width + 0.25 * step(-1.9, -2.8, y) + 0.03 * step(-0.95, -0.6, y) - 0.015 * np.exp(-(((y + 1.1) / 0.15) ** 2))
    )
    depth = neck * 1.02 + (0.62 - neck) * slope
    points = np.stack([width * np.sin(angle), y, -0.20 + depth * np.cos(angle) + 0.10 * slope], -1).reshape(-1, 3)
    front = np.maximum(np.cos(angle), 0.0) ** 3
    collar = -1.34 - 0.10 * s.collar - (0.14 + 0.14 * s.collar) * front
    mesh.add(points, grid(rows, columns), BODY, textured(points, clip=(y - collar).reshape(-1)))
