"""Bringing an edit back into the frame: the difference alone, inside its alpha alone, on the frame's own samples."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from torch.nn import functional

from ..types import FloatArray
from ..video import Frame
from .align import crop_from_frame, crop_from_frame_matrix, frame_from_crop_matrix, scale_of, transform
from .detail import replaced_share
from .guided import RADIUS, guided_map, outline_of, within_feather
from .light import mixed_change
from .settings import DETAIL, Detail

FloatImage = NDArray[np.float32]

GUIDE_SIDE = 192
"""The square's side, in pixels, at which the frame's colours are related to the mask; more tells no more."""
NOTHING = 1e-4
"""Alpha, interpolated linearly at the centre of a pixel, up to which the pixel is not written."""
LEAST_GUIDE_SIDE = 24
"""A square of fewer pixels has no edges to follow; its feather is smooth."""


def paste(
    frame: Frame,
    quad: FloatArray,
    difference: FloatImage,
    alpha: FloatImage,
    detail: Detail = DETAIL,
    in_front: FloatImage | None = None,
) -> Frame:
    """Add an edit to the face that lies under the quad.

    difference: [S, S, 3], edited crop minus source crop, each in [0, 1]. alpha: [S, S] in [0, 1]; between 0 and 1 the
    frame's own edges say where the edit ends. in_front: [H, W] in [0, 1], what hides the face and stays as it is.
    Where alpha is zero or in_front one, outside the quad, and outside the frame nothing is written: those samples keep
    the source's codes, and so does the whole frame where the difference is zero all over.
    """
    where = alpha > 0
    if not (difference[where] != 0).any():
        return frame
    square = _Square.of(quad, where, frame.size)
    if square is None:
        return frame
    window = square.window
    seen = _Seen.of(frame, square)
    strength = _matte(seen, square, alpha)
    if in_front is not None:
        strength *= 1 - in_front[window.slices]
    filled = _filled(difference, alpha)
    change = square.enlarged(filled)
    if detail != "keep":
        crop = seen.cut(square.size)
        share = square.laid(replaced_share(crop, filled, detail)[..., None])
        change -= share * (seen.here - square.enlarged(crop))
    delta = mixed_change(seen.here, change, strength, frame.colour.tags.transfer)
    return frame.add_rgb(delta, window.top, window.left) if delta.any() else frame


def mask_in_frame(frame_mask: FloatImage, quad: FloatArray, mask: FloatImage) -> None:
    """Write a crop's mask [S, S], in [0, 1], into a frame's [H, W], at the pixels where paste would write."""
    square = _Square.of(quad, mask > 0, (frame_mask.shape[0], frame_mask.shape[1])) if mask.any() else None
    if square is not None:
        frame_mask[square.window.slices] = square.feather(mask)


@dataclass(frozen=True)
class _Window:
    """Pixels of a frame: rows top to bottom - 1, columns left to right - 1."""

    top: int
    left: int
    bottom: int
    right: int

    @classmethod
    def round(cls, points: FloatArray, frame_size: tuple[int, int], margin: int = 0) -> "_Window":
        """Return the smallest window round points [..., 2] and a margin, cut off at the frame's border."""
        flat = points.reshape(-1, 2)
        left, top = np.maximum(np.floor(flat.min(axis=0)) - margin, 0).astype(int).tolist()
        right, bottom = (np.ceil(flat.max(axis=0)).astype(int) + 1 + margin).tolist()
        return cls(top, left, min(bottom, frame_size[0]), min(right, frame_size[1]))

    @property
    def slices(self) -> tuple[slice, slice]:
        return slice(self.top, self.bottom), slice(self.left, self.right)


@dataclass(frozen=True)
class _Square:
    """A face's square of size * size crop pixels, and the window of the frame that is to be written."""

    quad: FloatArray
    size: int
    window: _Window
    points: torch.Tensor
    """[1, h, w, 2] where the window's pixels lie in the square, whose outer edges are at -1 and 1."""

    @classmethod
    def of(cls, quad: FloatArray, where: NDArray[np.bool_], frame_size: tuple[int, int]) -> "_Square | None":
        """Span the window round the marked crop pixels; None where all of them lie outside the frame."""
        size = len(where)
        rows, columns = np.flatnonzero(where.any(axis=1)), np.flatnonzero(where.any(axis=0))
        corners = np.stack(np.meshgrid([columns[0] - 1, columns[-1] + 1], [rows[0] - 1, rows[-1] + 1]), axis=-1)
        window = _Window.round(transform(frame_from_crop_matrix(quad, size), corners), frame_size)
        if window.top >= window.bottom or window.left >= window.right:
            return None
        x, y = np.meshgrid(np.arange(window.left, window.right), np.arange(window.top, window.bottom))
        in_crop = transform(crop_from_frame_matrix(quad, size), np.stack([x, y], axis=-1).astype(np.float64))
        points = torch.from_numpy(((2 * in_crop + 1) / size - 1).astype(np.float32))[None]
        return cls(quad, size, window, points)

    @property
    def side(self) -> int:
        """The square's side in frame pixels."""
        return max(1, round(scale_of(frame_from_crop_matrix(self.quad, 1))))

    def enlarged(self, layers: FloatImage) -> FloatImage:
        """[h, w, C] of layers [S, S, C], by a smooth curve, which may swing a little beyond what it goes through.

        The square is first resized to the size that it has in the frame, which is cubic on the way up and averages on
        the way down, and then sampled by a cubic curve at nearly one to one.
        """
        return self._sampled(layers, "bicubic", resize=True)

    def laid(self, layers: FloatImage, *, resize: bool = True) -> FloatImage:
        """[h, w, C] of layers, by straight lines, which stay between what they go through."""
        return self._sampled(layers, "bilinear", resize=resize)

    def feather(self, alpha: FloatImage) -> FloatImage:
        """[h, w] of alpha [S, S]: smooth, in [0, 1], and 0 outside the square and where a straight line says so."""
        layers = alpha[..., None]
        inside = (self.points[0].abs() < 1).all(dim=-1).numpy()
        written = inside & (self.laid(layers, resize=False)[..., 0] > NOTHING)
        return (np.clip(self.enlarged(layers)[..., 0], 0, 1) * written).astype(np.float32)

    def _sampled(self, layers: FloatImage, mode: str, *, resize: bool) -> FloatImage:
        planes = torch.from_numpy(np.ascontiguousarray(layers, np.float32)).movedim(-1, 0)[None]
        if resize:
            planes = functional.interpolate(planes, size=(self.side, self.side), mode=mode, antialias=True)
        sampled = functional.grid_sample(planes, self.points, mode, padding_mode="border", align_corners=False)
        return sampled[0].movedim(0, -1).numpy()


@dataclass(frozen=True)
class _Seen:
    """The part of a frame round a square, as RGB."""

    image: FloatImage
    quad: FloatArray
    """In the image's pixels."""
    here: FloatImage
    """[h, w, 3] the pixels of the window that is to be written."""

    @classmethod
    def of(cls, frame: Frame, square: _Square) -> "_Seen":
        window, reach = square.window, 8 + 3 * square.side // square.size
        ends = np.array([[window.left, window.top], [window.right - 1, window.bottom - 1]])
        whole = _Window.round(np.concatenate([square.quad, ends]), frame.size, reach)
        part, top, left = frame.part(whole.top, whole.left, whole.bottom, whole.right)
        image = part.to_rgb()
        here = image[window.top - top : window.bottom - top, window.left - left : window.right - left]
        return cls(image, square.quad - [left, top], here)

    def cut(self, size: int) -> FloatImage:
        """[size, size, 3] in [0, 1]: the square, as Align cuts it and rounded to bytes as Align rounds it."""
        crop = crop_from_frame(self.image, self.quad, size)
        return np.asarray(np.floor(np.clip(crop, 0, 1) * 255 + 0.5) / 255, np.float32)


def _matte(seen: _Seen, square: _Square, alpha: FloatImage) -> FloatImage:
    """[h, w] in [0, 1]: alpha, whose feather is given to the frame's own edges."""
    soft = square.feather(alpha)
    side = min(square.side, max(square.size, GUIDE_SIDE))
    if side < LEAST_GUIDE_SIDE:
        return soft
    target = functional.interpolate(
        torch.from_numpy(outline_of(alpha))[None, None], size=(side, side), mode="bilinear", antialias=True
    )[0, 0].numpy()
    coefficients = square.laid(guided_map(seen.cut(side), target, max(1, round(RADIUS * side))), resize=False)
    found = (coefficients[..., :3] * seen.here).sum(axis=-1) + coefficients[..., 3]
    return within_feather(found, soft)


def _filled(difference: FloatImage, alpha: FloatImage) -> FloatImage:
    """Let what happened inside go on through the feather, whose crop pixels saw half of it or something else.

    A crop pixel on the outline of hair is part hair, part wall, and so is its change; the frame's pixels there are one
    or the other, and the matte says which. No change stays none.
    """
    inside = np.clip(2 * alpha - 1, 0, 1)[..., None]
    weight = inside + 1e-3 * alpha[..., None] + 1e-6
    spread = gaussian_filter(difference * weight, (1, 1, 0)) / gaussian_filter(weight, (1, 1, 0))
    return np.where((difference != 0).any(axis=-1, keepdims=True), inside * difference + (1 - inside) * spread, 0)
