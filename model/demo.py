"""Short clips with sound, made on the spot to try things on: rendered people, or a photograph under a moving camera.

The photograph is scikit-image's `astronaut` (Eileen Collins, NASA, public domain; nothing here is endorsed by her or by
NASA). The people are drawn by model/synth, as were those that the embedded pack was trained on. The same kind and
length give the same clip.
"""

import sys
from dataclasses import dataclass, replace
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, Literal, get_args

import av
import numpy as np
from numpy.typing import NDArray

from .errors import DvaError, UsageError
from .types import ByteArray, OnProgress, Progress, ignore_progress
from .video import ArraySource
from .video.encoding import ENCODERS, encodable, picture_of

if TYPE_CHECKING:
    from .synth import Head, Motion, Scene

DemoKind = Literal["one person", "two people", "photograph"]
DEMO_KINDS: tuple[DemoKind, ...] = get_args(DemoKind)
PACKAGES = {"numba": "numba", "skimage": "scikit-image"}
"""Module -> package, of the extra `synth`."""
FRAME_RATE = Fraction(24)
SIDE = 360
"""Height of every clip in pixels; two people stand in a picture 16 to 9."""
SHORTEST, LONGEST = 0.5, 10.0
"""Seconds."""
SAMPLE_RATE = 48_000
FIRST_PERSON, SECOND_PERSON = 167, 200
"""Seeds: a man with short hair, no beard and no glasses; somebody with short red hair; both heads fit the crop."""
VOICES = (118.0, 196.0)
"""Hertz: the pitch on which the first and the second person hum."""


@dataclass(frozen=True)
class Drawn:
    """A clip before it is written."""

    frames: ByteArray
    """[T, H, W, 3] RGB."""
    sound: NDArray[np.float32]
    """[N] in [-1, 1], SAMPLE_RATE a second."""


def draw_demo(kind: DemoKind, frames: int, on_progress: OnProgress = ignore_progress) -> Drawn:
    """A clip of so many frames; DvaError where the packages that draw it are missing."""
    missing = [package for module, package in PACKAGES.items() if find_spec(module) is None]
    if missing:
        raise DvaError(
            f"the demo clips are drawn with {' and '.join(PACKAGES.values())}, but {' and '.join(missing)} cannot be "
            f"found; run `{sys.executable} -m pip install {' '.join(missing)}`, or load a clip of your own"
        )
    match kind:
        case "one person":
            return _one_person(frames, on_progress)
        case "two people":
            return _two_people(frames, on_progress)
        case "photograph":
            return _photograph(frames)


def write_demo(folder: Path, kind: DemoKind, seconds: float, on_progress: OnProgress = ignore_progress) -> Path:
    """Write a clip as H.264 with AAC sound into a folder, unless it lies there already; returns the file.

    seconds: 0.5 to 10, UsageError otherwise.
    """
    if not SHORTEST <= seconds <= LONGEST:
        raise UsageError(f"a demo clip lasts {SHORTEST:g} to {LONGEST:g} seconds, not {seconds:g}")
    frames = round(seconds * FRAME_RATE)
    path = folder / f"dva demo {kind} {frames}.mp4".replace(" ", "_")
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        drawn = draw_demo(kind, frames, on_progress)
        part = folder / f".{path.stem}.{token_hex(4)}.part.mp4"
        try:
            _write(part, drawn)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    return path


@dataclass(frozen=True)
class _Person:
    """Somebody of model/synth who talks."""

    head: "Head"
    scene: "Scene"
    motions: "list[Motion]"


def _one_person(frames: int, on_progress: OnProgress) -> Drawn:
    people = [_person(FIRST_PERSON, frames)]
    return Drawn(_film(people, (SIDE, SIDE), 0.46 * SIDE, on_progress), _hum(people))


def _two_people(frames: int, on_progress: OnProgress) -> Drawn:
    """Side by side before one background, in one light."""
    people = [_person(seed, frames) for seed in (FIRST_PERSON, SECOND_PERSON)]
    scene = replace(people[0].scene, tilt=0.0)
    placed = [
        replace(person, scene=replace(scene, shift_x=shift)) for person, shift in zip(people, (1.2, -1.2), strict=True)
    ]
    return Drawn(_film(placed, (SIDE, SIDE * 16 // 9), 0.37 * SIDE, on_progress), _hum(people))


def _person(seed: int, frames: int) -> _Person:
    from .synth import build_head, sample_identity, sample_scene, talking  # noqa: PLC0415 - needs numba

    rng = np.random.default_rng(seed)
    identity = sample_identity(rng)
    head, scene = build_head(identity), sample_scene(rng)
    return _Person(head, scene, talking(rng, frames, float(FRAME_RATE)))


def _film(people: list[_Person], size: tuple[int, int], face_height: float, on_progress: OnProgress) -> ByteArray:
    """[T, H, W, 3]: the people before the first one's background, each drawn over those before."""
    import cv2  # noqa: PLC0415 - heavy

    from .synth import render_frame  # noqa: PLC0415 - needs numba

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


def _photograph(frames: int) -> Drawn:
    """The camera drifts over the photograph and closes in a little, above two notes."""
    from skimage.data import astronaut  # noqa: PLC0415 - an extra

    photo = astronaut()
    moments = np.linspace(0, 1, frames)
    seconds = np.arange(frames * SAMPLE_RATE // FRAME_RATE) / SAMPLE_RATE
    notes = 0.08 * np.sin(2 * np.pi * 220 * seconds) + 0.06 * np.sin(2 * np.pi * 330 * seconds)
    fade = np.clip(np.minimum(seconds, seconds[-1] - seconds) / 0.1, 0, 1)
    return Drawn(np.stack([_camera(photo, moment) for moment in moments]), (notes * fade).astype(np.float32))


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
    samples = np.arange(frames * SAMPLE_RATE // FRAME_RATE)
    sound = np.zeros(len(samples))
    for person, pitch in zip(people, VOICES, strict=False):
        jaws = np.array([motion.jaw for motion in person.motions])
        loudness = np.interp(samples * float(FRAME_RATE / SAMPLE_RATE) - 0.5, np.arange(frames), jaws)
        for harmonic in range(1, 9):
            sound += loudness * np.sin(2 * np.pi * pitch * harmonic * samples / SAMPLE_RATE) / harmonic**1.5
    return (0.2 * sound / len(people)).astype(np.float32)


def _write(path: Path, drawn: Drawn) -> None:
    """Encode so that two runs give one file: with several threads or with its macroblock tree, x264 makes two."""
    clip = ArraySource(drawn.frames, FRAME_RATE)
    with av.open(str(path), "w", options={"movflags": "faststart"}) as container:
        options = {**ENCODERS["h264"].options, "threads": "1", "mbtree": "0"}
        picture = container.add_stream("libx264", rate=FRAME_RATE, options=options)
        picture.height, picture.width = clip.size
        voice = container.add_stream("aac", rate=SAMPLE_RATE, layout="mono")
        for number, frame in enumerate(clip):
            encoded = encodable(frame, "h264")
            tags = encoded.colour.tags
            picture.colorspace, picture.color_range = tags.matrix, tags.range
            drawing = picture_of(encoded, "h264")
            drawing.pts, drawing.time_base = number, 1 / FRAME_RATE
            container.mux(picture.encode(drawing))
        samples = av.AudioFrame.from_ndarray(drawn.sound[None], format="fltp", layout="mono")
        samples.sample_rate, samples.pts = SAMPLE_RATE, 0
        container.mux([*picture.encode(None), *voice.encode(samples), *voice.encode(None)])
