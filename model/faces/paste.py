"""Bringing an edit back into the frame: the difference alone, inside its alpha alone, on the frame's own samples."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from ..types import FloatArray
from ..video import Frame
from .align import crop_from_frame_matrix, frame_from_crop_matrix, scale_of, transform


def paste(frame: Frame, quad: FloatArray, difference: NDArray[np.float32], alpha: NDArray[np.float32]) -> Frame:
    """Add an edit to the face that lies under the quad.

    difference: [S, S, 3], edited crop minus source crop, each in [0, 1]. alpha: [S, S] in [0, 1]. Where alpha is
    zero, outside the quad, and outside the frame nothing is written: those samples keep the source's codes, and so does
    the whole frame where the difference is zero all over.
    """
    where = alpha > 0
    if not (difference[where] != 0).any():
        return frame
    size = len(alpha)
    window = _Window.of(frame_from_crop_matrix(quad, size), where, frame.size)
    if window is None:
        return frame
    delta = _warp(difference, alpha, crop_from_frame_matrix(quad, size), window)
    return frame.add_rgb(delta, window.top, window.left) if delta.any() else frame


def mask_in_frame(frame_mask: NDArray[np.float32], quad: FloatArray, mask: NDArray[np.float32]) -> None:
    """Write a crop's mask [S, S], in [0, 1], into a frame's [H, W], at the pixels where paste would write."""
    if not mask.any():
        return
    size = len(mask)
    window = _Window.of(frame_from_crop_matrix(quad, size), mask > 0, (frame_mask.shape[0], frame_mask.shape[1]))
    if window is not None:
        one = np.ones((size, size, 3), np.float32)
        strength = _warp(one, mask, crop_from_frame_matrix(quad, size), window)[..., 0]
        frame_mask[window.top : window.bottom, window.left : window.right] = np.clip(strength, 0.0, 1.0)


@dataclass(frozen=True)
class _Window:
    """Pixels of a frame: rows top to bottom - 1, columns left to right - 1."""

    top: int
    left: int
    bottom: int
    right: int

    @classmethod
    def of(cls, frame_from_crop: FloatArray, where: NDArray[np.bool_], frame_size: tuple[int, int]) -> "_Window | None":
        """Return the smallest window round the marked crop pixels, or None where all of them lie outside the frame."""
        rows, columns = np.flatnonzero(where.any(axis=1)), np.flatnonzero(where.any(axis=0))
        x, y = np.meshgrid([columns[0] - 1, columns[-1] + 1], [rows[0] - 1, rows[-1] + 1])
        corners = transform(frame_from_crop, np.stack([x, y], axis=-1).reshape(-1, 2))
        left, top = np.maximum(np.floor(corners.min(axis=0)), 0).astype(int).tolist()
        right, bottom = (np.ceil(corners.max(axis=0)).astype(int) + 1).tolist()
        window = cls(top, left, min(bottom, frame_size[0]), min(right, frame_size[1]))
        return window if window.top < window.bottom and window.left < window.right else None


def _warp(
    difference: NDArray[np.float32], alpha: NDArray[np.float32], crop_from_frame: FloatArray, window: _Window
) -> NDArray[np.float32]:
    """Return difference times alpha [h, w, 3] at the window's pixels.

    The square is first resized to the size that it has in the frame, which is cubic on the way up and averages on the
    way down, and then sampled by a cubic curve at nearly one to one. A cubic curve swings a little beyond what it goes
    through, so a linear one, which does not, says where alpha ends.
    """
    size = len(alpha)
    x, y = np.meshgrid(np.arange(window.left, window.right), np.arange(window.top, window.bottom))
    in_crop = transform(crop_from_frame, np.stack([x, y], axis=-1).astype(np.float64))
    grid = (2 * in_crop + 1) / size - 1  # [-1, 1] over the square's outer edges
    inside = (np.abs(grid) < 1).all(axis=-1, keepdims=True)
    layers = torch.from_numpy(np.concatenate([difference, alpha[..., None]], axis=-1)).movedim(-1, 0)[None]
    side = max(1, round(size / scale_of(crop_from_frame)))
    points = torch.from_numpy(grid.astype(np.float32))[None]
    cubic = _sample(layers, points, side, "bicubic")
    linear = _sample(layers[:, 3:], points, side, "bilinear")
    strength = np.clip(cubic[..., 3:], 0.0, 1.0) * (linear > 0) * inside
    return cubic[..., :3] * strength


def _sample(layers: torch.Tensor, points: torch.Tensor, side: int, mode: str) -> NDArray[np.float32]:
    """Resize [1, C, S, S] to the given side and sample it at points [1, h, w, 2]; returns [h, w, C]."""
    resized = functional.interpolate(layers, size=(side, side), mode=mode, antialias=True)
    return functional.grid_sample(resized, points, mode=mode, align_corners=False)[0].movedim(0, -1).numpy()
