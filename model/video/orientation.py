"""Pictures that a camera stored lying down, and the display matrix that says so."""

from dataclasses import dataclass

import av
import numpy as np

from ..errors import InputError
from .formats import PixelFormat, Plane, freeze


@dataclass(frozen=True)
class Orientation:
    """Upright = stored, transposed first, then with its rows or columns in reverse."""

    transpose: bool = False
    reverse_rows: bool = False
    reverse_columns: bool = False

    @property
    def degrees(self) -> int:
        """By how much the picture is turned clockwise; a mirrored picture counts as the turn before its mirroring."""
        if self.transpose:
            return 90 if self.reverse_columns else 270
        return 180 if self.reverse_rows else 0

    def upright_size(self, size: tuple[int, int]) -> tuple[int, int]:
        return (size[1], size[0]) if self.transpose else size

    def upright_format(self, layout: PixelFormat) -> PixelFormat:
        return layout.transposed() if self.transpose else layout

    def check(self, layout: PixelFormat, size: tuple[int, int]) -> None:
        """InputError where reversing would move chroma samples off the pixels they span."""
        across, down = self.upright_format(layout).chroma_shift
        rows, columns = self.upright_size(size)
        if (self.reverse_rows and rows % (1 << down)) or (self.reverse_columns and columns % (1 << across)):
            raise InputError(
                f"the video carries a rotation tag, and its odd size {size[1]}x{size[0]} in {layout.name} cannot be"
                " turned without changing the colours; turn it upright first"
            )

    def upright(self, plane: Plane) -> Plane:
        if self == Orientation():
            return plane
        turned = plane.T if self.transpose else plane
        turned = turned[:: -1 if self.reverse_rows else 1, :: -1 if self.reverse_columns else 1]
        return freeze(np.ascontiguousarray(turned))


def read_orientation(picture: av.VideoFrame) -> Orientation:
    """From a decoded picture's display matrix; InputError for anything but right angles and mirrorings."""
    try:
        matrix = picture.side_data.get("DISPLAYMATRIX")
    except (
        ValueError
    ):  # PyAV 18.1 stumbles over kinds of side data newer than itself, as EXIF; it still knows the angle
        return _turned(round(picture.rotation))
    if matrix is None:
        return Orientation()
    # Rows (a, b, u), (c, d, v), (x, y, w): a stored point (p, q) is shown at (a p + c q, b p + d q).
    a, b, _, c, d = (int(entry) for entry in np.frombuffer(matrix, np.int32)[:5])
    if b == c == 0 and abs(a) == abs(d) != 0:
        return Orientation(reverse_rows=d < 0, reverse_columns=a < 0)
    if a == d == 0 and abs(b) == abs(c) != 0:
        return Orientation(transpose=True, reverse_rows=b < 0, reverse_columns=c < 0)
    raise InputError(
        f"the video carries a rotation tag of {picture.rotation} degrees, and only right angles can be turned upright"
        " without loss; turn it upright first"
    )


def exif_orientation(number: int) -> Orientation:
    """From EXIF's tag 0x0112, 1 to 8; any other number means upright."""
    return Orientation(
        transpose=number in (5, 6, 7, 8),
        reverse_rows=number in (3, 4, 7, 8),
        reverse_columns=number in (2, 3, 6, 7),
    )


def _turned(degrees: int) -> Orientation:
    """degrees: counter-clockwise."""
    numbers = {0: 1, 90: 8, 180: 3, 270: 6}
    if degrees % 360 not in numbers:
        raise InputError(f"the video carries a rotation tag of {degrees} degrees; turn it upright first")
    return exif_orientation(numbers[degrees % 360])
