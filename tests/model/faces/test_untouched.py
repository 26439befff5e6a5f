"""The promise of Paste Back, end to end: what was not edited is the source's own, sample by sample."""

from fractions import Fraction
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from dva.model.faces.align import crop_from_frame_matrix, transform
from dva.model.faces.clip import edited_source
from dva.model.faces.occlusion import painted_occlusion
from dva.model.faces.region import region_alpha
from dva.model.faces.rows import BLOCK
from dva.model.faces.settings import Detail, PasteSettings
from dva.model.types import FRAME_STATUS, FaceTrack
from dva.model.video import ArraySource, ColourTags, Frame, open_video, write_video
from dva.model.video.colour import colour_space
from dva.model.video.formats import pixel_format

RATE = Fraction(25)
SIDE = 16
DETAILS = get_args(Detail)
FORMATS = [
    "yuv420p", "yuv422p", "yuv444p", "yuv420p10le", "yuv422p10le", "yuv444p12le", "yuv444p16le",
    "yuva420p", "yuva444p10le", "gbrp", "gbrp10le", "gbrp16le", "gbrap", "gray", "gray10le", "gray16le",
]  # fmt: skip


class Clip(ArraySource):
    """Noise in any pixel format."""

    def __init__(self, name: str, size: tuple[int, int], frames: int, rng: np.random.Generator) -> None:
        super().__init__(np.zeros((frames, *size, 3), np.uint8), RATE)
        self.format = pixel_format(name)
        self.colour = colour_space(ColourTags(), self.format, size[0])
        low, high = self.format.peak // 4, 3 * self.format.peak // 4
        shapes = self.format.plane_shapes(size)
        self.pictures = [
            tuple(rng.integers(low, high, shape).astype(self.format.dtype) for shape in shapes) for _ in range(frames)
        ]

    def frames(self, start: int = 0, stop: int | None = None):
        for i in range(self.frame_count)[start:stop]:
            yield Frame(i, self.pictures[i], self.format, self.colour, i, 1 / RATE, 1)


def random_track(rng: np.random.Generator, size: tuple[int, int], frames: int) -> FaceTrack:
    """Squares of any size and angle, some of them partly or wholly outside the frame, and a frame without one."""
    angle, side = rng.uniform(-3, 3, frames), rng.uniform(5, 1.6 * max(size), frames)
    right = np.stack([np.cos(angle), np.sin(angle)], axis=1) * side[:, None] / 2
    down = np.stack([-right[:, 1], right[:, 0]], axis=1)
    centre = rng.uniform(-0.3, 1.3, (frames, 2)) * [size[1], size[0]]
    quads = centre[:, None] + np.stack([-right - down, -right + down, right + down, right - down], axis=1)
    status = np.zeros(frames, np.uint8)
    status[frames // 2] = FRAME_STATUS.index("missing")
    quads[frames // 2] = np.nan
    points = np.zeros((frames, 5, 2), np.float32)
    return FaceTrack(quads, points, status, np.ones(frames, np.float32), size, RATE)


def random_masks(rng: np.random.Generator, frames: int) -> NDArray[np.bool_]:
    """Blobs that may touch the border, with holes and specks."""
    y, x = np.mgrid[:SIDE, :SIDE]
    middle, radius = rng.uniform(2, 14, (frames, 2)), rng.uniform(1, 12, frames)
    blobs = np.hypot(y - middle[:, :1, None], x - middle[:, 1:, None]) < radius[:, None, None]
    return blobs ^ (rng.random(blobs.shape) < 0.03)


def inside_of(track: FaceTrack, alpha: NDArray[np.float32], i: int) -> NDArray[np.bool_]:
    """[H, W] where alpha, interpolated linearly, is not zero: reckoned by scipy and not by us."""
    height, width = track.frame_size
    if not track.usable()[i]:
        return np.zeros((height, width), bool)
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    at = transform(crop_from_frame_matrix(track.quads[i], SIDE), np.stack([x, y], axis=-1).astype(float))
    drawn = map_coordinates(alpha[i], [at[..., 1], at[..., 0]], order=1, mode="nearest")
    return (drawn > 0) & (np.abs(2 * at + 1 - SIDE) < SIDE).all(axis=-1)


def blocks(mask: NDArray[np.bool_], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """A mask at a plane's own size: a chroma sample is inside where any of its pixels is."""
    rows, columns = (-(-full // part) for full, part in zip(mask.shape, shape, strict=True))
    grown = np.pad(mask, ((0, rows * shape[0] - mask.shape[0]), (0, columns * shape[1] - mask.shape[1])))
    return grown.reshape(shape[0], rows, shape[1], columns).any(axis=(1, 3))


@pytest.mark.parametrize("seed", range(30))
def test_outside_the_mask_every_sample_is_the_sources(seed: int) -> None:
    """Any track, frame size, mask, strength, feather, detail, occlusion and pixel format."""
    rng = np.random.default_rng(seed)
    size = (int(rng.integers(9, 90)), int(rng.integers(9, 120)))
    source = Clip(FORMATS[seed % len(FORMATS)], size, 5, rng)
    track, masks = random_track(rng, size, 5), random_masks(rng, 5)
    difference = (rng.uniform(0, 2) * rng.standard_normal((5, SIDE, SIDE, 3))).astype(np.float32)
    crops = torch.from_numpy(rng.integers(0, 256, (5, 3, SIDE, SIDE), dtype=np.uint8))
    settings = PasteSettings(DETAILS[seed % 3], float(rng.choice([0, 0.03, 0.08, 0.5])), bool(seed % 2))
    front = (rng.random((1, *size)) < 0.3).astype(np.float32)
    edited = edited_source(
        source, track, crops, difference, masks, settings, painted_occlusion(front, source) if seed % 4 else None
    )
    alpha = region_alpha(masks, RATE, settings.feather)
    for i, (before, after) in enumerate(zip(source, edited, strict=True)):
        inside = inside_of(track, alpha, i) & ~((front[0] == 1) & bool(seed % 4))
        assert (not before.format.has_alpha) or np.array_equal(before.planes[-1], after.planes[-1])
        for a, b in zip(before.planes, after.planes, strict=True):
            outside = ~blocks(inside, (a.shape[0], a.shape[1]))
            assert np.array_equal(a[outside], b[outside])


@pytest.mark.parametrize("detail", DETAILS)
@pytest.mark.parametrize("name", FORMATS)
def test_an_edit_of_strength_zero_is_the_source_through_ffv1(name: str, detail: Detail, tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    source = Clip(name, (30, 42), 3, rng)
    masks = np.ones((3, SIDE, SIDE), bool)
    crops = torch.from_numpy(rng.integers(0, 256, (3, 3, SIDE, SIDE), dtype=np.uint8))
    nothing = np.zeros((3, SIDE, SIDE, 3), np.float32)
    settings = PasteSettings(detail, colour_match=True)
    edited = edited_source(source, random_track(rng, (30, 42), 3), crops, nothing, masks, settings)
    write_video(tmp_path / "same.mkv", source, edited)
    for before, after in zip(source.pictures, open_video(tmp_path / "same.mkv"), strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(before, after.planes, strict=True))
        assert after.format == source.format


def test_a_clip_read_from_the_middle_has_the_same_frames() -> None:
    """Alpha and colours are worked out in blocks; a frame is the same in whichever reading it comes."""
    rng = np.random.default_rng(7)
    frames = BLOCK + 9
    source = Clip("yuv420p", (24, 32), frames, rng)
    crops = torch.from_numpy(rng.integers(0, 256, (frames, 3, SIDE, SIDE), dtype=np.uint8))
    difference = rng.normal(0, 0.2, (frames, SIDE, SIDE, 3)).astype(np.float32)
    masks = random_masks(rng, frames)
    given = (source, random_track(rng, (24, 32), frames), crops, difference, masks, PasteSettings(colour_match=True))
    whole, part = list(edited_source(*given)), list(edited_source(*given).frames(BLOCK - 3, BLOCK + 4))
    for a, b in zip(whole[BLOCK - 3 : BLOCK + 4], part, strict=True):
        assert all(np.array_equal(x, y) for x, y in zip(a.planes, b.planes, strict=True))
    alpha = region_alpha(masks, RATE)
    held = edited_source(*given).alpha
    assert all(np.array_equal(held[i], alpha[i]) for i in (0, BLOCK - 1, BLOCK, frames - 1))
