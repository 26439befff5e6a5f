"""Values that travel between the storeys of the house.

Axis letters: T frames, N points, H W image, S crop side. Points are (x, y) in frame pixels, x right, y down, with the
centre of the top-left pixel at (0, 0).
"""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

FloatArray = NDArray[np.floating]
ByteArray = NDArray[np.uint8]

FrameStatus = Literal["detected", "interpolated", "held", "missing"]
FRAME_STATUS: tuple[FrameStatus, ...] = ("detected", "interpolated", "held", "missing")
"""FaceTrack.status holds an index into this tuple."""

Region = Literal["face", "face+hair", "head", "hair", "lips", "skin", "jaw", "eyes", "crown"]
"""The part of a head that an edit may touch; what each holds: encoders/parser.py."""


@dataclass(frozen=True)
class Progress:
    """One report of long work."""

    stage: str
    done: int
    total: int
    preview: "Callable[[], Tensor] | None" = None
    """Makes a picture of the work as it stands, [3, H, W] in [0, 1]; called only where it is shown, and at once."""


OnProgress = Callable[[Progress], None]
"""Called after each unit of work; it may raise, and that is how a host stops us."""


def ignore_progress(progress: Progress) -> None:
    """Stay silent: the default of every OnProgress argument."""


class Mark(Protocol):
    """How far a stage is, in units of its own, remembered across runs."""

    @property
    def done(self) -> int: ...

    def advance(self, done: int) -> None:
        """Remember it, now that all up to there is on the disk."""
        ...


@dataclass(frozen=True)
class FaceTrack:
    """One person through one clip."""

    quads: FloatArray
    """[T, 4, 2] float64: the crop's corners top-left, bottom-left, bottom-right, top-right; NaN where missing."""
    landmarks: FloatArray
    """[T, N, 2] float32: N is 5 (eyes, nose, mouth corners, as seen from left to right) or 68; NaN where missing."""
    status: ByteArray
    """[T] indices into FRAME_STATUS."""
    confidence: FloatArray
    """[T] float32 in [0, 1]; 0 where no face was detected."""
    frame_size: tuple[int, int]
    """(height, width) in pixels."""
    frame_rate: Fraction

    def __len__(self) -> int:
        return len(self.quads)

    def usable(self) -> NDArray[np.bool_]:
        """[T] True where the frame has a quad, detected or filled in."""
        return self.status != FRAME_STATUS.index("missing")
