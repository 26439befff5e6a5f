"""What is in front of a face stays, whatever file its mask comes in."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from dva.model.errors import InputError
from dva.model.faces.occlusion import open_occlusion, painted_occlusion
from dva.model.faces.paste import paste
from dva.model.video import ArraySource, Frame, write_video

RATE = Fraction(25)
SIZE = (48, 64)
FRAMES = 5


def clip() -> ArraySource:
    return ArraySource(np.full((FRAMES, *SIZE, 3), 90, np.uint8), RATE)


def moving_bar() -> NDArray[np.uint8]:
    """[T, H, W]: a white bar with a grey edge that goes right by four pixels a frame."""
    masks = np.zeros((FRAMES, *SIZE), np.uint8)
    for i in range(FRAMES):
        masks[i, :, 4 * i : 4 * i + 10] = 255
        masks[i, :, 4 * i + 10] = 128
    return masks


def test_a_clip_of_masks_is_read_frame_by_frame(tmp_path: Path) -> None:
    bars = ArraySource(np.repeat(moving_bar()[..., None], 3, axis=-1), RATE)
    write_video(tmp_path / "mask.mkv", bars, bars)
    occlusion = open_occlusion(tmp_path / "mask.mkv", clip())
    wanted = moving_bar().astype(np.float32) / 255
    np.testing.assert_allclose(np.stack(list(occlusion.masks())), wanted, atol=1e-6)
    np.testing.assert_allclose(np.stack(list(occlusion.masks(2, 4))), wanted[2:4], atol=1e-6)


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "I;16", "P"])
def test_a_still_stays_for_every_frame(tmp_path: Path, mode: str) -> None:
    mask = moving_bar()[1]
    if mode == "I;16":
        still = Image.fromarray(mask.astype(np.uint16) * 257)
    elif mode == "RGBA":  # white all over, and transparent where nothing is in front
        still = Image.fromarray(np.dstack([np.full((*SIZE, 3), 255, np.uint8), mask]))
    else:
        still = Image.fromarray(mask).convert(mode)
    still.save(tmp_path / "mask.png")
    masks = list(open_occlusion(tmp_path / "mask.png", clip()).masks())
    assert len(masks) == FRAMES
    for seen in masks:
        np.testing.assert_allclose(seen, mask / 255, atol=1e-4)


@pytest.mark.parametrize("shape", [(FRAMES - 1, *SIZE), (FRAMES, 48, 63), (2, *SIZE), SIZE])
def test_masks_of_another_clip_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="mask"):
        painted_occlusion(np.zeros(shape, np.float32), clip())


def test_a_file_that_is_no_mask_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mask.png"
    path.write_bytes(b"not a picture")
    with pytest.raises(InputError, match="cannot be read as a picture"):
        open_occlusion(path, clip())
    Image.new("L", (64, 47)).save(path)
    with pytest.raises(InputError, match="64x47, but the clip has 5 of 64x48"):
        open_occlusion(path, clip())


def test_a_hand_in_front_of_the_face_is_not_painted_over() -> None:
    """White keeps every sample, black none, and grey lies between."""
    quad = np.array([[4.0, 4.0], [4.0, 44.0], [44.0, 44.0], [44.0, 4.0]])
    lighter, alpha = np.full((16, 16, 3), 0.3, np.float32), np.ones((16, 16), np.float32)
    (frame, *_) = clip()
    (hand, *_) = painted_occlusion((moving_bar() / 255).astype(np.float32), clip()).masks(3, 4)
    free, covered = (paste(frame, quad, lighter, alpha, in_front=mask).planes[0].astype(int) for mask in (None, hand))
    before = frame.planes[0]
    assert np.array_equal(covered[hand == 1], before[hand == 1])
    assert np.array_equal(covered[hand == 0], free[hand == 0])
    edge = (slice(10, 40), hand[0].tolist().index(np.float32(128 / 255)))
    assert (before[edge] < covered[edge]).all()
    assert (covered[edge] < free[edge]).all()


def test_masks_beyond_their_range_are_brought_in() -> None:
    bright = painted_occlusion(np.full((1, *SIZE), 7, np.float32), clip())
    assert [float(mask.max()) for mask in bright.masks()] == [1.0] * FRAMES
    assert isinstance(next(iter(clip())), Frame)
