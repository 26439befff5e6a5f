"""Triangles to pixels: which triangle is seen at each pixel, how far it is and where it is hit."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..types import FloatArray
from .compiled import compiled
from .mesh import HAIR, HAT, SKIN, Mesh
from .noise import lattice, value_noise

NOTHING = -1e9
"""Depth where no triangle lies."""


class Buffers(NamedTuple):
    """What is seen at each pixel; depth grows towards the viewer."""

    depth: FloatArray
    triangle: NDArray[np.int64]
    weights: FloatArray
    """[H, W, 2] barycentric weights of the second and third corner."""


def empty_buffers(height: int, width: int) -> Buffers:
    return Buffers(
        np.full((height, width), NOTHING),
        np.full((height, width), -1, np.int64),
        np.zeros((height, width, 2)),
    )


@compiled
def strand_gap(u: float, v: float, i: int, j: int, texture: float) -> float:
    """Raggedness of a hairline: added to the clip value, so that hair ends in strands and thins out."""
    locks = 0.16 * (value_noise(u * 7 + texture, v * 2.0, 3.3) - 0.5)
    strands = 0.12 * (value_noise(u * 40 + texture, v * 4.0, 1.3) - 0.5)
    return locks + strands + 0.05 * (lattice(i, j, 5) - 0.5)


@compiled
def rasterise(screen: FloatArray, mesh: Mesh, texture: float, one_sided: float, to: Buffers) -> None:
    """Draw every triangle into the buffers.

    screen: [V, 3] pixel coordinates with pixel centres at half integers, and depth. one_sided: 1 skips the skin's
    inside, 0 keeps it (for shadows).
    """
    height, width = to.depth.shape
    for t in range(mesh.triangles.shape[0]):
        a, b, c = mesh.triangles[t, 0], mesh.triangles[t, 1], mesh.triangles[t, 2]
        x0, y0 = screen[a, 0], screen[a, 1]
        x1, y1 = screen[b, 0] - x0, screen[b, 1] - y0
        x2, y2 = screen[c, 0] - x0, screen[c, 1] - y0
        area = x1 * y2 - x2 * y1
        if abs(area) < 1e-7 or (one_sided > 0 and area > 0 and mesh.materials[t] == SKIN):
            continue
        left = int(max(math.ceil(x0 + min(0.0, x1, x2) - 0.5), 0))
        right = int(min(math.floor(x0 + max(0.0, x1, x2) - 0.5), width - 1))
        top = int(max(math.ceil(y0 + min(0.0, y1, y2) - 0.5), 0))
        bottom = int(min(math.floor(y0 + max(0.0, y1, y2) - 0.5), height - 1))
        for j in range(top, bottom + 1):
            py = j + 0.5 - y0
            for i in range(left, right + 1):
                px = i + 0.5 - x0
                w1 = (px * y2 - x2 * py) / area
                w2 = (x1 * py - px * y1) / area
                w0 = 1 - w1 - w2
                if w0 < 0 or w1 < 0 or w2 < 0:
                    continue
                depth = w0 * screen[a, 2] + w1 * screen[b, 2] + w2 * screen[c, 2]
                if depth > to.depth[j, i] and not cut_away(mesh, t, (w0, w1, w2), (i, j), texture):
                    to.depth[j, i] = depth
                    to.triangle[j, i] = t
                    to.weights[j, i, 0], to.weights[j, i, 1] = w1, w2


@compiled
def cut_away(mesh: Mesh, t: int, weights: tuple[float, float, float], pixel: tuple[int, int], texture: float) -> bool:
    """Whether hair or hat ends before this place of triangle t."""
    material = mesh.materials[t]
    if material not in (HAIR, HAT):
        return False
    clip = corner_mean(mesh.texture, 3, mesh.triangles, t, weights)
    if material == HAIR:
        u = corner_mean(mesh.texture, 4, mesh.triangles, t, weights)
        v = corner_mean(mesh.texture, 5, mesh.triangles, t, weights)
        clip += strand_gap(u, v, pixel[0], pixel[1], texture)
    return clip < 0


@compiled
def corner_mean(
    values: FloatArray, column: int, triangles: NDArray[np.int64], t: int, weights: tuple[float, float, float]
) -> float:
    """A column of values [V, C] inside triangle t."""
    return (
        weights[0] * values[triangles[t, 0], column]
        + weights[1] * values[triangles[t, 1], column]
        + weights[2] * values[triangles[t, 2], column]
    )


@compiled
def vertex_normals(points: FloatArray, triangles: NDArray[np.int64]) -> FloatArray:
    """[V, 3] unit normals, the mean over the neighbouring triangles weighted by their area."""
    normals = np.zeros_like(points)
    for t in range(triangles.shape[0]):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ux, uy, uz = points[b, 0] - points[a, 0], points[b, 1] - points[a, 1], points[b, 2] - points[a, 2]
        vx, vy, vz = points[c, 0] - points[a, 0], points[c, 1] - points[a, 1], points[c, 2] - points[a, 2]
        nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        for k in (a, b, c):
            normals[k, 0] += nx
            normals[k, 1] += ny
            normals[k, 2] += nz
    for i in range(points.shape[0]):
        length = math.sqrt(normals[i, 0] ** 2 + normals[i, 1] ** 2 + normals[i, 2] ** 2) + 1e-12
        normals[i, 0] /= length
        normals[i, 1] /= length
        normals[i, 2] /= length
    return normals
