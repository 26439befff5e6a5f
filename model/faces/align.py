"""Cutting an upright square out of a frame, and the affine maps between the two.

A quad [4, 2] holds the outer corners of the square in the frame: top-left, bottom-left, bottom-right, top-right, in
frame pixels with the centre of the top-left pixel at (0, 0). Its sides are taken as parallel. Crop pixels count the
same way: the centre of the crop's top-left pixel is (0, 0), its outer corner (-0.5, -0.5).

Cutting is elementwise arithmetic in a fixed order, without a matrix product, a threaded kernel or a fused multiply-add,
so that every machine cuts the same bytes: a crop that nobody edited must differ from a new cut by zero.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from ..errors import UsageError
from ..types import ByteArray, FloatArray
from ..video import Frame


def quads_from_landmarks(landmarks: FloatArray, sigma_centre: float, sigma_axes: float) -> FloatArray:
    """Lay a square round each face by FFHQ's rule, smoothed over the frames as the published method does.

    landmarks: [T, 5, 2] left eye, right eye, nose, left and right mouth corner, as seen in the image. The sigmas of the
    Gaussians are in frames; 0 leaves the frames alone. Returns [T, 4, 2] float64.
    Source: Karras et al. 2019 (FFHQ); Tzaban et al. 2022, whose sigmas are 1 and 3.
    """
    centre, x_axis, y_axis = square_axes(landmarks)
    if sigma_centre > 0:
        centre = gaussian_filter1d(centre, sigma_centre, axis=0)
    if sigma_axes > 0:
        x_axis, y_axis = (gaussian_filter1d(axis, sigma_axes, axis=0) for axis in (x_axis, y_axis))
    return quads_from_axes(centre, x_axis, y_axis)


def five_points(landmarks: FloatArray) -> FloatArray:
    """Eyes, nose and mouth corners [T, 5, 2] float64 out of landmarks [T, 5, 2] or the 68 of iBUG 300-W [T, 68, 2].

    Eyes are the means of their six points, as FFHQ takes them (Karras et al. 2019). UsageError for any other number.
    """
    points = landmarks.astype(np.float64)
    match points.shape[1]:
        case 5:
            return points
        case 68:
            eyes = (points[:, 36:42].mean(axis=1), points[:, 42:48].mean(axis=1))
            return np.stack([*eyes, points[:, 30], points[:, 48], points[:, 54]], axis=1)
        case count:
            raise UsageError(f"a face has 5 or 68 landmarks, not {count}; track the clip again")


def square_axes(landmarks: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the centre and the two half axes (to the right and to the bottom side), each [T, 2], of FFHQ's square.

    landmarks: [T, N, 2] with N of 5 or 68.
    """
    points = five_points(landmarks)
    left_eye, right_eye = points[:, 0], points[:, 1]
    eyes = (left_eye + right_eye) / 2
    eye_to_eye = right_eye - left_eye
    eye_to_mouth = (points[:, 3] + points[:, 4]) / 2 - eyes
    upright = eye_to_eye - _quarter_turn(eye_to_mouth)  # the mean of both hints of where right is
    length = np.maximum(np.hypot(*eye_to_eye.T) * 2.0, np.hypot(*eye_to_mouth.T) * 1.8)
    x_axis = upright / np.maximum(np.hypot(*upright.T), 1e-9)[:, None] * length[:, None]
    return eyes + 0.1 * eye_to_mouth, x_axis, _quarter_turn(x_axis)


def _quarter_turn(vectors: FloatArray) -> FloatArray:
    """Turn [T, 2] by 90 degrees, from right to down."""
    return np.stack([-vectors[:, 1], vectors[:, 0]], axis=1)


def quads_from_axes(centre: FloatArray, x_axis: FloatArray, y_axis: FloatArray) -> FloatArray:
    """Return the corners [T, 4, 2] of squares given by centre and half axes, each [T, 2]."""
    return np.stack(
        [centre - x_axis - y_axis, centre - x_axis + y_axis, centre + x_axis + y_axis, centre + x_axis - y_axis], axis=1
    )


def frame_from_crop_matrix(quad: FloatArray, size: int) -> FloatArray:
    """Return [3, 3] float64: (x, y, 1) in crop pixels -> frame pixels."""
    top_left, bottom_left, bottom_right, top_right = quad.astype(np.float64)
    x_step = ((top_right - top_left) + (bottom_right - bottom_left)) / (2 * size)
    y_step = ((bottom_left - top_left) + (bottom_right - top_right)) / (2 * size)
    centre = (top_left + bottom_left + bottom_right + top_right) / 4
    origin = centre - (x_step + y_step) * ((size - 1) / 2)
    return np.array([[x_step[0], y_step[0], origin[0]], [x_step[1], y_step[1], origin[1]], [0.0, 0.0, 1.0]])


def crop_from_frame_matrix(quad: FloatArray, size: int) -> FloatArray:
    """Return [3, 3] float64: (x, y, 1) in frame pixels -> crop pixels."""
    return np.linalg.inv(frame_from_crop_matrix(quad, size))


def transform(target_from_source: FloatArray, points: FloatArray) -> FloatArray:
    """Map points [..., 2] by an affine matrix [3, 3]."""
    return points @ target_from_source[:2, :2].T + target_from_source[:2, 2]


def scale_of(target_from_source: FloatArray) -> float:
    """Return how many target pixels one source pixel is long, the geometric mean of both directions."""
    (x_x, x_y), (y_x, y_y) = target_from_source[:2, :2].tolist()
    return math.sqrt(abs(x_x * y_y - x_y * y_x))


def aligned_bytes(frame: Frame, quad: FloatArray, size: int) -> ByteArray:
    """Return the crop [size, size, 3] as the autoencoder and Paste Back both see it, rounded to bytes."""
    crop = crop_from_frame(frame.to_rgb(), quad, size)
    return np.floor(np.clip(crop, 0.0, 1.0) * 255.0 + 0.5).astype(np.uint8)


def crop_from_frame(image: NDArray[Any], quad: FloatArray, size: int) -> NDArray[np.float32]:
    """Cut an upright square out of an image, each crop pixel the mean over its own area.

    image: [H, W, 3], any real type; beyond its border the border's pixels repeat. Returns [size, size, 3] in the
    image's units. Where the crop is finer than the image, a cubic curve (Keys 1981) goes through the pixels.
    """
    frame_from_crop = frame_from_crop_matrix(quad, size)
    pixels_a_step = scale_of(frame_from_crop)
    # Blocks of this many pixels are averaged first: at least two of them stay in every step of the crop.
    block = max(1, math.floor(pixels_a_step / 2))
    per_side = max(1, math.ceil(pixels_a_step / block - 1e-6))
    x, y = _sample_positions(frame_from_crop, size, per_side)
    window, left, top = _reduced_window(image, x, y, block)
    x = (x - (left + (block - 1) / 2)) / block
    y = (y - (top + (block - 1) / 2)) / block
    samples = _cubic(window, x, y) if per_side == 1 else _linear(window, x, y)
    crop = np.zeros((size, size, 3), np.float32)
    for row in range(per_side):
        for column in range(per_side):
            crop += samples[row::per_side, column::per_side]
    crop /= np.float32(per_side**2)
    return crop


def _sample_positions(frame_from_crop: FloatArray, size: int, per_side: int) -> tuple[FloatArray, FloatArray]:
    """Return frame x and y, each [size * per_side] squared: per_side^2 evenly spread points in every crop pixel."""
    steps = (np.arange(size * per_side) + 0.5) / per_side - 0.5
    (x_x, x_y, x_0), (y_x, y_y, y_0), _ = frame_from_crop
    return x_x * steps + (x_y * steps + x_0)[:, None], y_x * steps + (y_y * steps + y_0)[:, None]


def _reduced_window(
    image: NDArray[Any], x: FloatArray, y: FloatArray, block: int
) -> tuple[NDArray[np.float32], int, int]:
    """Return the part of the image round the points, averaged in blocks, and the window's left and top in the image.

    The blocks lie on a grid fixed to the image, so that a face which moves by less than a pixel does not change them.
    """
    height, width = image.shape[:2]
    left, right = _span(x, width, block)
    top, bottom = _span(y, height, block)
    window = image[top : min(bottom, height), left : min(right, width)].astype(np.float32)
    if block == 1:
        return window, left, top
    window = np.pad(window, ((0, bottom - top - len(window)), (0, right - left - window.shape[1]), (0, 0)), mode="edge")
    rows = np.zeros((len(window) // block, window.shape[1], 3), np.float32)
    for offset in range(block):
        rows += window[offset::block]
    blocks = np.zeros((len(rows), window.shape[1] // block, 3), np.float32)
    for offset in range(block):
        blocks += rows[:, offset::block]
    blocks /= np.float32(block**2)
    return blocks, left, top


def _span(positions: FloatArray, limit: int, block: int) -> tuple[int, int]:
    """Return first and one past last pixel, multiples of block, that samples at these positions may touch."""
    margin = 2 * block + 1
    first = min(max(math.floor(float(positions.min())) - margin, 0), limit - 1)
    last = max(min(math.ceil(float(positions.max())) + margin, limit - 1), first)
    return first // block * block, (last // block + 1) * block


def _linear(image: NDArray[np.float32], x: FloatArray, y: FloatArray) -> NDArray[np.float32]:
    """Sample between four pixels; [..., 3] at points x, y of the same shape."""
    return _separable(image, x, y, lambda part: (1 - part, part), first_tap=0)


def _cubic(image: NDArray[np.float32], x: FloatArray, y: FloatArray) -> NDArray[np.float32]:
    """Sample between sixteen pixels with Keys' cubic, a = -0.5; [..., 3] at points x, y of the same shape."""
    return _separable(image, x, y, _keys_weights, first_tap=-1)


def _keys_weights(part: FloatArray) -> tuple[FloatArray, ...]:
    """Return the weights of the pixels -1, 0, 1, 2 for a point the given part of the way from 0 to 1."""
    squared = part * part
    cubed = squared * part
    return (
        squared - 0.5 * (part + cubed),
        1 - 2.5 * squared + 1.5 * cubed,
        0.5 * part + 2 * squared - 1.5 * cubed,
        0.5 * (cubed - squared),
    )


def _separable(
    image: NDArray[np.float32],
    x: FloatArray,
    y: FloatArray,
    weights_of: Callable[[FloatArray], tuple[FloatArray, ...]],
    first_tap: int,
) -> NDArray[np.float32]:
    """Weigh the pixels round each point; beyond the image its border repeats."""
    height, width = image.shape[:2]
    flat = image.reshape(-1, 3)
    column, row = np.floor(x), np.floor(y)
    x_weights = weights_of((x - column).astype(np.float32))
    y_weights = weights_of((y - row).astype(np.float32))
    columns = [np.clip(column.astype(np.int64) + first_tap + tap, 0, width - 1) for tap in range(len(x_weights))]
    total = np.zeros((*x.shape, 3), np.float32)
    for tap, y_weight in enumerate(y_weights):
        start = np.clip(row.astype(np.int64) + first_tap + tap, 0, height - 1) * width
        line = np.zeros_like(total)
        for index, x_weight in zip(columns, x_weights, strict=True):
            line += flat[start + index] * x_weight[..., None]
        total += line * y_weight[..., None]
    return total
