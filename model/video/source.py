"""What every stage reads frames from: a file or an array, any number of times, never all at once."""

from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any, Protocol, TypeVar

from numpy.typing import NDArray

from ..errors import UsageError
from .colour import ColourSpace
from .formats import PixelFormat
from .frame import Frame

T = TypeVar("T")


class FrameSource(Protocol):
    """A clip that can be read again and again, from any frame; it holds no open file between readings."""

    @property
    def path(self) -> Path | None:
        """The file, or the folder or pattern of pictures, that it is read from, if there is one."""
        ...

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) in pixels, upright."""
        ...

    @property
    def frame_rate(self) -> Fraction:
        """Frames a second, exact; the average where the rate varies."""
        ...

    @property
    def frame_count(self) -> int: ...

    @property
    def variable_rate(self) -> bool: ...

    @property
    def start_time(self) -> Fraction:
        """When the first frame is shown, in seconds; sound may begin earlier or later."""
        ...

    @property
    def pixel_aspect(self) -> Fraction:
        """Width of a pixel over its height."""
        ...

    @property
    def format(self) -> PixelFormat: ...

    @property
    def colour(self) -> ColourSpace: ...

    @property
    def has_audio(self) -> bool: ...

    def frames(self, start: int = 0, stop: int | None = None) -> Iterator[Frame]:
        """Frames start, start + 1, ... up to and without stop."""
        ...

    def chunks(self, n: int) -> Iterator[list[Frame]]:
        """All frames, n at a time; the last chunk may be shorter."""
        ...

    def __iter__(self) -> Iterator[Frame]: ...


class ArraySource:
    """A clip in memory."""

    path = None
    variable_rate = False
    has_audio = False
    start_time = Fraction(0)
    pixel_aspect = Fraction(1)

    def __init__(self, images: NDArray[Any], frame_rate: Fraction) -> None:
        """images: [T, H, W, 3] RGB, uint8 or float32 in [0, 1], at least one; not copied."""
        is_known = images.dtype in ("uint8", "float32")
        if images.ndim != 4 or images.shape[-1] != 3 or not is_known or len(images) == 0:
            raise UsageError(
                "frames must be [T, H, W, 3] uint8 or float32 with T >= 1, "
                f"not {list(images.shape)} {images.dtype}; drop an alpha channel, and load at least one frame"
            )
        self._images = images
        self._make_frame = Frame.from_rgb8 if images.dtype == "uint8" else Frame.from_rgb_float
        self.frame_rate = frame_rate
        first = self._make_frame(0, images[0], frame_rate)
        self.size, self.format, self.colour = first.size, first.format, first.colour

    @property
    def frame_count(self) -> int:
        return len(self._images)

    def frames(self, start: int = 0, stop: int | None = None) -> Iterator[Frame]:
        for index in range(self.frame_count)[start:stop]:
            yield self._make_frame(index, self._images[index], self.frame_rate)

    def chunks(self, n: int) -> Iterator[list[Frame]]:
        return chunked(self.frames(), n)

    def __iter__(self) -> Iterator[Frame]:
        return self.frames()


def source_file(source: FrameSource) -> Path | None:
    """The video file behind a clip, with its sound and metadata; None for memory and for pictures."""
    return source.path if source.path is not None and source.path.is_file() else None


def chunked(items: Iterable[T], n: int) -> Iterator[list[T]]:
    """n items at a time; the last list may be shorter."""
    remaining = iter(items)
    while chunk := list(islice(remaining, n)):
        yield chunk
