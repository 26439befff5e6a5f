import numpy as np
import pytest

from dva.model.faces.align import quads_from_axes
from dva.model.metrics.seam import LEAST_CHANGE, changed, changed_outside, head_region, seam_error, upper_corners

H, W = 80, 100
R = 30.3
"""Half a square's side; no pixel lies on its edge."""


def picture() -> np.ndarray:
    return np.random.default_rng(0).integers(60, 180, (H, W, 3)).astype(np.uint8)


def box() -> np.ndarray:
    mask = np.zeros((H, W), bool)
    mask[20:60, 30:70] = True
    return mask


@pytest.mark.parametrize("step", [10, 50])
def test_a_hard_square_has_a_seam_as_high_as_its_step(step: int):
    source = picture()  # its own edges must not count
    edited = source + (step * box()[..., None]).astype(np.uint8)
    assert seam_error(source, edited, box()) == pytest.approx(step / 255, rel=1e-6)
    assert seam_error(source, edited, changed(source, edited)) == pytest.approx(step / 255, rel=0.2)


def test_a_ramp_has_a_lower_seam_than_a_step():
    source = picture()
    distance = np.maximum(np.abs(np.arange(H)[:, None] - 40), np.abs(np.arange(W)[None] - 50))
    ramp = np.clip((30 - distance) * 5, 0, 50).astype(np.uint8)
    edited = source + ramp[..., None]
    assert seam_error(source, edited, changed(source, edited)) == pytest.approx(5 / 255, rel=0.1)


def test_no_edge_and_no_change_are_no_seam():
    source = picture()
    assert seam_error(source, source, box()) == 0
    assert seam_error(source, source + np.uint8(20), np.ones((H, W), bool)) == 0


def test_pixels_changed_outside_are_counted():
    source = picture()
    edited = source.copy()
    edited[:10] += 40
    edited[25:50, 35:65] += 40  # inside the mask: allowed
    outside = H * W - 40 * 40
    assert changed_outside(source, edited, box()) == pytest.approx(10 * W / outside)
    assert changed_outside(source, source, box()) == 0
    assert changed_outside(source, edited, np.ones((H, W), bool)) == 0


def test_what_a_codec_adds_is_no_change():
    source = picture()
    noise = np.random.default_rng(1).integers(0, LEAST_CHANGE + 1, source.shape).astype(np.uint8)
    assert not changed(source, source + noise).any()
    speck = source.copy()
    speck[40, 50] += 60  # one hot pixel is noise too
    assert not changed(source, speck).any()


@pytest.mark.parametrize("angle", [0.0, 0.6])
def test_the_head_is_half_a_disk_above_and_the_whole_width_below(angle: float):
    x_axis = R * np.array([[np.cos(angle), np.sin(angle)]])
    y_axis = R * np.array([[-np.sin(angle), np.cos(angle)]])
    centre = np.array([[50.0, 40.0]])
    quad = quads_from_axes(centre, x_axis, y_axis)[0]
    mask, corners = head_region(quad, (H, W)), upper_corners(quad, (H, W))
    y, x = np.mgrid[:H, :W]
    across, down = ((x - 50) * axis[0, 0] + (y - 40) * axis[0, 1] for axis in (x_axis / R, y_axis / R))
    above = mask & (down < 0)
    assert np.hypot(across, down)[above].max() <= R + 1e-3
    assert above.sum() == pytest.approx(np.pi / 2 * R**2, rel=0.03)
    assert (mask & (down >= 0)).sum() == pytest.approx(2 * R * R, rel=0.03)
    assert not (mask & corners).any()
    inside = (np.abs(across) <= R) & (np.abs(down) <= R)
    assert ((mask | corners) == inside).all()  # together they are the square
