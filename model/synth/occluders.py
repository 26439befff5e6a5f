"""What people hold before their faces: a hand, or a microphone in a hand. It is the scene's and not the person's."""

import math
from collections.abc import Callable, Iterable
from typing import NamedTuple

import cv2
import numpy as np

from ..types import FloatArray
from .compiled import Vec3
from .light import Light
from .parsing import IN_BACKGROUND
from .shade import Picture

Project = Callable[[FloatArray], FloatArray]
"""Points [N, 3] before the camera to pixels [N, 2]."""

CHIN, MOUTH, LEFT_CHEEK, RIGHT_CHEEK = (8, 66, 3, 13)
"""Landmarks that a hand goes to."""
METAL, RUBBER = (0.16, 0.16, 0.17), (0.03, 0.03, 0.03)
"""Linear colours of a microphone's basket and of its handle."""


class Capsule(NamedTuple):
    """A rounded stick: the hull of two balls."""

    ends: FloatArray
    """[2, 3] before the camera, in head units."""
    radii: tuple[float, float]
    colour: Vec3
    woven: bool = False
    """A wire basket: light and dark in turn."""


def held(seed: int, landmarks: FloatArray, skin: Vec3) -> list[Capsule]:
    """A hand at the chin, a cheek or the mouth, or a microphone below the mouth, near ones last; nothing for seed 0.

    landmarks: [68, 3] before the camera. skin: linear colour of the hand.
    """
    if seed == 0:
        return []
    rng = np.random.default_rng(seed)
    if rng.random() < 0.4:
        return _microphone(rng, landmarks, skin)
    place = (CHIN, MOUTH, LEFT_CHEEK, RIGHT_CHEEK)[rng.integers(4)]
    side = {LEFT_CHEEK: -1.0, RIGHT_CHEEK: 1.0}.get(place, float(rng.choice([-1.0, 1.0])))
    outward = rng.uniform(0.1, 0.9) if place in (CHIN, MOUTH) else rng.uniform(0.3, 0.7)
    towards_arm = np.array([side * math.sin(outward), -math.cos(outward), 0.25])
    tip = landmarks[place] + np.array([0.0, rng.uniform(-0.12, 0.1), 0.0])
    return _hand(rng, tip, towards_arm, side, skin)


def _hand(rng: np.random.Generator, tip: FloatArray, down: FloatArray, side: float, skin: Vec3) -> list[Capsule]:
    """Four fingers and a thumb whose tips lie about `tip`, a palm and an arm that go along `down` [3]."""
    down = down / np.linalg.norm(down)
    across = np.cross(down, np.array([0.0, 0.0, 1.0]))
    across /= np.linalg.norm(across)
    size, spread, bend = rng.uniform(0.9, 1.1), rng.uniform(0.0, 0.06), rng.uniform(0.02, 0.16)
    wrist = tip + down * 1.15 * size + np.array([0.0, 0.0, 0.18])
    knuckles = tip + down * 0.5 * size + np.array([0.0, 0.0, 0.16])
    parts = [
        Capsule(np.stack([wrist, wrist + down * 2]), (0.15 * size, 0.24 * size), skin),
        *(
            Capsule(np.stack([knuckles + across * x, wrist + across * 0.5 * x]), (0.085 * size, 0.13 * size), skin)
            for x in (-0.16 * size, 0.0, 0.16 * size)
        ),
    ]
    for k, length in enumerate((0.9, 1.05, 1.0, 0.8)):
        x = (k - 1.5) * (0.125 * size)
        base = knuckles + across * x
        end = tip + across * (x * (1 + 8 * spread)) + down * (0.5 - 0.5 * length) * size
        middle = (base + end) / 2 + np.array([0.0, 0.0, bend])
        parts += [
            Capsule(np.stack([base, middle]), (0.075 * size, 0.068 * size), skin),
            Capsule(np.stack([middle, end]), (0.068 * size, 0.055 * size), skin),
        ]
    thumb = knuckles - across * side * 0.2 * size + down * 0.25 * size
    end = thumb - across * side * rng.uniform(0.15, 0.3) - down * rng.uniform(0.1, 0.35) * size
    return [*parts, Capsule(np.stack([thumb, end]), (0.095 * size, 0.066 * size), skin)]


def _microphone(rng: np.random.Generator, landmarks: FloatArray, skin: Vec3) -> list[Capsule]:
    """A basket before or below the mouth, its handle, and fingers around that."""
    side, lean = float(rng.choice([-1.0, 1.0])), rng.uniform(0.0, 0.8)
    radius = rng.uniform(0.16, 0.24)
    head = landmarks[MOUTH] + np.array([side * rng.uniform(0.0, 0.25), -rng.uniform(0.05, 0.4), 0.1 + radius])
    down = np.array([side * math.sin(lean), -math.cos(lean), 0.3])
    down /= np.linalg.norm(down)
    basket = METAL if rng.random() < 0.6 else (0.02, 0.02, 0.02)
    grip = head + down * rng.uniform(0.75, 1.1)
    hand = _hand(rng, grip - down * 0.2 + np.array([0.0, 0.0, 0.1]), down, side, skin)
    stick = Capsule(np.stack([head + down * radius, head + down * 2.5]), (0.6 * radius, 0.5 * radius), RUBBER)
    return [stick, *hand, Capsule(np.stack([head, head + down * 0.3 * radius]), (radius, radius), basket, woven=True)]


def draw_held(capsules: Iterable[Capsule], project: Project, light: Light, picture: Picture) -> None:
    """Lay the things over the picture, each over those before it, with the shadow that they throw behind them."""
    seen = [(_Footprint.of(c, project, picture.labels.shape), c) for c in capsules]
    if not seen:
        return
    shape = picture.labels.shape
    covered = np.zeros(shape, np.float32)
    for footprint, _ in seen:
        covered[footprint.rows, footprint.columns] = 1
    away = -0.16 * picture.pixels_per_unit * np.array(light.towards[:2])
    moved = cv2.warpAffine(covered, np.array([[1, 0, away[0]], [0, 1, -away[1]]]), shape[::-1])
    shadow = cv2.GaussianBlur(moved, (0, 0), 0.06 * picture.pixels_per_unit)
    picture.image[:] *= 1 - 0.55 * shadow[..., None]
    for footprint, capsule in seen:
        picture.image[footprint.rows, footprint.columns] = _lit(footprint, capsule, light)
        picture.labels[footprint.rows, footprint.columns] = IN_BACKGROUND


class _Footprint(NamedTuple):
    """The pixels [N] of a capsule, with its surface's directions there."""

    rows: np.ndarray
    columns: np.ndarray
    normals: FloatArray
    """[N, 3]"""
    offsets: FloatArray
    """[N, 2] from the capsule's axis, in its radius."""

    @classmethod
    def of(cls, capsule: Capsule, project: Project, shape: tuple[int, ...]) -> "_Footprint":
        """Seen as flat as it is far: perspective changes its size and not its shading."""
        beside = capsule.ends + np.array([[capsule.radii[0], 0, 0], [capsule.radii[1], 0, 0]])
        (a, b), (a_edge, b_edge) = project(capsule.ends), project(beside)
        ra, rb = float(np.hypot(*(a_edge - a))), float(np.hypot(*(b_edge - b)))
        reach = max(ra, rb)
        low = np.floor(np.minimum(a, b) - reach).astype(int).clip(0)
        high = np.minimum(np.ceil(np.maximum(a, b) + reach).astype(int) + 1, shape[::-1])
        y, x = np.mgrid[low[1] : max(high[1], low[1]), low[0] : max(high[0], low[0])]
        points = np.stack([x.ravel() + 0.5, y.ravel() + 0.5], 1)
        along = ((points - a) @ (b - a) / max(float((b - a) @ (b - a)), 1e-9)).clip(0, 1)
        offsets = (points - a - along[:, None] * (b - a)) / (ra + along * (rb - ra))[:, None]
        square = np.square(offsets).sum(1)
        inside = square < 1
        offsets, height = offsets[inside], np.sqrt(1 - square[inside])
        normals = np.stack([offsets[:, 0], -offsets[:, 1], height], 1)
        return cls(y.ravel()[inside], x.ravel()[inside], normals, offsets)


def _lit(footprint: _Footprint, capsule: Capsule, light: Light) -> FloatArray:
    """[N, 3] linear light that leaves the capsule."""
    n = footprint.normals
    key = np.maximum(n @ np.array(light.towards), 0)[:, None] * np.array(light.key)
    fill = np.maximum((n @ np.array(light.fill_towards) + 0.4) / 1.4, 0)[:, None] * np.array(light.fill)
    up = (0.5 + 0.5 * n[:, 1])[:, None]
    sky = up * np.array(light.sky) + (1 - up) * np.array(light.ground)
    # The rim is dark: what lies beside it, a finger mostly, hides half of the sky there.
    colour = np.array(capsule.colour) * (0.55 + 0.45 * n[:, 2:])
    if capsule.woven:
        wires = np.sin(footprint.offsets[:, :1] * 22) * np.sin(footprint.offsets[:, 1:] * 22)
        colour = colour * (1 + 0.6 * wires)
    return colour * (0.8 * key + fill + sky)
