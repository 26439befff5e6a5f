"""Colour spaces of video: the matrix between RGB and YUV, and the codes a sample may take.

Sources: ITU-R BT.601-7, BT.709-6, BT.2020-2; the numbers of the tags are those of ITU-T H.273.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from ..errors import InputError
from ..types import FloatArray
from .formats import PixelFormat

Matrix = Literal["bt601", "bt709", "bt2020"]

LUMA_WEIGHTS: dict[Matrix, tuple[float, float, float]] = {
    "bt601": (0.299, 0.587, 0.114),
    "bt709": (0.2126, 0.7152, 0.0722),
    "bt2020": (0.2627, 0.6780, 0.0593),
}
MATRIX_OF_TAG: dict[int, Matrix] = {1: "bt709", 5: "bt601", 6: "bt601", 9: "bt2020"}
TAG_OF_MATRIX: dict[Matrix, int] = {"bt709": 1, "bt601": 6, "bt2020": 9}
REFUSED_MATRICES = {
    4: "FCC", 7: "SMPTE 240M", 8: "YCgCo", 10: "BT.2020 constant luminance", 11: "SMPTE 2085",
    12: "chromaticity-derived", 13: "chromaticity-derived constant luminance", 14: "ICtCp",
}  # fmt: skip
UNSPECIFIED, RGB_MATRIX = 2, 0
RANGE_UNSPECIFIED, RANGE_LIMITED, RANGE_FULL = 0, 1, 2


@dataclass(frozen=True)
class ColourTags:
    """What a file says about its colours, kept as it is so that it can be written again."""

    matrix: int = UNSPECIFIED
    range: int = RANGE_UNSPECIFIED
    primaries: int = UNSPECIFIED
    transfer: int = UNSPECIFIED


@dataclass(frozen=True)
class ColourSpace:
    """How codes become RGB: as tagged, or by convention where the file does not say."""

    matrix: Matrix
    full_range: bool
    tags: ColourTags

    def yuv_from_rgb(self) -> FloatArray:
        """[3, 3] float64: rows Y, Cb, Cr; RGB in [0, 1] gives Y in [0, 1] and Cb, Cr in [-0.5, 0.5]."""
        red, green, blue = LUMA_WEIGHTS[self.matrix]
        luma = np.array([red, green, blue])
        cb = (np.array([0.0, 0.0, 1.0]) - luma) / (2 * (1 - blue))
        cr = (np.array([1.0, 0.0, 0.0]) - luma) / (2 * (1 - red))
        return np.stack([luma, cb, cr])

    def luma_range(self, bits: int) -> tuple[int, int]:
        """The codes of black and white."""
        return (0, (1 << bits) - 1) if self.full_range else (16 << (bits - 8), 235 << (bits - 8))

    def chroma_range(self, bits: int) -> tuple[int, int]:
        """The lowest and highest code of a colour difference; grey is 1 << (bits - 1)."""
        return (0, (1 << bits) - 1) if self.full_range else (16 << (bits - 8), 240 << (bits - 8))


def colour_space(tags: ColourTags, layout: PixelFormat, height: int) -> ColourSpace:
    """Read a file's tags; what they leave open follows convention.

    The matrix is BT.709 from 720 lines upwards and BT.601 below; YUV is of limited range, RGB and gray of full range.
    """
    if tags.matrix in REFUSED_MATRICES and layout.family == "yuv":
        raise InputError(
            f"the colour matrix {REFUSED_MATRICES[tags.matrix]} is not supported; convert the video to BT.601, BT.709"
            " or BT.2020 (non-constant luminance)"
        )
    matrix: Matrix = MATRIX_OF_TAG.get(tags.matrix) or ("bt709" if height >= 720 else "bt601")
    full_range = layout.family != "yuv" if tags.range == RANGE_UNSPECIFIED else tags.range == RANGE_FULL
    return ColourSpace(matrix, full_range or layout.family == "rgb", tags)
