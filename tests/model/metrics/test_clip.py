"""A shot made here, and ways in which an edit of it breaks: each must be seen, in the right frames and in no other."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

pytest.importorskip("torchmetrics")

from dva.model.errors import InputError
from dva.model.faces.align import crop_from_frame, quads_from_landmarks, scale_of, square_axes
from dva.model.faces.align import crop_from_frame_matrix as crop_matrix
from dva.model.faces.detect import FaceDetector
from dva.model.faces.paste import paste
from dva.model.faces.region import region_alpha
from dva.model.metrics.clip import FIGURES, landmarks_of_quad, measure_clip
from dva.model.metrics.flags import flags
from dva.model.metrics.identity import tg_id, tl_id
from dva.model.metrics.instruments import Instruments
from dva.model.metrics.recognise import Recogniser
from dva.model.metrics.temporal import dis_flow
from dva.model.video import ArraySource, Frame

RATE = Fraction(24)
T, SIDE, CROP = 10, 240, 64
Edit = Callable[[int, Frame], Frame]


def colours(crops: Tensor) -> Tensor:
    """A recogniser that knows people by the colours of nine patches."""
    return functional.normalize(functional.adaptive_avg_pool2d(crops, 3).flatten(1), dim=1)


@pytest.fixture(scope="module")
def instruments() -> Instruments:
    return Instruments(FaceDetector("cpu"), "DIS", dis_flow, None, Recogniser("colours", 32, colours), None)


@pytest.fixture(scope="module")
def shot(instruments: Instruments) -> tuple[ArraySource, np.ndarray]:
    """A photograph under a drifting camera, and the face's squares."""
    photo = pytest.importorskip("skimage.data").astronaut()
    clip = ArraySource(np.stack([photo[i : i + SIDE, 100 + 2 * i : 100 + 2 * i + SIDE] for i in range(T)]), RATE)
    face = max(instruments.detector.detect(photo[:SIDE, 100 : 100 + SIDE]), key=lambda found: found.side)
    first = quads_from_landmarks(face.landmarks[None], 0, 0)[0]
    return clip, np.stack([first - [2 * i, i] for i in range(T)])


class Painter:
    """An edit as it should be: a tint of the hair and a bar over the eyes, inside a soft mask."""

    def __init__(self, quads: np.ndarray) -> None:
        y, x = (np.mgrid[:CROP, :CROP] + 0.5) / CROP
        tint = 0.12 * np.exp(-((x - 0.5) ** 2 + (y - 0.25) ** 2) / 0.03)[..., None] * [1, 0.6, -0.5]
        bar = -0.2 * ((np.abs(y - 0.45) < 0.03) & (np.abs(x - 0.5) < 0.25))[..., None]
        self.difference = (tint + bar).astype(np.float32)
        mask = np.repeat((((x - 0.5) / 0.33) ** 2 + ((y - 0.45) / 0.4) ** 2 < 1)[None], len(quads), 0)
        self.alpha = region_alpha(mask, RATE)
        self.quads = quads

    def good(self, i: int, frame: Frame) -> Frame:
        return paste(frame, self.quads[i], self.difference, self.alpha[i])

    def without_mask(self, i: int, frame: Frame) -> Frame:
        return paste(frame, self.quads[i], self.difference + np.float32(0.06), np.ones((CROP, CROP), np.float32))

    def three_pixels_off(self, i: int, frame: Frame) -> Frame:
        """The edited face lands beside its place, inside the mask."""
        quad = self.quads[i]
        side = round(CROP / scale_of(crop_matrix(quad, CROP)))
        moved = crop_from_frame(self.good(i, frame).to_rgb8(), quad - [3.0, 0.0], side)
        difference = (moved - crop_from_frame(frame.to_rgb8(), quad, side)) / np.float32(255)
        return paste(frame, quad, difference, np.clip(2 * cv2.resize(self.alpha[i], (side, side)), 0, 1))


def edited(clip: ArraySource, edit: Edit) -> ArraySource:
    return ArraySource(np.stack([edit(i, frame).to_rgb8() for i, frame in enumerate(clip)]), RATE)


def test_an_unedited_clip_has_every_figure_at_its_best(shot, instruments: Instruments):
    clip, quads = shot
    measured = measure_clip(clip, clip, quads, instruments)
    figures = measured.figures
    assert tuple(figures) == FIGURES
    assert [figures[n] for n in ("mse", "seam", "changed_outside")] == [0, 0, 0]
    assert [figures[n] for n in ("ssim", "ms_ssim", "tl_id", "tg_id", "id_cosine")] == pytest.approx([1] * 5, abs=1e-5)
    assert figures["psnr"] is None
    assert "no bound" in measured.missing["psnr"]
    assert figures["lpips"] is None
    assert figures["e_warp"] == measured.reference["e_warp"]
    assert figures["jitter_px"] == measured.reference["jitter_px"]
    assert flags(measured) == []


def test_a_sound_edit_raises_no_flag(shot, instruments: Instruments):
    clip, quads = shot
    measured = measure_clip(clip, edited(clip, Painter(quads).good), quads, instruments)
    assert flags(measured) == []
    assert measured.figures["changed_outside"] == 0
    assert np.nanmax(measured.curves["shift"]) < 0.5
    assert measured.figures["mse"] == pytest.approx(10 ** (-measured.figures["psnr"] / 10))


def test_broken_frames_are_flagged_for_what_they_are_and_no_others(shot, instruments: Instruments):
    clip, quads = shot
    painter = Painter(quads)
    broken: dict[int, Edit] = {2: painter.without_mask, 6: painter.three_pixels_off, 8: lambda _, frame: frame}
    found = flags(measure_clip(clip, edited(clip, lambda i, f: broken.get(i, painter.good)(i, f)), quads, instruments))
    kinds = {frame: {flag.kind for flag in found if flag.frame == frame} for frame in {flag.frame for flag in found}}
    assert set(kinds) == set(broken)
    assert "outside" in kinds[2]
    assert "jitter" in kinds[6]
    assert "change" in kinds[8]
    shifts = [flag.value for flag in found if flag.kind == "jitter"]
    assert shifts == pytest.approx([3], abs=0.3)


def test_a_gap_is_flagged_and_breaks_no_curve(shot, instruments: Instruments):
    clip, quads = shot
    gone = quads.copy()
    gone[4:6] = np.nan
    measured = measure_clip(clip, edited(clip, Painter(quads).good), gone, instruments)
    assert [flag.frame for flag in flags(measured) if flag.kind == "gap"] == [4, 5]
    assert measured.curves["changed_outside"][4] > 0  # where nobody is tracked, nothing should change
    assert np.isnan(measured.curves["e_warp"][[0, 4, 5, 6]]).all()
    assert np.isfinite(measured.curves["e_warp"][[1, 2, 3, 7, 8]]).all()


def test_an_identity_swapped_half_way_lowers_the_consistency_over_the_clip(shot, instruments: Instruments):
    clip, quads = shot
    swapped = edited(clip, lambda i, f: Frame.from_rgb8(i, f.to_rgb8() if i < T // 2 else 255 - f.to_rgb8(), RATE))
    measured = measure_clip(clip, swapped, quads, instruments)
    assert measured.embeddings is not None
    z, source = measured.embeddings
    crops = [torch.from_numpy(crop_from_frame(f.to_rgb8(), q, 32)) for f, q in zip(swapped, quads, strict=True)]
    wanted = colours(torch.stack(crops).permute(0, 3, 1, 2) / 127.5 - 1).numpy()
    np.testing.assert_allclose(z, wanted, atol=1e-4)
    assert measured.figures["tg_id"] == pytest.approx(tg_id(wanted, source), abs=1e-4)
    assert measured.figures["tg_id"] < 0.7 * tl_id(wanted, source)
    assert measured.figures["tl_id"] == pytest.approx(tl_id(wanted, source), abs=1e-4)


class _Short(ArraySource):
    """Says that it holds one frame more than it gives."""

    @property
    def frame_count(self) -> int:
        return super().frame_count + 1

    def __iter__(self) -> Iterator[Frame]:
        return super().frames(0, super().frame_count)


def test_clips_that_do_not_belong_together_are_refused(shot, instruments: Instruments):
    clip, quads = shot
    images = np.stack([frame.to_rgb8() for frame in clip])
    cases = [
        (ArraySource(images[:-1], RATE), quads, "has 9 frames"),
        (ArraySource(images[:, :, :-2], RATE), quads, "has 238 pixels a row"),
        (clip, quads[:-2], "the track has 8 frames"),
    ]
    for other, track, told in cases:
        with pytest.raises(InputError, match=told):
            measure_clip(clip, other, track, instruments)
    short = _Short(images[:2], RATE)
    with pytest.raises(InputError, match="gave 2 of 3 frames"):
        measure_clip(short, short, np.full((3, 4, 2), np.nan), replace(instruments, recogniser=None))


def test_landmarks_are_found_again_from_a_square():
    rng = np.random.default_rng(3)
    angle = rng.uniform(-1, 1, 6)
    x_axis = rng.uniform(20, 90, (6, 1)) * np.stack([np.cos(angle), np.sin(angle)], 1)
    y_axis = np.stack([-x_axis[:, 1], x_axis[:, 0]], 1)
    centre = rng.uniform(0, 400, (6, 2))
    corners = [centre - x_axis - y_axis, centre - x_axis + y_axis, centre + x_axis + y_axis, centre + x_axis - y_axis]
    points = np.stack([landmarks_of_quad(quad) for quad in np.stack(corners, 1)])
    for ours, theirs in zip(square_axes(points), (centre, x_axis, y_axis), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-9)
