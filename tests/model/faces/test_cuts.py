"""Where shots begin."""

import numpy as np

from dva.model.faces.cuts import CutFinder
from dva.model.types import ByteArray


def scene(seed: int) -> ByteArray:
    """A picture of coloured patches, 180 x 640, through which a camera can pan."""
    patches = np.random.default_rng(seed).integers(0, 255, (6, 20, 3))
    return np.kron(patches, np.ones((30, 32, 1))).astype(np.uint8)


def view(picture: ByteArray, left: int) -> ByteArray:
    return picture[:, left : left + 320]


def cuts_of(frames: list[ByteArray]) -> list[int]:
    finder = CutFinder()
    for frame in frames:
        finder.add(frame)
    return finder.cuts


def test_a_cut_is_found_in_its_frame_and_a_pan_is_none() -> None:
    first, second = scene(0), scene(1)
    frames = [view(first, 4 * t) for t in range(30)] + [view(second, 100 + 4 * t) for t in range(30)]
    assert cuts_of(frames) == [30]


def test_half_a_picture_that_goes_dark_is_no_cut() -> None:
    frames = [scene(0)[:, :320].copy() for _ in range(20)]
    for frame in frames[8:12]:
        frame[:, 160:] = 0
    assert cuts_of(frames) == []


def test_a_flash_is_no_cut() -> None:
    frames = [scene(0)[:, :320].copy() for _ in range(20)]
    frames[9] = np.full_like(frames[9], 250)
    frames[10] = np.full_like(frames[10], 230)
    assert cuts_of(frames) == []


def test_noise_and_a_jolt_of_the_camera_are_no_cut() -> None:
    rng = np.random.default_rng(0)
    frames = [view(scene(0), 20 if t < 10 else 38) for t in range(20)]
    assert cuts_of([np.clip(f + rng.normal(0, 12, f.shape), 0, 255).astype(np.uint8) for f in frames]) == []


def test_single_frames_of_two_scenes_are_cuts() -> None:
    assert cuts_of([scene(t // 6)[:, :320] for t in range(24)]) == [6, 12, 18]
