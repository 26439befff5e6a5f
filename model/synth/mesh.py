"""Meshes and the grids they are made of."""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..types import FloatArray
from .head import CENTRE

SKIN, EAR, BODY, HAIR, FRAME, HAT = range(1, 7)
"""Materials of triangles."""

ALWAYS = 1.0
"""Clip value of a vertex whose surface is never cut away."""

IntArray = NDArray[np.int64]


class Mesh(NamedTuple):
    """Triangles with what the shaders want to know at their corners.

    vertices: [V, 3] at rest. triangles: [F, 3]. materials: [F]. texture: [V, 6] position before swelling by a beard
    (three numbers), clip (the surface shows where it is positive), and two coordinates along hair or cloth.
    """

    vertices: FloatArray
    triangles: IntArray
    materials: IntArray
    texture: FloatArray


@dataclass
class MeshBuilder:
    """Collects the parts of a head, in drawing order."""

    parts: list[Mesh] = field(default_factory=list)
    count: int = 0

    def add(
        self, vertices: FloatArray, triangles: IntArray, material: int | IntArray, texture: FloatArray | None = None
    ) -> None:
        """material: one, or [F]. texture: [V, 6] as in Mesh; None stands for the vertices, never clipped."""
        if texture is None:
            texture = textured(vertices)
        materials = np.broadcast_to(np.asarray(material, np.int64), len(triangles))
        self.parts.append(Mesh(vertices, triangles + self.count, materials, texture))
        self.count += len(vertices)

    def build(self) -> Mesh:
        return Mesh(*(np.ascontiguousarray(np.concatenate(arrays)) for arrays in zip(*self.parts, strict=True)))


def textured(
    vertices: FloatArray,
    clip: FloatArray | float = ALWAYS,
    u: FloatArray | float = 0.0,
    v: FloatArray | float = 0.0,
) -> FloatArray:
    """[V, 6] texture from vertices [V, 3] and numbers per vertex."""
    texture = np.empty((len(vertices), 6))
    texture[:, :3] = vertices
    texture[:, 3], texture[:, 4], texture[:, 5] = clip, u, v
    return texture


def grid(rows: int, columns: int) -> IntArray:
    """Triangles of a rectangular net whose vertices are stored row by row."""
    corner = (np.arange(rows - 1)[:, None] * columns + np.arange(columns - 1)[None]).reshape(-1)
    upper = np.stack([corner, corner + 1, corner + columns], 1)
    lower = np.stack([corner + 1, corner + columns + 1, corner + columns], 1)
    return np.concatenate([upper, lower])


def tube(line: FloatArray, radius: float) -> tuple[FloatArray, IntArray]:
    """A round wire along a line [N, 3]."""
    sides = 8
    forward = np.gradient(line, axis=0)
    forward /= np.linalg.norm(forward, axis=1, keepdims=True) + 1e-9
    across = np.cross(forward, np.array([0.13, 0.2, 1.0]))
    across /= np.linalg.norm(across, axis=1, keepdims=True) + 1e-9
    around = np.linspace(0, 2 * np.pi, sides + 1)[None, :, None]
    ring = np.cos(around) * across[:, None] + np.sin(around) * np.cross(forward, across)[:, None]
    return (line[:, None] + radius * ring).reshape(-1, 3), grid(len(line), sides + 1)


def step(zero_at: FloatArray | float, one_at: FloatArray | float, x: FloatArray) -> FloatArray:
    """noise.smoothstep for arrays."""
    t = np.clip((x - zero_at) / (one_at - zero_at), 0, 1)
    return t * t * (3 - 2 * t)


_WAVES = np.random.default_rng(7).normal(size=(4, 3))


def ripple(points: FloatArray, frequency: float, phase: float) -> FloatArray:
    """[V] smooth noise in -1..1 on points [V, 3]; phase slides it continuously."""
    return np.sin(points @ _WAVES.T * frequency + phase * np.arange(1, 5)).mean(1)


AZIMUTHS, ELEVATIONS = 121, 97


def _directions() -> tuple[FloatArray, FloatArray]:
    """Rays from CENTRE, denser towards the face: [V] azimuths (0 is the nose) and [V, 3] unit vectors."""
    s = np.linspace(-1, 1, AZIMUTHS)
    azimuth, elevation = np.meshgrid(
        np.pi * (0.45 * s + 0.55 * s**3), np.linspace(-np.pi / 2 + 0.01, np.pi / 2 - 0.01, ELEVATIONS)
    )
    flat = np.cos(elevation)
    rays = np.stack([np.sin(azimuth) * flat, np.sin(elevation), np.cos(azimuth) * flat], -1)
    return azimuth.reshape(-1), rays.reshape(-1, 3)


AZIMUTH, DIRECTIONS = _directions()
HEAD_GRID = grid(ELEVATIONS, AZIMUTHS)


def shell(radii: FloatArray) -> FloatArray:
    """[V, 3] the points at these distances from CENTRE along DIRECTIONS."""
    return CENTRE + DIRECTIONS * radii[:, None]


def touching(inside: NDArray[np.bool_]) -> IntArray:
    """The triangles of the head's grid with at least one corner inside."""
    return HEAD_GRID[inside[HEAD_GRID].any(1)]
