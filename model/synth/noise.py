"""Noise, soft steps and colour mixing: the vocabulary of the shaders, on scalars."""

import math

from .compiled import Vec3, compiled

ROWS = 10.5
"""How close the rows of curls lie, in radians a head unit of height."""


@compiled
def lattice(i: int, j: int, k: int) -> float:
    """A repeatable random value in [0, 1] for each point of the integer lattice."""
    n = (i * 374761393 + j * 668265263 + k * 1274126177) & 0xFFFFFFFF
    n = ((n ^ (n >> 13)) * 1103515245) & 0xFFFFFFFF
    n = ((n ^ (n >> 15)) * 2246822519) & 0xFFFFFFFF
    return ((n ^ (n >> 14)) & 0xFFFFFF) / 16777215.0


@compiled
def value_noise(x: float, y: float, z: float) -> float:
    """Smooth noise in [0, 1] with one hill or valley per unit cell."""
    i, j, k = math.floor(x), math.floor(y), math.floor(z)
    fx, fy, fz = x - i, y - j, z - k
    fx, fy, fz = fx * fx * (3 - 2 * fx), fy * fy * (3 - 2 * fy), fz * fz * (3 - 2 * fz)
    i, j, k = int(i), int(j), int(k)
    near = (lattice(i, j, k) * (1 - fx) + lattice(i + 1, j, k) * fx) * (1 - fy)
    near += (lattice(i, j + 1, k) * (1 - fx) + lattice(i + 1, j + 1, k) * fx) * fy
    far = (lattice(i, j, k + 1) * (1 - fx) + lattice(i + 1, j, k + 1) * fx) * (1 - fy)
    far += (lattice(i, j + 1, k + 1) * (1 - fx) + lattice(i + 1, j + 1, k + 1) * fx) * fy
    return near * (1 - fz) + far * fz


@compiled
def smoothstep(zero_at: float, one_at: float, x: float) -> float:
    """0 up to zero_at, 1 from one_at on, smooth between; falling where one_at < zero_at."""
    t = min(max((x - zero_at) / (one_at - zero_at), 0.0), 1.0)
    return t * t * (3 - 2 * t)


@compiled
def crest(y: float) -> float:
    """Height of curly hair, -1 to 1, at a height y in the head: rows that lie level, one of them beside the eyes."""
    return math.cos(ROWS * y)


@compiled
def bump(distance: float, width: float) -> float:
    """A bell of height 1."""
    return math.exp(-distance * distance / (width * width))


@compiled
def bump2(dx: float, width_squared_x: float, dy: float, width_squared_y: float) -> float:
    """An elliptic bell of height 1."""
    return math.exp(-(dx * dx / width_squared_x + dy * dy / width_squared_y))


@compiled
def mix(a: Vec3, b: Vec3, share: float) -> Vec3:
    """A at share 0, b at share 1."""
    rest = 1 - share
    return a[0] * rest + b[0] * share, a[1] * rest + b[1] * share, a[2] * rest + b[2] * share


@compiled
def tint(a: Vec3, red: float, green: float, blue: float) -> Vec3:
    """Colour a seen through a filter."""
    return a[0] * red, a[1] * green, a[2] * blue


@compiled
def scale(a: Vec3, factor: float) -> Vec3:
    return a[0] * factor, a[1] * factor, a[2] * factor


@compiled
def dot(a: Vec3, b: Vec3) -> float:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


@compiled
def unit(a: Vec3) -> Vec3:
    return scale(a, 1.0 / (math.sqrt(dot(a, a)) + 1e-9))
