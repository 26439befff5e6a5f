"""How a head is held and what it does, for one picture or through a clip."""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ..types import FloatArray


class Expression(NamedTuple):
    """The part of a motion that deforms the face; see Motion."""

    jaw: float
    smile: float
    blink: float
    gaze_x: float
    gaze_y: float
    brow: float
    pucker: float


@dataclass(frozen=True)
class Motion:
    """One moment of one face."""

    yaw: float = 0.0
    """Radians; positive looks to the right of the picture."""
    pitch: float = 0.0
    """Radians; positive looks down."""
    roll: float = 0.0
    """Radians; positive leans the top of the head to the left of the picture."""
    jaw: float = 0.0
    """0 closed to 1 wide open."""
    smile: float = 0.0
    """-0.4 corners down, 0 neutral, 1 broad."""
    blink: float = 0.0
    """0 open to 1 closed."""
    gaze_x: float = 0.0
    """-1 to 1, right of the picture positive."""
    gaze_y: float = 0.0
    """-1 to 1, up positive."""
    brow: float = 0.0
    """-0.6 lowered to 1 raised."""
    pucker: float = 0.0
    """0 to 1, lips drawn together."""

    def expression(self) -> Expression:
        return Expression(self.jaw, self.smile, self.blink, self.gaze_x, self.gaze_y, self.brow, self.pucker)

    def rotation(self) -> FloatArray:
        """[3, 3] float64: head directions to camera directions."""
        cy, sy = math.cos(self.yaw), math.sin(self.yaw)
        cp, sp = math.cos(self.pitch), math.sin(self.pitch)
        cr, sr = math.cos(self.roll), math.sin(self.roll)
        yaw = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
        pitch = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
        roll = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
        return roll @ yaw @ pitch


def sample_motion(rng: np.random.Generator) -> Motion:
    """A snapshot: mostly towards the camera, now and then laughing, blinking or looking away."""
    yaw = float(np.clip(rng.normal() * 0.30, -0.75, 0.75))
    return Motion(
        yaw=yaw,
        pitch=float(np.clip(rng.normal() * 0.13, -0.35, 0.35)),
        roll=float(np.clip(rng.normal() * 0.12, -0.4, 0.4)),
        jaw=float(max(rng.random() - 0.45, 0) * 1.5 * rng.random()),
        smile=float(np.clip(rng.random() * 1.5 - 0.35, -0.3, 1.0)),
        blink=float(rng.random() if rng.random() < 0.15 else 0.10 * rng.random()),
        gaze_x=float(np.clip(rng.normal() * 0.45 - 0.8 * yaw, -1, 1)),
        gaze_y=float(np.clip(rng.normal() * 0.3, -1, 1)),
        brow=float(np.clip(rng.normal() * 0.4, -0.6, 1)),
        pucker=float(rng.random() * 0.6 if rng.random() < 0.12 else 0.0),
    )


def talking(rng: np.random.Generator, frames: int, frame_rate: float) -> list[Motion]:
    """A clip of somebody speaking: the head sways, the jaw follows syllables and pauses, the eyes blink.

    frame_rate is in frames a second. Every number is continuous in time.
    """
    seconds = np.arange(frames) / frame_rate
    yaw = rng.normal() * 0.12 + _sway(rng, seconds, 0.14, (0.1, 0.5))
    speaking = np.clip(0.65 + _sway(rng, seconds, 0.9, (0.15, 0.5)), 0, 1)
    syllables = np.clip(_sway(rng, seconds, 0.60, (1.2, 3.2)) + 0.28, 0, 0.9)
    tracks = {
        "yaw": yaw,
        "pitch": rng.normal() * 0.05 + _sway(rng, seconds, 0.06, (0.2, 0.9)),
        "roll": rng.normal() * 0.04 + _sway(rng, seconds, 0.05, (0.1, 0.5)),
        "jaw": speaking * syllables,
        "smile": np.clip(0.2 + _sway(rng, seconds, 0.35, (0.1, 0.4)), -0.3, 1),
        "blink": _blinks(rng, seconds),
        "gaze_x": np.clip(-0.8 * yaw + _sway(rng, seconds, 0.2, (0.1, 0.6)), -1, 1),
        "gaze_y": _sway(rng, seconds, 0.12, (0.1, 0.6)),
        "brow": np.clip(_sway(rng, seconds, 0.35, (0.2, 1.0)), -0.6, 1),
        "pucker": np.clip(speaking * _sway(rng, seconds, 0.7, (1.0, 3.0)) - 0.25, 0, 0.5),
    }
    return [Motion(**{name: float(track[i]) for name, track in tracks.items()}) for i in range(frames)]


def _sway(rng: np.random.Generator, seconds: FloatArray, size: float, hertz: tuple[float, float]) -> FloatArray:
    """A smooth wandering around 0 that rarely leaves -size..size: four sines of random rate and phase."""
    rates, phases = rng.uniform(*hertz, 4), rng.uniform(0, 2 * np.pi, 4)
    return size * np.sin(2 * np.pi * np.outer(seconds, rates) + phases).sum(1) / 2.4


def _blinks(rng: np.random.Generator, seconds: FloatArray) -> FloatArray:
    """Lids shut for a fifth of a second every two to five seconds."""
    closed = np.zeros(len(seconds))
    moment = rng.uniform(0.3, 2.0)
    while len(seconds) and moment < seconds[-1]:
        closed = np.maximum(closed, np.clip(1.25 - np.abs(seconds - moment) / 0.10, 0, 1))
        moment += rng.uniform(2.0, 5.0)
    return closed
