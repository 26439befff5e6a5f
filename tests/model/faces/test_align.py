"""Squares and crops."""

import numpy as np
import pytest
from numpy.typing import NDArray

from dva.model.faces.align import (
    crop_from_frame,
    crop_from_frame_matrix,
    frame_from_crop_matrix,
    quads_from_landmarks,
    transform,
)

FACE = np.array([[40.0, 50.0], [60.0, 49.0], [51.0, 62.0], [43.0, 72.0], [59.0, 71.0]])
QUAD = quads_from_landmarks(FACE[None], 0, 0)[0]


def ramp(height: int, width: int) -> NDArray[np.float32]:
    """A picture whose value tells the place: red is x, green is y."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    return np.stack([x, y, x + y], axis=-1)


def test_turning_scaling_and_moving_a_face_does_the_same_to_its_quad() -> None:
    angle, scale, shift = 0.7, 1.8, np.array([13.0, -4.0])
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    moved = quads_from_landmarks((FACE @ turn.T + shift)[None], 0, 0)[0]
    np.testing.assert_allclose(moved, QUAD @ turn.T + shift, atol=1e-9)


def test_the_matrices_take_corners_to_corners_and_back() -> None:
    corners = np.array([[-0.5, -0.5], [-0.5, 63.5], [63.5, 63.5], [63.5, -0.5]])
    np.testing.assert_allclose(transform(frame_from_crop_matrix(QUAD, 64), corners), QUAD, atol=1e-9)
    np.testing.assert_allclose(transform(crop_from_frame_matrix(QUAD, 64), QUAD), corners, atol=1e-9)


@pytest.mark.parametrize("zoom", [0.3, 1.0, 1.7, 4.3, 9.1])
def test_a_crop_pixel_shows_the_place_it_lies_on(zoom: float) -> None:
    """On a ramp the mean over an area is the value in its middle, at every scale and angle."""
    side = 64 * zoom
    turned = np.array([[-0.9, -1.1], [-1.1, 0.9], [0.9, 1.1], [1.1, -0.9]]) * side / 2 / np.sqrt(1.01)
    quad = turned + np.array([420.3, 410.8])
    x, y = np.meshgrid(np.arange(64), np.arange(64))
    places = transform(frame_from_crop_matrix(quad, 64), np.stack([x, y], axis=-1).astype(float))
    crop = crop_from_frame(ramp(830, 850), quad, 64)
    np.testing.assert_allclose(crop[..., :2], places, atol=2e-3)


def test_a_large_face_is_averaged_and_not_skipped_through() -> None:
    """A checkerboard of single pixels becomes even grey; sampling it at points would leave moiré."""
    y, x = np.mgrid[:600, :600]
    board = np.repeat(((x + y) % 2)[..., None], 3, axis=-1).astype(np.float32)
    quad = np.array([[50.2, 60.1], [50.2, 510.1], [500.2, 510.1], [500.2, 60.1]])
    assert np.abs(crop_from_frame(board, quad, 64) - 0.5).max() < 0.03


def test_beyond_the_frame_its_border_repeats() -> None:
    image = ramp(40, 40)
    quad = np.array([[-80.0, 5.0], [-80.0, 35.0], [-50.0, 35.0], [-50.0, 5.0]])
    assert not crop_from_frame(image, quad, 32)[..., 0].any()


def test_an_axis_parallel_crop_at_full_size_is_the_picture_itself() -> None:
    image = np.random.default_rng(1).random((50, 60, 3), np.float32)
    quad = np.array([[9.5, 4.5], [9.5, 36.5], [41.5, 36.5], [41.5, 4.5]])
    np.testing.assert_array_equal(crop_from_frame(image, quad, 32), image[5:37, 10:42])
