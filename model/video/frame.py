"""One picture of a video in the source's own samples, and what is done with it: looked at, or added to."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import UsageError
from ..types import ByteArray, FloatArray
from .colour import RANGE_FULL, RGB_MATRIX, ColourSpace, ColourTags, colour_space
from .formats import FLOAT_RGB, PixelFormat, Plane, freeze, pixel_format


@dataclass(frozen=True)
class Channel:
    """How a change of RGB moves the codes of one plane."""

    codes_from_rgb: FloatArray
    """[3]: codes per unit of R, G and B."""
    shift: tuple[int, int]
    legal: tuple[int, int]


@dataclass(frozen=True)
class Frame:
    """One picture, never converted behind one's back. Planes are read-only and may be shared between frames."""

    index: int
    planes: tuple[Plane, ...]
    """As stored: Y, Cb, Cr at their own sizes; G, B, R; or gray. Alpha, if any, comes last."""
    format: PixelFormat
    colour: ColourSpace
    pts: int
    """When the frame is shown, in units of time_base."""
    time_base: Fraction
    duration: int

    @classmethod
    def from_rgb8(cls, index: int, image: ByteArray, frame_rate: Fraction) -> "Frame":
        """image: [H, W, 3] uint8 RGB, copied."""
        layout = pixel_format("rgb24")
        tags = ColourTags(matrix=RGB_MATRIX, range=RANGE_FULL)
        planes = tuple(freeze(image[..., channel].copy()) for channel in (1, 2, 0))
        return cls(index, planes, layout, colour_space(tags, layout, image.shape[0]), index, 1 / frame_rate, 1)

    @classmethod
    def from_rgb_float(cls, index: int, image: NDArray[np.float32], frame_rate: Fraction) -> "Frame":
        """image: [H, W, 3] float32 RGB, 1 is white; looked at, never written to. Values beyond [0, 1] are kept."""
        tags = ColourTags(matrix=RGB_MATRIX, range=RANGE_FULL)
        planes = tuple(freeze(image[..., channel]) for channel in (1, 2, 0))
        return cls(index, planes, FLOAT_RGB, colour_space(tags, FLOAT_RGB, image.shape[0]), index, 1 / frame_rate, 1)

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) in pixels."""
        rows, columns = self.planes[0].shape
        return rows, columns

    def to_rgb(self) -> NDArray[np.float32]:
        """[H, W, 3] float32 in [0, 1], for looking, detecting and aligning; chroma is interpolated linearly.

        The transfer curve is left as it is: RGB is as non-linear as the video.
        """
        match self.format.family:
            case "rgb":
                green, blue, red = self.planes[:3]
                rgb = np.stack([red, green, blue], axis=-1).astype(np.float32)
                rgb *= np.float32(1 / self.format.peak)
            case "gray":
                rgb = np.repeat(self._unit_luma()[..., None], 3, axis=-1)
            case "yuv":
                rgb = self._rgb_of_yuv()
        return np.clip(rgb, 0.0, 1.0, out=rgb)

    def to_rgb8(self) -> ByteArray:
        """[H, W, 3] uint8, rounded."""
        if self.format.family == "rgb" and self.format.bits == 8:
            green, blue, red = self.planes[:3]
            return np.stack([red, green, blue], axis=-1).astype(np.uint8)
        rgb = self.to_rgb()
        rgb *= 255.0
        return np.rint(rgb, out=rgb).astype(np.uint8)

    def part(self, top: int, left: int, bottom: int, right: int) -> tuple["Frame", int, int]:
        """Cut out rows top to bottom - 1 and columns left to right - 1, to be looked at; nothing is copied.

        Returns the part and its own top and left: it is widened so that no chroma sample is cut and colours at the
        asked edge are those of the whole frame.
        """
        height, width = self.size
        block = 8  # two samples of the coarsest chroma
        top, left = max(0, top // block - 1) * block, max(0, left // block - 1) * block
        bottom, right = min(height, (-(-bottom // block) + 1) * block), min(width, (-(-right // block) + 1) * block)
        across, down = self.format.chroma_shift
        shifts = [(0, 0), (down, across), (down, across), (0, 0)] if self.format.family == "yuv" else [(0, 0)] * 4
        planes = tuple(
            plane[top >> y : -(-bottom >> y), left >> x : -(-right >> x)]
            for plane, (y, x) in zip(self.planes, shifts, strict=False)
        )
        return replace(self, planes=planes), top, left

    def add_rgb(self, delta: NDArray[np.float32], top: int, left: int) -> "Frame":
        """Add a colour difference inside a window, on the source's own samples.

        delta: [h, w, 3] in units of [0, 1] RGB; its top-left pixel falls on (top, left) and the window lies inside the
        frame. RGB to YUV is linear, so the difference is converted and the picture is not: a sample whose change is
        zero keeps its code; of eight bits, the others are dithered. A chroma sample gets the mean change of the pixels
        it spans. An edit takes no sample out of the legal codes, and one that was out already is not pulled in.
        """
        height, width = delta.shape[:2]
        if not (0 <= top <= top + height <= self.size[0] and 0 <= left <= left + width <= self.size[1]):
            raise UsageError(
                f"a window of {width}x{height} at ({left}, {top}) does not lie inside the frame of"
                f" {self.size[1]}x{self.size[0]}; clip it first"
            )
        planes = list(self.planes)  # alpha has no channel and stays
        for number, channel in enumerate(self._channels()):
            change = delta @ channel.codes_from_rgb.astype(delta.dtype)
            patch = _spread(change, top, left, self.size, channel.shift)
            planes[number] = _add_to_plane(planes[number], patch, channel)
        return replace(self, planes=tuple(planes))

    def _channels(self) -> Iterator[Channel]:
        bits, peak = self.format.bits, self.format.peak
        if self.format.family == "rgb":
            for weights in np.eye(3)[[1, 2, 0]]:
                yield Channel(weights * peak, (0, 0), (0, peak))
            return
        luma, *chroma = self.colour.yuv_from_rgb()
        black, white = self.colour.luma_range(bits)
        yield Channel(luma * (white - black), (0, 0), (black, white))
        if self.format.family == "yuv":
            low, high = self.colour.chroma_range(bits)
            for weights in chroma:
                yield Channel(weights * (high - low), self.format.chroma_shift, (low, high))

    def _unit_luma(self) -> NDArray[np.float32]:
        black, white = self.colour.luma_range(self.format.bits)
        luma = self.planes[0].astype(np.float32)
        luma -= np.float32(black)
        luma *= np.float32(1 / (white - black))
        return luma

    def _unit_chroma(self, plane: Plane) -> NDArray[np.float32]:
        low, high = self.colour.chroma_range(self.format.bits)
        chroma = plane.astype(np.float32)
        chroma -= np.float32(1 << (self.format.bits - 1))
        chroma *= np.float32(1 / (high - low))
        across, down = self.format.chroma_shift
        # MPEG video puts chroma on the left luma column and between luma rows, JPEG's full range between both.
        chroma = _stretch(chroma, self.size[1], across, axis=1, centred=self.colour.full_range)
        return _stretch(chroma, self.size[0], down, axis=0, centred=True)

    def _rgb_of_yuv(self) -> NDArray[np.float32]:
        luma, cb, cr = self._unit_luma(), self._unit_chroma(self.planes[1]), self._unit_chroma(self.planes[2])
        rgb_from_yuv = np.linalg.inv(self.colour.yuv_from_rgb()).astype(np.float32)
        rgb = np.empty((*self.size, 3), np.float32)
        for channel, (_, per_cb, per_cr) in enumerate(rgb_from_yuv):
            rgb[..., channel] = luma + per_cb * cb + per_cr * cr
        return rgb


@dataclass(frozen=True)
class _Patch:
    """A change of codes and the first row and column of the plane it falls on."""

    change: FloatArray
    row: int
    column: int


def _spread(change: FloatArray, top: int, left: int, size: tuple[int, int], shift: tuple[int, int]) -> _Patch:
    """Bring a change per pixel onto a plane's own grid: the mean over the pixels that each sample spans.

    A sample at an odd edge spans fewer pixels; pixels of a sample that lie outside the window count as 0.
    """
    if shift == (0, 0):
        return _Patch(change, top, left)
    across, down = 1 << shift[0], 1 << shift[1]
    rows = np.arange(top // down, -(-(top + change.shape[0]) // down))
    columns = np.arange(left // across, -(-(left + change.shape[1]) // across))
    pixels = np.zeros((len(rows) * down, len(columns) * across), change.dtype)
    pixels[top % down :, left % across :][: change.shape[0], : change.shape[1]] = change
    sums = pixels.reshape(len(rows), down, len(columns), across).sum(axis=(1, 3))
    rows_spanned = np.minimum(down, size[0] - rows * down)
    columns_spanned = np.minimum(across, size[1] - columns * across)
    return _Patch(sums / np.outer(rows_spanned, columns_spanned), top // down, left // across)


def _in_codes(patch: _Patch, dtype: np.dtype[Any]) -> NDArray[Any]:
    """What is added to the codes of a plane.

    Eight bits are too few for a slow ramp: rounded, it becomes bands, and a change of less than half a code none at
    all. There the share of the samples that get the next code is the fraction itself. The pattern that decides lies
    still (interleaved gradient noise: Jimenez 2014), and what is less than 1/128 of a code stays none.
    """
    if dtype == np.float32:
        return patch.change.astype(np.float32)
    if dtype != np.uint8:
        return np.rint(patch.change).astype(np.int32)
    rows, columns = patch.change.shape
    y, x = np.arange(patch.row, patch.row + rows)[:, None], np.arange(patch.column, patch.column + columns)
    noise = (52.9829189 * ((0.06711056 * x + 0.00583715 * y) % 1)) % 1
    return np.floor(patch.change + (np.floor(noise * 64) + 0.5) / 64).astype(np.int32)


def _add_to_plane(plane: Plane, patch: _Patch, channel: Channel) -> Plane:
    change = _in_codes(patch, plane.dtype)
    if not change.any():
        return plane
    window = np.s_[patch.row : patch.row + change.shape[0], patch.column : patch.column + change.shape[1]]
    before = plane[window].astype(change.dtype)
    low, high = channel.legal
    after = np.clip(before + change, np.minimum(before, low), np.maximum(before, high))
    result = plane.copy()
    result[window] = after.astype(plane.dtype)
    return freeze(result)


def _stretch(plane: NDArray[np.float32], length: int, shift: int, *, axis: int, centred: bool) -> NDArray[np.float32]:
    """Interpolate a plane linearly along one axis to `length` samples, 2**shift for one; the edge is held."""
    if shift == 0:
        return plane
    position = np.arange(length, dtype=np.float32) / (1 << shift)
    if centred:
        position += 0.5 / (1 << shift) - 0.5
    position = np.clip(position, 0, plane.shape[axis] - 1)
    here = np.floor(position).astype(np.intp)
    there = np.minimum(here + 1, plane.shape[axis] - 1)
    weight = np.expand_dims((position - here).astype(np.float32), 1 - axis)
    first, second = plane.take(here, axis), plane.take(there, axis)
    second -= first
    second *= weight
    first += second
    return first
