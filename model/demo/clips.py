"""The clips that come along, and what is made of them: any length, as arrays or as a file.

The same kind and length give the same clip. The photograph is scikit-image's `astronaut` (Eileen Collins, NASA, public
domain; nothing here is endorsed by her or by NASA).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from secrets import token_hex
from typing import Literal, TypeVar, get_args

import av
import numpy as np
from numpy.typing import NDArray

from ..errors import UsageError
from ..types import ByteArray, OnProgress, Progress, ignore_progress
from ..video import ArraySource, open_video
from ..video.encoding import ENCODERS, encodable, picture_of

DemoKind = Literal["one person", "two people", "photograph"]
DEMO_KINDS: tuple[DemoKind, ...] = get_args(DemoKind)
FRAME_RATE = Fraction(24)
SHORTEST, LONGEST = 0.5, 10.0
"""Seconds that one may ask for."""
LENGTH = 1.5
"""Seconds of each clip that comes along."""
SAMPLE_RATE = 48_000
SAMPLES = SAMPLE_RATE // 24
"""Of sound in a frame."""


Sample = TypeVar("Sample", bound=np.generic)


@dataclass(frozen=True)
class DemoClip:
    """A clip in memory."""

    frames: ByteArray
    """[T, H, W, 3] RGB."""
    sound: NDArray[np.float32]
    """[T * SAMPLES] in [-1, 1]."""


def demo_file(kind: DemoKind) -> Path:
    """The clip that comes along."""
    return Path(__file__).with_name(f"{kind}.mp4".replace(" ", "_"))


def demo_clip(kind: DemoKind, frames: int) -> DemoClip:
    """A clip of so many frames. A longer one than the one that comes along runs forth and back, the sound with it."""
    shipped = _read(demo_file(kind))
    return DemoClip(_forth_and_back(shipped.frames, frames), _forth_and_back(shipped.sound, frames * SAMPLES))


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
        write_film(path, demo_clip(kind, frames), ENCODERS["h264"].options, on_progress)
    return path


def write_film(path: Path, clip: DemoClip, options: Mapping[str, str], on_progress: OnProgress) -> None:
    """Write a clip as H.264 with AAC sound, whole or not at all. options: x264's."""
    part = path.with_name(f".{path.stem}.{token_hex(4)}.part.mp4")
    try:
        _encode(part, clip, options, on_progress)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _encode(path: Path, clip: DemoClip, options: Mapping[str, str], on_progress: OnProgress) -> None:
    """Encode so that two runs give one file: with several threads or with its macroblock tree, x264 makes two."""
    source = ArraySource(clip.frames, FRAME_RATE)
    with av.open(str(path), "w", options={"movflags": "faststart"}) as container:
        picture = container.add_stream("libx264", rate=FRAME_RATE, options={**options, "threads": "1", "mbtree": "0"})
        picture.height, picture.width = source.size
        voice = container.add_stream("aac", rate=SAMPLE_RATE, layout="mono")
        for number, frame in enumerate(source):
            encoded = encodable(frame, "h264")
            tags = encoded.colour.tags
            picture.colorspace, picture.color_range = tags.matrix, tags.range
            drawing = picture_of(encoded, "h264")
            drawing.pts, drawing.time_base = number, 1 / FRAME_RATE
            container.mux(picture.encode(drawing))
            on_progress(Progress("write", number + 1, source.frame_count))
        samples = av.AudioFrame.from_ndarray(clip.sound[None], format="fltp", layout="mono")
        samples.sample_rate, samples.pts = SAMPLE_RATE, 0
        container.mux([*picture.encode(None), *voice.encode(samples), *voice.encode(None)])


def _read(file: Path) -> DemoClip:
    """A whole clip; AAC comes in blocks, and what the last one holds too much is cut off."""
    frames = np.stack([frame.to_rgb8() for frame in open_video(file)])
    with av.open(str(file)) as container:
        sound = np.concatenate([block.to_ndarray()[0] for block in container.decode(audio=0)])
    return DemoClip(frames, sound[: len(frames) * SAMPLES])


def _forth_and_back(items: NDArray[Sample], count: int) -> NDArray[Sample]:
    """The first so many of: all items, all in reverse, all again, and so on."""
    forth = np.arange(len(items))
    return items[np.resize(np.concatenate([forth, forth[::-1]]), count)]
