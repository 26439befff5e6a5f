"""An edit goes where it belongs, and nothing else changes."""

from fractions import Fraction

import numpy as np
import pytest
from numpy.typing import NDArray

from dva.model.faces.align import crop_from_frame, crop_from_frame_matrix, transform
from dva.model.faces.paste import paste
from dva.model.faces.region import region_alpha, temporal_support
from dva.model.video import Frame

RATE = Fraction(25)


def noise_frame(height: int = 120, width: int = 160) -> Frame:
    image = np.random.default_rng(0).integers(60, 190, (height, width, 3), dtype=np.uint8)
    return Frame.from_rgb8(0, image, RATE)


def square(x: float, y: float, side: float, angle: float) -> NDArray[np.float64]:
    right = np.array([np.cos(angle), np.sin(angle)]) * side / 2
    down = np.array([-right[1], right[0]])
    return np.array([x, y]) + np.stack([-right - down, -right + down, right + down, right - down])


def disc(size: int, radius: float) -> NDArray[np.float32]:
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    return (np.hypot(x, y) < radius).astype(np.float32)


def soft_disc(size: int = 64) -> NDArray[np.float32]:
    return region_alpha(disc(size, 0.3 * size)[None], RATE)[0]


def test_no_difference_is_no_change() -> None:
    frame = noise_frame()
    pasted = paste(frame, square(70, 60, 90, 0.2), np.zeros((64, 64, 3), np.float32), soft_disc())
    assert all(np.array_equal(new, old) for new, old in zip(pasted.planes, frame.planes, strict=True))


@pytest.mark.parametrize("seed", range(12))
def test_outside_alpha_every_sample_is_the_source(seed: int) -> None:
    """Also where the square leaves the frame, or is wholly outside it, and at every scale."""
    rng = np.random.default_rng(seed)
    frame = noise_frame()
    quad = square(rng.uniform(-40, 200), rng.uniform(-40, 160), rng.uniform(20, 220), rng.uniform(-3, 3))
    alpha = soft_disc()
    pasted = paste(frame, quad, np.full((64, 64, 3), 0.3, np.float32), alpha)
    y, x = np.mgrid[:120, :160].astype(float)
    in_crop = transform(crop_from_frame_matrix(quad, 64), np.stack([x, y], axis=-1))
    # Two pixels, of the coarser of both grids, is as far as a sample may be touched by its neighbours.
    reach = 2 * max(1.0, np.abs(crop_from_frame_matrix(quad, 64)[:2, :2]).sum(axis=1).max())
    rows, columns = np.nonzero(alpha)
    middle, radius = 31.5, np.hypot(rows - 31.5, columns - 31.5).max() + reach
    far = np.hypot(*np.moveaxis(in_crop - middle, -1, 0)) > radius
    assert np.array_equal(pasted.to_rgb8()[far], frame.to_rgb8()[far])


def test_even_a_full_alpha_never_writes_outside_the_quad() -> None:
    frame, quad = noise_frame(), square(80, 60, 60, 0.4)
    pasted = paste(frame, quad, np.ones((32, 32, 3), np.float32), np.ones((32, 32), np.float32))
    y, x = np.mgrid[:120, :160].astype(float)
    in_crop = transform(crop_from_frame_matrix(quad, 32), np.stack([x, y], axis=-1))
    outside = (np.abs(in_crop - 15.5) > 16).any(axis=-1)
    changed = (pasted.to_rgb8() != frame.to_rgb8()).any(axis=-1)
    assert not changed[outside].any()
    assert changed[~outside].mean() > 0.95


@pytest.mark.parametrize(("side", "angle"), [(50.0, 0.3), (90.0, -0.5), (300.0, 0.1)])
def test_cropping_again_finds_what_was_pasted(side: float, angle: float) -> None:
    """crop(paste(frame, d)) - crop(frame) = d, for a smooth d in the middle of the square."""
    y, x = np.mgrid[:64, :64] / 64
    wave = 0.2 * np.sin(2 * np.pi * 1.5 * x) * np.cos(2 * np.pi * y)
    difference = np.stack([wave, -wave, 0.5 * wave], axis=-1).astype(np.float32)
    frame = Frame.from_rgb8(0, np.full((340, 360, 3), 128, np.uint8), RATE)
    quad = square(180.4, 170.7, side, angle)
    after = crop_from_frame(paste(frame, quad, difference, soft_disc()).to_rgb(), quad, 64)
    change = after - crop_from_frame(frame.to_rgb(), quad, 64)
    core = disc(64, 16) > 0
    assert np.abs(change - difference)[core].max() < (0.02 if side < 64 else 0.008)


def test_alpha_is_whole_inside_nothing_outside_and_nothing_at_the_border() -> None:
    masks = np.repeat(disc(64, 14)[None], 9, axis=0)
    alpha = region_alpha(masks, RATE)
    assert (alpha[:, disc(64, 9.5) > 0] > 0.999).all()
    assert not alpha[:, disc(64, 18.5) == 0].any()
    full = region_alpha(np.ones((3, 64, 64), bool), RATE)
    for border in (full[:, 0], full[:, -1], full[:, :, 0], full[:, :, -1]):
        assert not border.any()
    assert full[:, 32, 32].min() > 0.999


def test_alpha_rises_without_a_step() -> None:
    assert np.abs(np.diff(soft_disc(), axis=1)).max() < 0.5


def test_a_chunk_with_its_support_has_the_alpha_of_the_whole_clip() -> None:
    masks = np.random.default_rng(3).random((80, 16, 16)) > 0.6
    support = temporal_support(RATE)
    part = region_alpha(masks[30 - support : 50 + support], RATE)[support:-support]
    np.testing.assert_array_equal(part, region_alpha(masks, RATE)[30:50])


def test_a_frame_without_a_face_stays_empty_and_dims_no_other() -> None:
    masks = np.repeat(disc(32, 8)[None], 11, axis=0)
    masks[5] = 0
    alpha = region_alpha(masks, RATE)
    assert not alpha[5].any()
    np.testing.assert_allclose(alpha[4], alpha[0], atol=1e-6)
