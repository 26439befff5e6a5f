"""Everything that is measured on one shot, in one reading of both files, a frame at a time."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..errors import InputError
from ..faces.align import crop_from_frame, quads_from_axes, square_axes
from ..faces.detect import Detection
from ..types import ByteArray, FloatArray, OnProgress, Progress, ignore_progress
from ..video import Frame, FrameSource
from .identity import identity_cosine, identity_curve, steadiness, tg_id, tl_id
from .instruments import Instruments
from .reconstruction import ms_ssim, mse, ssim
from .seam import changed, changed_outside, head_region, seam_error, upper_corners
from .temporal import FlowOf, Picture, jitter, visible, warping_error

CROP_SIDE = 256
"""Side of the aligned crops on which pictures are compared: the paper's resolution."""
FIGURES = (
    "ssim", "ms_ssim", "psnr", "mse", "lpips", "tl_id", "tg_id", "e_warp", "id_cosine", "jitter_px", "seam",
    "changed_outside",
)  # fmt: skip
"""What an evaluation always names, None where it could not be measured."""
CURVES = (
    "ssim", "ms_ssim", "mse", "lpips", "identity", "steadiness", "e_warp", "source_e_warp", "shift", "jitter",
    "source_jitter", "seam", "changed_outside", "spill", "beyond", "change",
)  # fmt: skip


@dataclass(frozen=True)
class Measured:
    """One shot, measured. T frames."""

    figures: dict[str, float | None]
    """One for each of FIGURES."""
    missing: dict[str, str]
    """Why a figure is None, by its name."""
    reference: dict[str, float | None]
    """The same figure of the source alone, for those that a source has: `e_warp` and `jitter_px`."""
    curves: dict[str, FloatArray]
    """One for each of CURVES: [T], NaN where a frame has no such number. `e_warp` belongs to the second frame of a
    pair."""
    present: NDArray[np.bool_]
    """[T] True where the track has the face."""
    lost: NDArray[np.bool_]
    """[T] True where a face is found in the source's frame and none in the edited one."""
    embeddings: tuple[FloatArray, FloatArray] | None
    """[T, D] of the edited clip and of the source; None without a recogniser."""
    attributes: dict[str, tuple[float, float]]
    """The judge's mean probability before and after; empty without a judge."""
    instruments: dict[str, str]
    """What measured: flow, recogniser, and so on."""


def measure_clip(
    source: FrameSource,
    edited: FrameSource,
    quads: FloatArray,
    instruments: Instruments,
    on_progress: OnProgress = ignore_progress,
) -> Measured:
    """Compare an edited clip with its source.

    quads: [T, 4, 2] the face's square in each frame of the source, NaN where there is none. Frames are read one at a
    time and only their numbers are kept. InputError where the clips or the track differ in length or size.
    """
    check_alike(source, edited, quads)
    meter = _Meter(instruments, len(quads))
    frames = zip(_counted(source), _counted(edited), quads, strict=False)
    for index, (before, after, quad) in enumerate(frames):
        meter.add(index, before, after, None if np.isnan(quad).any() else quad)
        on_progress(Progress("measure", index + 1, len(quads)))
    return meter.finish()


def check_alike(source: FrameSource, edited: FrameSource, quads: FloatArray) -> None:
    """InputError where two clips, or a clip and its track, are not of one length and size."""
    for what, have, want in (
        ("frames", edited.frame_count, source.frame_count),
        ("pixels a row", edited.size[1], source.size[1]),
        ("rows", edited.size[0], source.size[0]),
    ):
        if have != want:
            raise InputError(
                f"{edited.path or 'the edited clip'} has {have} {what} and {source.path or 'its source'} has {want}; "
                "an edited clip is measured against the very clip that it was made from"
            )
    if len(quads) != source.frame_count:
        raise InputError(
            f"the track has {len(quads)} frames and {source.path or 'the source'} has {source.frame_count}; "
            "name the track of this clip"
        )


def _counted(source: FrameSource) -> Iterator[Frame]:
    """All frames; InputError where a second reading gives fewer than the first one counted."""
    count = 0
    for frame in source:
        yield frame
        count += 1
    if count < source.frame_count:
        raise InputError(f"{source.path} gave {count} of {source.frame_count} frames; copy it to a local disk first")


class _Meter:
    """Takes frames in order and keeps their numbers."""

    def __init__(self, instruments: Instruments, count: int) -> None:
        self.tools = instruments
        self.curves: dict[str, FloatArray] = {name: np.full(count, np.nan) for name in CURVES}
        self.boxes = np.full((2, count, 4, 2), np.nan)
        self.present = np.zeros(count, bool)
        self.lost = np.zeros(count, bool)
        self.embedded: tuple[list[FloatArray], list[FloatArray]] = ([], [])
        self.verdicts: tuple[list[Tensor], list[Tensor]] = ([], [])
        self.before: tuple[Picture, Picture] | None = None

    def add(self, index: int, source: Frame, edited: Frame, quad: FloatArray | None) -> None:
        """Measure frame `index`; quad None where the track has no face."""
        images = source.to_rgb8(), edited.to_rgb8()
        if quad is None:
            self.before = None
            self.curves["changed_outside"][index] = self.curves["beyond"][index] = changed(*images).mean()
            return
        self.present[index] = True
        self._frame(index, *images, quad)
        self._face(index, images, quad)
        now = picture_of(images[0], quad), picture_of(images[1], quad)
        self._pictures(index, *now)
        self.curves["shift"][index] = (
            _shift(self.tools.flow, *now) * float(np.linalg.norm(quad[3] - quad[0])) / CROP_SIDE
        )
        if self.before is not None:
            self._motion(index, self.before, now)
        self.before = now
        self._judge(images, quad)

    def _frame(self, index: int, source: ByteArray, edited: ByteArray, quad: FloatArray) -> None:
        """What is measured on the whole frame."""
        head = head_region(quad, (source.shape[0], source.shape[1]))
        touched = changed(source, edited)
        self.curves["changed_outside"][index] = changed_outside(source, edited, head)
        corners = upper_corners(quad, (source.shape[0], source.shape[1]))
        for name, region in (("spill", corners), ("beyond", ~(head | corners))):
            self.curves[name][index] = touched[region].mean() if region.any() else np.nan
        self.curves["seam"][index] = seam_error(source, edited, touched)
        difference = np.abs(edited[head].astype(np.int16) - source[head])
        self.curves["change"][index] = difference.mean() / 255 if head.any() else 0.0

    def _face(self, index: int, images: tuple[ByteArray, ByteArray], quad: FloatArray) -> None:
        """Where the detector finds the face in either frame, beginning from the track's place."""
        found = [self.tools.detector.follow(image, [landmarks_of_quad(quad)])[0] for image in images]
        for clip, face in enumerate(found):
            if face is not None:
                self.boxes[clip, index] = _box(face)
        self.lost[index] = found[0] is not None and found[1] is None

    def _pictures(self, index: int, source: Picture, edited: Picture) -> None:
        a, b = (torch.from_numpy(look).movedim(-1, 0)[None] for look in (source, edited))
        self.curves["ssim"][index] = float(ssim(b, a))
        self.curves["ms_ssim"][index] = float(ms_ssim(b, a))
        self.curves["mse"][index] = float(mse(b, a))
        if self.tools.lpips is not None:
            self.curves["lpips"][index] = float(self.tools.lpips(b, a))

    def _motion(self, index: int, before: tuple[Picture, Picture], now: tuple[Picture, Picture]) -> None:
        """Warping errors of both clips under the source's flow: how the picture ought to have moved."""
        forward = self.tools.flow(before[0], now[0])
        mask = visible(forward, self.tools.flow(now[0], before[0]))
        for name, first, second in zip(("source_e_warp", "e_warp"), before, now, strict=True):
            self.curves[name][index] = warping_error(first, second, forward, mask)

    def _judge(self, images: tuple[ByteArray, ByteArray], quad: FloatArray) -> None:
        recogniser, judge = self.tools.recogniser, self.tools.judge
        for image, embedded, verdicts in zip(images, self.embedded, self.verdicts, strict=True):
            if recogniser is not None:
                embedded.append(recogniser.embed(_signed(image, quad, recogniser.resolution))[0].cpu().numpy())
            if judge is not None:
                verdicts.append(judge.probabilities(_signed(image, quad, judge.resolution))[0].cpu())

    def finish(self) -> Measured:
        """Bring the numbers together."""
        embeddings = self._embeddings()
        self.curves["source_jitter"], self.curves["jitter"] = (jitter(boxes) for boxes in self.boxes)
        missing = dict(self.tools.missing)
        figures = self._figures(embeddings, missing)
        attributes: dict[str, tuple[float, float]] = {}
        if self.tools.judge is not None and self.verdicts[0]:
            before, after = (torch.stack(verdicts).mean(0).tolist() for verdicts in self.verdicts)
            attributes = dict(zip(self.tools.judge.attributes, zip(before, after, strict=True), strict=True))
        reference = {"e_warp": _mean(self.curves["source_e_warp"]), "jitter_px": _mean(self.curves["source_jitter"])}
        return Measured(
            figures,
            missing,
            reference,
            self.curves,
            self.present,
            self.lost,
            embeddings,
            attributes,
            self.tools.names() | {"crops": f"{CROP_SIDE} px"},
        )

    def _embeddings(self) -> tuple[FloatArray, FloatArray] | None:
        """(edited, source), each [T, D] with NaN rows where there is no face."""
        if not self.embedded[0]:
            return None
        both: list[FloatArray] = []
        for rows in (self.embedded[1], self.embedded[0]):
            z = np.full((len(self.present), len(rows[0])), np.nan)
            z[self.present] = np.stack(rows)
            both.append(z)
        self.curves["identity"] = identity_curve(*both)
        self.curves["steadiness"] = steadiness(*both)
        return both[0], both[1]

    def _figures(
        self, embeddings: tuple[FloatArray, FloatArray] | None, missing: dict[str, str]
    ) -> dict[str, float | None]:
        figures: dict[str, float | None] = dict.fromkeys(FIGURES)
        for name in ("ssim", "ms_ssim", "mse", "lpips", "e_warp", "seam", "changed_outside"):
            figures[name] = _mean(self.curves[name])
        figures["jitter_px"] = _mean(self.curves["jitter"])
        error = figures["mse"]
        if error == 0:
            missing["psnr"] = "the crops are equal, so it has no bound"
        elif error is not None:
            figures["psnr"] = float(-10 * np.log10(error))
        if embeddings is not None:
            for name, measure in (("tl_id", tl_id), ("tg_id", tg_id), ("id_cosine", identity_cosine)):
                value = measure(*embeddings)
                figures[name] = value if np.isfinite(value) else None
        for name in (name for name, value in figures.items() if value is None and name not in missing):
            missing[name] = "too few frames show the face"
        return figures


def _shift(flow: FlowOf, source: Picture, edited: Picture) -> float:
    """How far, in crop pixels, the edit moved the middle of the face as a whole: the length of the median flow.

    Landmarks would not do: an edit that covers an eye moves them though nothing moved.
    """
    found = flow(source, edited)
    middle = slice(CROP_SIDE // 4, 3 * CROP_SIDE // 4)
    return float(np.linalg.norm(np.median(found[middle, middle].reshape(-1, 2), axis=0)))


def landmarks_of_quad(quad: FloatArray) -> FloatArray:
    """[5, 2] eyes, nose and mouth corners of a face whose square by FFHQ's rule is this quad [4, 2].

    The inverse of square_axes, up to what the rule does not fix: the nose, and how wide the mouth is.
    """
    centre, x_axis = quad.mean(0), (quad[3] - quad[0]) / 2
    y_axis = (quad[1] - quad[0]) / 2
    eye_to_eye, eye_to_mouth = x_axis / 2, y_axis / 1.8
    eyes = centre - 0.1 * eye_to_mouth
    mouth = eyes + eye_to_mouth
    nose = eyes + 0.6 * eye_to_mouth
    half = eye_to_eye / 2
    return np.stack([eyes - half, eyes + half, nose, mouth - 0.8 * half, mouth + 0.8 * half])


def _box(face: Detection) -> FloatArray:
    """[4, 2] corners of the square that FFHQ's rule lays round the five landmarks."""
    return quads_from_axes(*square_axes(face.landmarks[None]))[0]


def picture_of(image: ByteArray, quad: FloatArray) -> Picture:
    """The aligned face [CROP_SIDE, CROP_SIDE, 3] in [0, 1] of a frame [H, W, 3], as it is measured."""
    return np.clip(crop_from_frame(image, quad, CROP_SIDE) / np.float32(255), 0, 1).astype(np.float32)


def _signed(image: ByteArray, quad: FloatArray, side: int) -> Tensor:
    """[1, 3, side, side] the aligned crop in [-1, 1]."""
    crop = torch.from_numpy(crop_from_frame(image, quad, side))
    return (crop.movedim(-1, 0)[None] / 127.5 - 1).clamp(-1, 1)


def _mean(curve: FloatArray) -> float | None:
    known = curve[np.isfinite(curve)]
    return float(known.mean()) if len(known) else None
