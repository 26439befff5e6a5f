"""Whether an edit stays where it belongs and fades into the frame.

Frames are [H, W, 3] uint8 and masks [H, W] bool, at the frame's own size.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from ..faces.align import crop_from_frame_matrix
from ..types import ByteArray, FloatArray

LEAST_CHANGE = 6
"""Of 255: a pixel counts as changed when a channel differs by more; what a lossy codec adds stays mostly below."""

Mask = NDArray[np.bool_]


def changed(source: ByteArray, edited: ByteArray) -> Mask:
    """[H, W] True where the edit shows: more than LEAST_CHANGE in the median of the 3 x 3 pixels round."""
    largest = cv2.absdiff(source, edited).max(axis=2)
    return cv2.medianBlur(largest, 3) > LEAST_CHANGE


def changed_outside(source: ByteArray, edited: ByteArray, mask: Mask) -> float:
    """Fraction of the pixels outside the mask that changed, 0 to 1; 0 where the mask covers the frame."""
    outside = ~mask
    return float(changed(source, edited)[outside].mean()) if outside.any() else 0.0


def seam_error(source: ByteArray, edited: ByteArray, mask: Mask) -> float:
    """How hard the change breaks off at the edge of a mask: 0 is a soft edge or none, 1 black against white.

    Over all pairs of neighbouring pixels of which one lies inside and one outside: the mean jump of the difference
    edited - source, of [0, 1], averaged over the channels. The picture's own edges cancel out, since they are in both.
    Our own definition; no paper of the field has one.
    """
    difference = (edited.astype(np.float32) - source.astype(np.float32)) / 255
    jumps: list[NDArray[np.float32]] = []
    for axis in (0, 1):
        straddles = np.diff(mask, axis=axis)
        jumps.append(np.abs(np.diff(difference, axis=axis)).mean(2)[straddles])
    every = np.concatenate(jumps)
    return float(every.mean()) if len(every) else 0.0


def head_region(quad: FloatArray, frame_size: tuple[int, int]) -> Mask:
    """[H, W] an arch in a face's quad [4, 2]: half a disk above its middle, the whole width below it.

    The widest that an edit has any business in. A file does not say which mask its edit used; an aligned crop holds the
    head in its middle and hair and neck below, while its upper corners show what is behind.
    """
    across, down = _in_square(quad, frame_size)
    return (np.abs(across) <= 1) & (down <= 1) & ((down >= 0) | (across**2 + down**2 <= 1))


def upper_corners(quad: FloatArray, frame_size: tuple[int, int]) -> Mask:
    """[H, W] what of a face's quad [4, 2] lies outside its head_region."""
    across, down = _in_square(quad, frame_size)
    return (np.abs(across) <= 1) & (down >= -1) & (down < 0) & (across**2 + down**2 > 1)


def _in_square(quad: FloatArray, frame_size: tuple[int, int]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Where each pixel lies in the square, -1 to 1 from left to right and from top to bottom: two [H, W]."""
    x, y = np.arange(frame_size[1], dtype=np.float32)[None], np.arange(frame_size[0], dtype=np.float32)[:, None]
    (x_x, x_y, x_0), (y_x, y_y, y_0), _ = crop_from_frame_matrix(quad, 2).astype(np.float32)  # corners at -0.5 and 1.5
    return x_x * x + x_y * y + x_0 - np.float32(0.5), y_x * x + y_y * y + y_0 - np.float32(0.5)
