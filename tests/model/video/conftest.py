"""Tiny clips written straight through PyAV: the second route by which reading and writing are judged."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

SHARED_CLIPS = Path(__file__).parents[3] / ".." / "shared" / "clips"


@dataclass(frozen=True)
class Clip:
    """A file and the samples that went into it."""

    path: Path
    planes: list[list[NDArray]]


@dataclass(frozen=True)
class Recipe:
    """What a test asks for."""

    name: str = "clip.mkv"
    codec: str = "ffv1"
    pixels: str = "yuv420p"
    size: tuple[int, int] = (32, 48)
    rate: Fraction = Fraction(25)
    count: int = 8
    pts: Sequence[int] | None = None
    time_base: Fraction | None = None
    audio: str | None = None
    rotation: int = 0
    aspect: Fraction = Fraction(1)
    title: str = ""
    tags: tuple[int, int, int, int] = (2, 0, 2, 2)
    """matrix, range, primaries, transfer (ITU-T H.273)."""


def random_picture(recipe: Recipe, rng: np.random.Generator) -> tuple[av.VideoFrame, list[NDArray]]:
    height, width = recipe.size
    picture = av.VideoFrame(width, height, recipe.pixels)
    bits = picture.format.components[0].bits
    dtype = np.uint8 if bits == 8 else np.uint16
    planes = []
    for plane in picture.planes:
        samples_across = abs(plane.line_size) // np.dtype(dtype).itemsize
        lines = np.frombuffer(plane, dtype).reshape(plane.height, samples_across)
        lines[:] = rng.integers(0, 1 << bits, lines.shape)
        planes.append(lines[:, : plane.width].copy())
    return picture, planes


def sound_stream(container: av.container.OutputContainer, codec: str) -> av.AudioStream:
    stream = container.add_stream(codec, rate=48000)
    stream.layout = "stereo"
    return stream


def add_sound(container: av.container.OutputContainer, stream: av.AudioStream, seconds: float) -> None:
    tone = (8000 * np.sin(np.arange(int(48000 * seconds)) / 20)).astype(np.int16)
    frame = av.AudioFrame.from_ndarray(np.repeat(tone, 2)[None], format="s16", layout="stereo")
    frame.sample_rate = 48000
    resampler = av.AudioResampler(stream.format, "stereo", 48000, frame_size=1024)
    for part in [*resampler.resample(frame), *resampler.resample(None)]:
        container.mux(stream.encode(part))
    container.mux(stream.encode(None))


@pytest.fixture
def make_clip(tmp_path: Path) -> Callable[..., Clip]:
    def make(**wishes: object) -> Clip:
        recipe = Recipe(**wishes)
        rng = np.random.default_rng(7)
        path = tmp_path / recipe.name
        frames = []
        with av.open(str(path), "w") as container:
            options = {"qp": "0"} if recipe.codec == "libx264" else {}
            stream = container.add_stream(recipe.codec, rate=recipe.rate, options=options)
            stream.height, stream.width = recipe.size
            stream.pix_fmt = recipe.pixels
            context = stream.codec_context
            context.time_base = recipe.time_base or 1 / recipe.rate
            context.colorspace, context.color_range, context.color_primaries, context.color_trc = recipe.tags
            if recipe.aspect != 1:
                context.sample_aspect_ratio = recipe.aspect
            if recipe.title:
                container.metadata["title"] = recipe.title
            if recipe.rotation:
                stream.set_display_rotation(recipe.rotation)
            sound = sound_stream(container, recipe.audio) if recipe.audio else None  # before the header is written
            for index in range(recipe.count):
                picture, planes = random_picture(recipe, rng)
                picture.pts = recipe.pts[index] if recipe.pts else index
                picture.time_base = context.time_base
                frames.append(planes)
                container.mux(stream.encode(picture))
            container.mux(stream.encode(None))
            if sound:
                add_sound(container, sound, recipe.count / float(recipe.rate))
        return Clip(path, frames)

    return make


@pytest.fixture(params=["talking_480.mp4", "office_1080p.mp4", "walk_720p.mp4", "two_people_gaps.mp4"])
def real_clip(request: pytest.FixtureRequest) -> Path:
    path = SHARED_CLIPS / request.param
    if not path.exists():
        pytest.skip(f"{path} is not here")
    return path
