"""The clips of model/demo, drawn anew: who talks in them, where the camera is, how it sounds.

The people are drawn by model/synth, as were those that the embedded pack was trained on. This needs the extra `synth`.
"""

import sys
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..errors import DvaError
from ..types import ByteArray, OnProgress, Progress, ignore_progress
from .clips import DEMO_KINDS, FRAME_RATE, LENGTH, SAMPLE_RATE, SAMPLES, DemoClip, DemoKind, demo_file, write_film

if TYPE_CHECKING:
    from ..synth import Head, Motion, Scene

PACKAGES = {"numba": "numba", "skimage": "scikit-image"}
"""Module -> package, of the extra `synth`."""
FRAMES = round(LENGTH * FRAME_RATE)
SIDE = 360
"""Height of every clip in pixels; two people stand in a picture 16 to 9."""
SMALL = {"crf": "18", "preset": "veryslow"}
"""x264's options for the files that come along."""
FIRST_PERSON, SECOND_PERSON = 167, 200
"""Seeds: a man with short hair, no beard and no glasses; somebody with short red hair; both heads fit the crop."""
VOICES = (118.0, 196.0)
"""Hertz: the pitch on which the first and the second person hum."""


def write_drawn(folder: Path, on_progress: OnProgress = ignore_progress) -> list[Path]:
    """Draw each clip that comes along, and write it into a folder under the name it has there."""
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / demo_file(kind).name for kind in DEMO_KINDS]
    for kind, file in zip(DEMO_KINDS, files, strict=True):
        write_film(file, draw_demo(kind, FRAMES, on_progress), SMALL, on_progress)
    return files


def draw_demo(kind: DemoKind, frames: int, on_progress: OnProgress = ignore_progress) -> DemoClip:
    """Draw a clip of so many frames; DvaError where the packages for it are missing."""
    missing = [package for module, package in PACKAGES.items() if find_spec(module) is None]
    if missing:
        raise DvaError(
            f"the demo clips are drawn with {' and '.join(PACKAGES.values())}, but {' and '.join(missing)} cannot be "
            f"found; run `{sys.executable} -m pip install {' '.join(missing)}`, or use those that come along"
        )
    match kind:
        case "one person":
            return _one_person(frames, on_progress)
        case "two people":
            return _two_people(frames, on_progress)
        case "photograph":
            return _photograph(frames)


@dataclass(frozen=True)
class _Person:
    """Somebody of model/synth who talks."""

    head: "Head"
    scene: "Scene"
    motions: "list[Motion]"


def _one_person(frames: int, on_progress: OnProgress) -> DemoClip:
    people = [_person(FIRST_PERSON, frames)]
    return DemoClip(_film(people, (SIDE, SIDE), 0.46 * SIDE, on_progress), _hum(people))


def _two_people(frames: int, on_progress: OnProgress) -> DemoClip:
    """Side by side before one background, in one light."""
    people = [_person(seed, frames) for seed in (FIRST_PERSON, SECOND_PERSON)]
    scene = replace(people[0].scene, tilt=0.0)
    placed = [
        replace(person, scene=replace(scene, shift_x=shift)) for person, shift in zip(people, (1.2, -1.2), strict=True)
    ]
    return DemoClip(_film(placed, (SIDE, SIDE * 16 // 9), 0.37 * SIDE, on_progress), _hum(people))


def _person(seed: int, frames: int) -> _Person:
    from ..synth import build_head, sample_identity, sample_scene, talking  # noqa: PLC0415 - needs numba

    rng = np.random.default_rng(seed)
    identity = sample_identity(rng)
    head, scene = build_head(identity), sample_scene(rng)
    return _Person(head, scene, talking(rng, frames, float(FRAME_RATE)))


def _film(people: list[_Person], size: tuple[int, int], face_height: float, on_progress: OnProgress) -> ByteArray:
    """[T, H, W, 3]: the people before the first one's background, each drawn over those before."""
    import cv2  # noqa: PLC0415 - heavy

    from ..synth import render_frame  # noqa: PLC0415 - needs numba

    frames: list[ByteArray] = []
    count = len(people[0].motions)
    for i in range(count):
        first, *others = (render_frame(p.head, p.motions[i], p.scene, *size, face_height) for p in people)
        picture = first.image
        for other in others:
            cover = cv2.GaussianBlur((other.parsing != 0).astype(np.float32), (3, 3), 0)[..., None]
            picture = (picture * (1 - cover) + other.image * cover + 0.5).astype(np.uint8)
        frames.append(picture)
        on_progress(Progress("draw", i + 1, count))
    return np.stack(frames)


def _photograph(frames: int) -> DemoClip:
    """The camera drifts over the photograph and closes in a little, above two notes."""
    from skimage.data import astronaut  # noqa: PLC0415 - an extra

    photo = astronaut()
    moments = np.linspace(0, 1, frames)
    seconds = np.arange(frames * SAMPLES) / SAMPLE_RATE
    notes = 0.08 * np.sin(2 * np.pi * 220 * seconds) + 0.06 * np.sin(2 * np.pi * 330 * seconds)
    fade = np.clip(np.minimum(seconds, seconds[-1] - seconds) / 0.1, 0, 1)
    return DemoClip(np.stack([_camera(photo, moment) for moment in moments]), (notes * fade).astype(np.float32))


def _camera(photo: ByteArray, moment: float) -> ByteArray:
    """A window of the photograph; moment runs from 0 to 1."""
    import cv2  # noqa: PLC0415 - heavy

    side = 330 - 50 * moment
    left, top = 75 + 25 * moment, 5 * moment
    scale = SIDE / side
    picture_from_photo = np.array([[scale, 0, -left * scale], [0, scale, -top * scale]])
    return cv2.warpAffine(photo, picture_from_photo, (SIDE, SIDE), flags=cv2.INTER_CUBIC).astype(np.uint8)


def _hum(people: list[_Person]) -> NDArray[np.float32]:
    """Each hums as loud as the mouth is open, so that one hears whether sound and picture are in step."""
    frames = len(people[0].motions)
    samples = np.arange(frames * SAMPLES)
    sound = np.zeros(len(samples))
    for person, pitch in zip(people, VOICES, strict=False):
        jaws = np.array([motion.jaw for motion in person.motions])
        loudness = np.interp(samples * float(FRAME_RATE / SAMPLE_RATE) - 0.5, np.arange(frames), jaws)
        for harmonic in range(1, 9):
            sound += loudness * np.sin(2 * np.pi * pitch * harmonic * samples / SAMPLE_RATE) / harmonic**1.5
    return (0.2 * sound / len(people)).astype(np.float32)
