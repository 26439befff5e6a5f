"""Which detail an edited face keeps, and what is taken off its colours."""

from fractions import Fraction

import numpy as np
import pytest
from numpy.typing import NDArray

from dva.model.faces.align import crop_from_frame
from dva.model.faces.colour_match import match_colours
from dva.model.faces.detail import replaced_share
from dva.model.faces.paste import paste
from dva.model.faces.region import temporal_support
from dva.model.faces.settings import Detail
from dva.model.video import Frame

RATE = Fraction(25)
SIDE = 32
QUAD = np.array([[0.0, 0.0], [0.0, 128.0], [128.0, 128.0], [128.0, 0.0]]) - 0.5


def grainy(scale: float = 0.1) -> Frame:
    image = 0.5 + scale * np.random.default_rng(0).standard_normal((128, 128, 3)).clip(-2, 2)
    return Frame.from_rgb_float(0, image.astype(np.float32), RATE)


def crop_of(frame: Frame) -> NDArray[np.float32]:
    crop = crop_from_frame(frame.to_rgb(), QUAD, SIDE)
    return (np.floor(crop * 255 + 0.5) / 255).astype(np.float32)


def pasted(frame: Frame, difference: NDArray[np.float32], detail: Detail) -> NDArray[np.float32]:
    """The middle of the frame after the edit."""
    return paste(frame, QUAD, difference, np.ones((SIDE, SIDE), np.float32), detail).to_rgb()[32:96, 32:96]


def test_keep_leaves_the_grain_and_replace_leaves_what_the_decoder_drew() -> None:
    frame, lighter = grainy(), np.full((SIDE, SIDE, 3), 0.05, np.float32)
    before = frame.to_rgb()[32:96, 32:96]
    np.testing.assert_allclose(pasted(frame, lighter, "keep"), before + 0.05, atol=1e-4)
    np.testing.assert_allclose(pasted(frame, lighter, "auto"), before + 0.05, atol=1e-4)  # it is small
    flat = np.full((SIDE, SIDE, 3), 0.6, np.float32)
    np.testing.assert_allclose(pasted(frame, flat - crop_of(frame), "replace"), 0.6, atol=1e-3)


def test_auto_goes_from_one_to_the_other_without_a_step() -> None:
    """The share rises with the change, from none to nearly all, where the source's structure is painted over."""
    crop = crop_of(grainy(0.4))
    shares = [
        float(replaced_share(crop, part * (0.95 - crop), "auto")[8:24, 8:24].mean()) for part in np.linspace(0, 1, 41)
    ]
    assert shares[0] == 0
    assert shares[-1] > 0.9
    assert (np.diff(shares) >= -1e-6).all()
    assert np.diff(shares).max() < 0.15


def test_auto_keeps_strands_that_were_only_dyed() -> None:
    """The change is just as large, but the crop's own structure is still there."""
    crop = crop_of(grainy(0.4))
    dyed = np.full_like(crop, 0.4)
    assert replaced_share(crop, dyed, "auto").max() < 0.01


@pytest.mark.parametrize("detail", ["keep", "replace", "auto"])
def test_no_difference_is_no_change_whatever_the_detail(detail: Detail) -> None:
    frame, part = grainy(), np.zeros((SIDE, SIDE, 3), np.float32)
    assert pasted(frame, part, detail).tobytes() == frame.to_rgb()[32:96, 32:96].tobytes()
    part[:, :8] = 0.3  # the frame's left quarter, and what a cubic curve of eight pixels sees
    after = paste(frame, QUAD, part, np.ones((SIDE, SIDE), np.float32), detail).to_rgb()
    assert np.array_equal(after[:, 44:], frame.to_rgb()[:, 44:])
    assert not np.array_equal(after[:, :32], frame.to_rgb()[:, :32])


def shifted_clip(frames: int = 12) -> tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.bool_]]:
    """Crops, edits that add 0.2 of red inside a disk after making everything darker and flatter, and the disk."""
    rng = np.random.default_rng(5)
    crops = rng.integers(40, 200, (frames, SIDE, SIDE, 3), dtype=np.uint8)
    y, x = np.mgrid[:SIDE, :SIDE] - SIDE / 2
    disk = np.repeat((np.hypot(x, y) < 8)[None], frames, axis=0)
    source = crops.astype(np.float32) / 255
    edited = 0.9 * (source + 0.2 * disk[..., None] * np.array([1, 0, 0])) - 0.04
    return crops, (edited - source).astype(np.float32), disk


def test_matching_takes_off_a_gain_and_an_offset_and_leaves_the_edit() -> None:
    crops, difference, disk = shifted_clip()
    matched = match_colours(difference, crops, disk, RATE)
    assert np.abs(matched[~disk]).max() < 0.02
    np.testing.assert_allclose(matched[disk], np.broadcast_to((0.2, 0, 0), (int(disk.sum()), 3)), atol=0.02)


def test_matching_changes_nothing_where_nothing_was_changed() -> None:
    crops, difference, disk = shifted_clip()
    assert not match_colours(np.zeros_like(difference), crops, disk, RATE).any()
    difference[:, :4] = 0
    assert not match_colours(difference, crops, disk, RATE)[:, :4].any()


def test_a_crop_that_is_all_region_is_left_alone() -> None:
    crops, difference, disk = shifted_clip()
    np.testing.assert_array_equal(match_colours(difference, crops, np.ones_like(disk), RATE), difference)


def test_a_match_does_not_flicker_and_depends_on_its_neighbours_only() -> None:
    crops, difference, disk = shifted_clip(40)
    difference[20] -= 0.05  # one frame darker than the rest
    matched = match_colours(difference, crops, disk, RATE)
    inside = matched[:, disk[0]].mean(axis=(1, 2))
    assert np.abs(np.diff(inside)).max() > 0.02  # the frame itself, for the shift comes off slowly ...
    assert np.abs(np.diff(np.delete(inside, 20))).max() < 0.015  # ... and hardly moves the others
    support = temporal_support(RATE)
    part = slice(20 - support, 21 + support)
    alone = match_colours(difference[part], crops[part], disk[part], RATE)[support]
    np.testing.assert_array_equal(alone, matched[20])
