"""Light: one key light with soft shadows, a fill, sky and ground, and the dark of corners."""

import math
from typing import NamedTuple

import numpy as np

from ..types import FloatArray
from .compiled import Vec3, compiled
from .looks import Look
from .mesh import HAIR, Mesh
from .noise import dot, lattice, scale, unit
from .paint.surface import Paint
from .raster import Buffers, empty_buffers, rasterise
from .scene import Scene

SHADOW_SIDE = 128
SHADOW_SPAN = 3.6
"""The shadow map is a square of this side in head units, seen from the light."""


class Light(NamedTuple):
    """Directions point from the surface towards the light; colours are linear."""

    towards: Vec3
    halfway: Vec3
    key: Vec3
    fill_towards: Vec3
    fill: Vec3
    sky: Vec3
    ground: Vec3
    right: Vec3
    """The axes of the shadow map."""
    up: Vec3
    map: FloatArray
    """[SHADOW_SIDE, SHADOW_SIDE] distance of the nearest surface towards the light."""


class Lit(NamedTuple):
    """What falls on one place."""

    direct: float
    """0 in shadow to 1."""
    open: float
    """0 in a corner to 1 under a free sky."""


def _vec3(values: FloatArray) -> Vec3:
    red, green, blue = (float(value) for value in values)
    return red, green, blue


def _warm(strength: float, warmth: float) -> Vec3:
    return strength * (1 + warmth), strength, strength * (1 - warmth)


def set_lights(scene: Scene, mesh: Mesh, placed: FloatArray, look: Look, surroundings: FloatArray) -> Light:
    """Aim the lights and draw the shadow map.

    placed: [V, 3] the mesh in camera directions. surroundings: [3] mean colour of the background, which tints the
    ambient light.
    """
    azimuth, elevation = scene.light_azimuth, scene.light_elevation
    flat = math.cos(elevation)
    towards = np.array([math.sin(azimuth) * flat, math.sin(elevation), math.cos(azimuth) * flat])
    right = np.cross(np.array([0.0, 1.0, 0.0]), towards)
    right /= np.linalg.norm(right)
    up = np.cross(towards, right)
    halfway = towards + np.array([0.0, 0.0, 1.0])
    per_unit = SHADOW_SIDE / SHADOW_SPAN
    axes = np.stack([right * per_unit, -up * per_unit, towards])
    flat_map = placed @ axes.T + np.array([SHADOW_SIDE / 2, SHADOW_SIDE / 2, 0.0])
    shadow = empty_buffers(SHADOW_SIDE, SHADOW_SIDE)
    rasterise(flat_map, mesh, look.texture, 0.0, shadow)
    tinted = np.clip(0.5 + 0.5 * surroundings / max(float(surroundings.mean()), 0.02), 0.6, 1.4)
    fill_azimuth = -0.8 if azimuth > 0 else 0.8
    return Light(
        towards=_vec3(towards),
        halfway=_vec3(halfway / np.linalg.norm(halfway)),
        key=_warm(scene.key, scene.warmth),
        fill_towards=(math.sin(fill_azimuth), 0.1, math.cos(fill_azimuth)),
        fill=_warm(scene.fill, scene.ambient_warmth),
        sky=_vec3(scene.ambient * tinted),
        ground=_vec3(scene.ambient * 0.45 * tinted),
        right=_vec3(right),
        up=_vec3(up),
        map=shadow.depth,
    )


@compiled
def unshadowed(place: Vec3, light: Light) -> float:
    """Share of sixteen taps around a place that the key light reaches."""
    side = SHADOW_SIDE
    u = dot(light.right, place) * (side / SHADOW_SPAN) + side * 0.5
    v = -dot(light.up, place) * (side / SHADOW_SPAN) + side * 0.5
    depth = dot(light.towards, place) + 0.045
    reached, taps = 0.0, 0.0
    for a in range(4):
        for b in range(4):
            i, j = int(u + (a - 1.5) * 1.7), int(v + (b - 1.5) * 1.7)
            if 0 <= i < side and 0 <= j < side:
                taps += 1
                if light.map[j, i] < depth:
                    reached += 1
    return reached / taps if taps > 0 else 1.0


AO_TAPS = 12


@compiled
def openness(buffers: Buffers, j: int, i: int, pixels_per_unit: float) -> float:
    """1 minus the share of neighbours that stand in front: ambient occlusion in screen space."""
    height, width = buffers.depth.shape
    here = buffers.depth[j, i]
    angle = 6.28 * lattice(i, j, 77)
    c, s = math.cos(angle), math.sin(angle)
    hidden = 0.0
    for tap in range(AO_TAPS):
        c, s = -0.7374 * c - 0.6755 * s, 0.6755 * c - 0.7374 * s  # turn by the golden angle
        reach = (0.25 + 0.75 * (tap / AO_TAPS)) * 0.20 * pixels_per_unit
        ii, jj = int(i + reach * c), int(j + reach * s)
        if 0 <= ii < width and 0 <= jj < height:
            above = buffers.depth[jj, ii] - here - 0.015
            if above > 0:
                far = 1.0 if above < 0.335 else max(0.35 / (above + 0.015), 0.25)
                hidden += min(above / 0.12, 1.0) * far
    return 1 - 0.62 * min(hidden / AO_TAPS * 1.3, 1.0)


@compiled
def illuminate(paint: Paint, light: Light, lit: Lit) -> Vec3:
    """Light leaving a surface towards the viewer."""
    n = unit(paint.normal)
    facing = (dot(n, light.towards), max((dot(n, light.fill_towards) + 0.4) / 1.4, 0.0), 0.5 + 0.5 * n[1])
    softened = lit.direct**0.75  # light leaks further into a shadow's edge under skin, in red most
    direct = (softened, lit.direct, lit.direct)
    corners = (lit.open, lit.open**1.15, lit.open**1.2)
    half = max(dot(n, light.halfway), 0.0)
    fresnel = 0.85 + 0.65 * (1 - max(n[2], 0.0)) ** 3
    shine = paint.gloss * (half**paint.sharpness + 0.35 * half**6) * lit.direct * fresnel
    return (
        channel(paint, light, 0, facing, direct, corners) + shine * light.key[0] + paint.glow,
        channel(paint, light, 1, facing, direct, corners) + shine * light.key[1] + paint.glow,
        channel(paint, light, 2, facing, direct, corners) + shine * light.key[2] + paint.glow,
    )


@compiled
def channel(paint: Paint, light: Light, k: int, facing: Vec3, direct: Vec3, corners: Vec3) -> float:
    """One colour of the diffuse light. facing: how far the surface looks to the key light, the fill and the sky."""
    wrap = paint.wrap[k]
    key = light.key[k] * max((facing[0] + wrap) / (1 + wrap), 0.0) * direct[k]
    soft = light.fill[k] * facing[1] + light.sky[k] * facing[2] + light.ground[k] * (1 - facing[2])
    return paint.colour[k] * (key + corners[k] * soft)


@compiled
def hair_shine(normal: Vec3, light: Light, direct: float, look: Look, strand: float) -> Vec3:
    """The band of light across hair, which runs down along its strands (Kajiya and Kay 1989)."""
    n = unit(normal)
    along = unit((-n[0] * n[1], 1 - n[1] * n[1], -n[2] * n[1]))
    across = math.sqrt(max(1 - dot(along, light.halfway) ** 2, 0.0))
    facing = max(dot(n, light.towards) + 0.3, 0.0)
    shine = look.hair.gloss * (across**40 * 0.5 + across**10 * 0.12) * direct * facing * (0.4 + strand)
    c = look.hair.colour
    return scale(
        (
            light.key[0] * (0.30 + c[0]),
            light.key[1] * (0.30 + c[1]),
            light.key[2] * (0.30 + c[2]),
        ),
        shine,
    )


@compiled
def reach(material: int, place: Vec3, light: Light) -> float:
    """The key light's share at a place; hair lets some through."""
    direct = unshadowed(place, light)
    return 0.35 + 0.65 * direct if material == HAIR else direct
