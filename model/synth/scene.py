"""What surrounds a head: light, camera, lens and the picture behind it."""

import math
from dataclasses import dataclass

import cv2
import numpy as np

from ..types import FloatArray


@dataclass(frozen=True)
class Scene:
    """Independent of the identity, so that skin is not mistaken for light. Angles are radians."""

    light_azimuth: float = 0.5
    """Positive: the key light stands at the right of the picture."""
    light_elevation: float = 0.5
    key: float = 1.2
    """Strength of the key light; it casts shadows."""
    fill: float = 0.3
    """Strength of the soft light from the other side."""
    ambient: float = 0.35
    warmth: float = 0.05
    """Of the key light: positive is yellow, negative blue."""
    ambient_warmth: float = 0.0
    exposure: float = 1.0
    contrast: float = 1.0
    blur: float = 0.0
    """Standard deviation in fractions of the crop's side."""
    grain: float = 0.008
    """Standard deviation of the sensor noise, the picture being 0 to 1."""
    distance: float = 10.0
    """From the camera to the head, in head units."""
    shift_x: float = 0.0
    """Crop jitter in fractions of the crop's half side."""
    shift_y: float = 0.0
    zoom: float = 0.97
    """Side of the crop, as a factor on the aligned one."""
    tilt: float = 0.0
    background: int = 0
    """Seed of the picture behind the head."""
    held: int = 0
    """Seed of what is held before the face (occluders.py); 0 is nothing, and what `sample_scene` gives."""


def sample_scene(rng: np.random.Generator) -> Scene:
    """From soft front light to hard side light, warm or cool, in front of anything."""
    soft = rng.random()
    return Scene(
        light_azimuth=rng.uniform(-1.25, 1.25),
        light_elevation=rng.uniform(-0.05, 0.95),
        key=rng.uniform(0.65, 1.8) * (1 - 0.45 * soft),
        fill=rng.uniform(0.06, 0.5),
        ambient=rng.uniform(0.10, 0.35) + 0.40 * soft,
        warmth=0.05 + rng.normal() * 0.09,
        ambient_warmth=rng.normal() * 0.09,
        exposure=rng.uniform(0.82, 1.25),
        contrast=rng.uniform(0.88, 1.12),
        blur=max(rng.uniform(-0.006, 0.006), 0.0),
        grain=rng.uniform(0.001, 0.009),
        distance=rng.uniform(7, 16),
        shift_x=rng.normal() * 0.03,
        shift_y=rng.normal() * 0.03,
        zoom=0.97 + rng.normal() * 0.04,
        tilt=rng.normal() * 0.025,
        background=int(rng.integers(1 << 30)),
    )


DRAWN = 128
"""Side of the square on which a background is drawn before it is stretched to the picture."""


def draw_background(seed: int, height: int, width: int) -> FloatArray:
    """A blurred somewhere in linear light, [height, width, 3] float32: gradients, clouds, boxes, discs, stripes."""
    rng = np.random.default_rng(seed)
    kind = rng.integers(6)
    first, second = _two_colours(rng)
    across = _gradient(rng, kind == 1)
    picture = (first * (1 - across) + second * across).astype(np.float32)
    if kind >= 2:
        picture = _cloud(rng, picture, (3, 6) if kind < 5 else (3, 5, 12))
    if kind in (3, 4):
        picture = _clutter(rng, picture, kind == 3)
    picture = cv2.resize(picture, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.clip(picture, 0.003, 1.5).astype(np.float32)


def _two_colours(rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    warm, green = 0.22 * rng.normal(), 0.07 * rng.normal()
    first = rng.uniform(0.12, 0.95) ** 2.2 * np.clip([1 + warm, 1 + green, 1 - warm], 0.3, 1.7)
    second = np.clip(first * rng.uniform(0.3, 1.6) + rng.normal(size=3) * 0.02, 0.005, 1)
    return first, second


def _gradient(rng: np.random.Generator, round_one: bool) -> FloatArray:  # noqa: FBT001
    y, x = np.mgrid[0:DRAWN, 0:DRAWN] / DRAWN
    angle, centre_x, centre_y = rng.random() * 2 * math.pi, rng.random(), rng.random()
    if round_one:
        return np.clip(np.hypot(x - centre_x, y - centre_y) * 1.2, 0, 1)[..., None]
    return np.clip((x - 0.5) * math.cos(angle) + (y - 0.5) * math.sin(angle) + 0.5, 0, 1)[..., None]


def _cloud(rng: np.random.Generator, picture: FloatArray, cells: tuple[int, ...]) -> FloatArray:
    for count in cells:
        noise = rng.normal(size=(count, count, 3)).astype(np.float32)
        noise = noise * 0.12 + noise.mean(-1, keepdims=True) * 0.9
        picture = picture * np.exp(0.30 * cv2.resize(noise, (DRAWN, DRAWN), interpolation=cv2.INTER_CUBIC))
    return picture.astype(np.float32)


def _clutter(rng: np.random.Generator, picture: FloatArray, boxes: bool) -> FloatArray:  # noqa: FBT001
    picture = np.ascontiguousarray(picture)
    for _ in range(rng.integers(4, 14)):
        colour = rng.uniform(0.02, 1.0, 3) ** 1.6 * 0.6 + 0.2 * rng.random()
        red, green, blue = (float(value) for value in colour * 0.5 + colour.mean() * 0.5)
        x, y = rng.integers(0, DRAWN, 2).tolist()
        side = int(DRAWN * rng.uniform(0.05, 0.4))
        if boxes:
            corner = (x + side, y + int(side * rng.uniform(0.3, 3)))
            cv2.rectangle(picture, (x, y), corner, (red, green, blue), -1)
        else:
            cv2.circle(picture, (x, y), max(side // 3, 2), (red, green, blue), -1)
    if boxes and rng.random() < 0.4:
        stripes = np.sign(np.sin(np.arange(DRAWN) / DRAWN * rng.uniform(15, 70))).astype(np.float32)
        stripes = stripes[None, :, None] if rng.random() < 0.5 else stripes[:, None, None]
        picture = picture * (1 + 0.5 * stripes)
    return cv2.GaussianBlur(picture, (0, 0), DRAWN * rng.uniform(0.006, 0.04)).astype(np.float32)
