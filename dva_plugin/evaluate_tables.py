"""Counterparts of the papers' tables on a folder of clips: one identity a clip, against one identity a frame.

Both methods share everything but the identity: the same crops, noise, edit, mask and paste, so that what differs is
what the paper argues about. Pictures are compared on aligned crops; nothing is written.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise, product
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from ..model.autoencoder import Autoencoder, Decoded
from ..model.code import ClipCode, SourceFacts
from ..model.editing.attribute import attribute_edit
from ..model.errors import InputError, UsageError
from ..model.faces.align import crop_from_frame
from ..model.faces.detect import FaceDetector
from ..model.faces.region import region_alpha
from ..model.faces.track import track_face
from ..model.metrics.clip import CROP_SIDE, picture_of
from ..model.metrics.identity import tg_id, tl_id
from ..model.metrics.instruments import Instruments
from ..model.metrics.reconstruction import ms_ssim, mse, ssim
from ..model.metrics.temporal import Picture, temporal_loss, visible, warping_error
from ..model.samplers import PATHS, Solver
from ..model.types import FaceTrack, FloatArray, OnProgress, Progress, ignore_progress
from ..model.video import VideoSource, open_video
from .evaluate_clip import SUFFIXES, clips_in

STEPS = (20, 100)
EDITS: tuple[tuple[str, float], ...] = (("Eyeglasses", 1.0), ("No_Beard", -1.0), ("Gray_Hair", 1.0))
METHODS = ("one identity a clip", "one identity a frame")


@dataclass(frozen=True)
class Clip:
    """The first frames of one clip, aligned."""

    name: str
    track: FaceTrack
    facts: SourceFacts
    crops: Tensor
    """[T, 3, S, S] uint8 at the pack's resolution; black where the track misses."""
    large: list[Picture]
    """[CROP_SIDE, CROP_SIDE, 3] in [0, 1] for each frame with a face."""

    @property
    def faces(self) -> list[int]:
        """Numbers of the frames with a face."""
        return [int(t) for t in np.flatnonzero(self.track.usable())]


@dataclass(frozen=True)
class Motion:
    """Consistency of one edited clip."""

    clip: str
    edit: str
    method: str
    tl_id: float
    tg_id: float
    e_warp: float
    temporal_loss: float
    mean: FloatArray | None
    """[D] mean embedding; None without a recogniser."""


@dataclass
class Tables:
    """What the four tables are made of."""

    reconstruction: dict[tuple[Solver, int], list[dict[str, float]]] = field(
        default_factory=dict[tuple[Solver, int], list[dict[str, float]]]
    )
    """(solver, steps) -> one row of figures a clip."""
    motions: list[Motion] = field(default_factory=list[Motion])
    originals: dict[str, Motion] = field(default_factory=dict[str, Motion])
    """Clip -> the same figures of the source."""
    left_out: dict[str, str] = field(default_factory=dict[str, str])
    """Clip -> why it could not be measured."""
    recogniser: str = ""
    resolution: int = 0


def measure_folder(
    folder: Path,
    autoencoder: Autoencoder,
    instruments: Instruments,
    edits: Sequence[tuple[str, float]],
    frames: int | None = None,
    on_progress: OnProgress = ignore_progress,
) -> Tables:
    """Measure every clip of a folder, one at a time. frames: only the first so many of each.

    Raises UsageError for an attribute that the pack lacks or a bad number, InputError where no clip can be measured.
    """
    for name, strength in edits:
        attribute_edit(autoencoder.pack, name, strength, 1)
    if frames is not None and frames < 2:
        raise UsageError(f"--frames must be at least 2, not {frames}: consistency needs two frames")
    paths = clips_in(folder)
    tables = Tables(resolution=autoencoder.pack.spec.resolution)
    tables.recogniser = instruments.recogniser.name if instruments.recogniser else ""
    for done, path in enumerate(paths):
        on_progress(Progress("clips", done, len(paths)))
        try:
            clip = read_clip(path, autoencoder.pack.spec.resolution, instruments.detector, frames)
        except InputError as error:
            tables.left_out[path.name] = str(error)
            continue
        measure_one(tables, clip, autoencoder, instruments, edits)
    on_progress(Progress("clips", len(paths), len(paths)))
    if not tables.originals:
        reasons = "; ".join(tables.left_out.values()) or f"it holds no {', '.join(SUFFIXES)}"
        raise InputError(f"no clip of {folder} can be measured: {reasons}")
    return tables


def read_clip(path: Path, side: int, detector: FaceDetector, frames: int | None = None) -> Clip:
    """Track the largest face of a clip's first frames and cut it out; InputError where that fails."""
    source = first_frames(open_video(path), frames)
    track = track_face(source, detector)
    usable = track.usable()
    crops = torch.zeros(len(track), 3, side, side, dtype=torch.uint8)
    large: list[Picture] = []
    for index, frame in enumerate(source):
        if usable[index]:
            image = frame.to_rgb8()
            small = np.rint(np.clip(crop_from_frame(image, track.quads[index], side), 0, 255)).astype(np.uint8)
            crops[index] = torch.from_numpy(small).permute(2, 0, 1)
            large.append(picture_of(image, track.quads[index]))
    facts = SourceFacts(path.name, source.size, source.frame_rate, len(track))
    return Clip(path.name, track, facts, crops, large)


def first_frames(source: VideoSource, count: int | None) -> VideoSource:
    """The same clip, ending after `count` frames; the whole of it for None."""
    timeline = source.timeline
    return source if count is None else replace(source, timeline=replace(timeline, pts=timeline.pts[:count]))


def measure_one(
    tables: Tables, clip: Clip, autoencoder: Autoencoder, instruments: Instruments, edits: Sequence[tuple[str, float]]
) -> None:
    """Add one clip to the tables."""
    for solver, steps in product(PATHS, STEPS):
        code = autoencoder.encode(clip.crops, clip.track, clip.facts, steps, solver)
        row = _reconstruction(clip, autoencoder.reconstruct(code), instruments)
        tables.reconstruction.setdefault((solver, steps), []).append(row)
    flows = _flows(clip, instruments)
    source_z = _embed(clip, clip.large, instruments)
    tables.originals[clip.name] = _motion(clip, ("", "original"), clip.large, flows, (source_z, source_z))
    whole = autoencoder.encode(clip.crops, clip.track, clip.facts)
    single = [autoencoder.encode(clip.crops[t : t + 1], track_of_frame(clip.track, t), clip.facts) for t in clip.faces]
    for name, strength in edits:
        decoded = edit_whole(autoencoder, whole, name, strength), edit_frames(autoencoder, single, name, strength)
        for method, both in zip(METHODS, decoded, strict=True):
            edited = _pasted(clip, both)
            z = _embed(clip, edited, instruments), source_z
            tables.motions.append(_motion(clip, (f"{name} {strength:+g}", method), edited, flows, z))


def edit_whole(autoencoder: Autoencoder, code: ClipCode, name: str, strength: float) -> Decoded:
    """The clip's one identity edited; rows of frames with a face only."""
    decoded = autoencoder.decode(code.with_edit(attribute_edit(autoencoder.pack, name, strength, len(code))))
    usable = torch.from_numpy(code.track.usable())
    return Decoded(decoded.difference[usable], decoded.mask[usable])


def edit_frames(autoencoder: Autoencoder, codes: list[ClipCode], name: str, strength: float) -> Decoded:
    """Each frame's own identity edited: codes of clips that are one frame long."""
    edit = attribute_edit(autoencoder.pack, name, strength, 1)
    parts = [autoencoder.decode(code.with_edit(edit)) for code in codes]
    return Decoded(torch.cat([part.difference for part in parts]), torch.cat([part.mask for part in parts]))


def track_of_frame(track: FaceTrack, t: int) -> FaceTrack:
    """One frame of a track as a track."""
    here = slice(t, t + 1)
    arrays = {name: getattr(track, name)[here] for name in ("quads", "landmarks", "status", "confidence")}
    return replace(track, **arrays)


def _pasted(clip: Clip, decoded: Decoded) -> list[Picture]:
    """The edited crops at CROP_SIDE: the difference inside its alpha, enlarged and added to the source's own detail."""
    alpha = torch.from_numpy(region_alpha(decoded.mask.numpy(), clip.track.frame_rate))[:, None]
    size = (CROP_SIDE, CROP_SIDE)
    difference = F.interpolate(decoded.difference * alpha, size=size, mode="bicubic", antialias=True)
    added = difference.permute(0, 2, 3, 1).numpy()
    return [np.clip(picture + change, 0, 1) for picture, change in zip(clip.large, added, strict=True)]


def _reconstruction(clip: Clip, again: Tensor, instruments: Instruments) -> dict[str, float]:
    """Figures of the paper's table 1 at the pack's resolution."""
    usable = torch.from_numpy(clip.track.usable())
    a, b = ((again[usable] + 1) / 2).clamp(0, 1), clip.crops[usable].float() / 255
    figures = {"ssim": ssim(a, b), "ms_ssim": ms_ssim(a, b), "mse": mse(a, b)}
    if instruments.lpips is not None:
        figures["lpips"] = instruments.lpips(a, b)
    return {name: float(values.mean()) for name, values in figures.items()}


@dataclass(frozen=True)
class _Flow:
    """How the source moves from one frame to the next."""

    first: int
    flow: np.ndarray
    mask: np.ndarray


def _flows(clip: Clip, instruments: Instruments) -> list[_Flow]:
    """One for each pair of successive frames that both have a face."""
    flows: list[_Flow] = []
    for k, (here, there) in enumerate(pairwise(clip.faces)):
        if there == here + 1:
            a, b = clip.large[k], clip.large[k + 1]
            forward = instruments.flow(a, b)
            flows.append(_Flow(k, forward, visible(forward, instruments.flow(b, a))))
    return flows


def _embed(clip: Clip, pictures: list[Picture], instruments: Instruments) -> FloatArray | None:
    """[T, D] of the pictures of a clip's faces, NaN in frames without one; None without a recogniser."""
    recogniser = instruments.recogniser
    if recogniser is None:
        return None
    rows: list[FloatArray] = []
    for picture in pictures:
        x = torch.from_numpy(picture).movedim(-1, 0)[None] * 2 - 1
        side = recogniser.resolution
        rows.append(recogniser.embed(F.interpolate(x, size=(side, side), mode="area"))[0].cpu().numpy())
    z = np.full((len(clip.track), len(rows[0])), np.nan)
    z[clip.faces] = np.stack(rows)
    return z


def _motion(
    clip: Clip,
    label: tuple[str, str],
    pictures: list[Picture],
    flows: list[_Flow],
    z: tuple[FloatArray | None, FloatArray | None],
) -> Motion:
    """label: edit and method. z: embeddings of these pictures and of the source's."""
    pairs = [(pictures[f.first], pictures[f.first + 1], f) for f in flows]
    warping = [warping_error(a, b, f.flow, f.mask) for a, b, f in pairs]
    loss = [temporal_loss(a, b, f.flow) for a, b, f in pairs]
    edited, source = z
    local = total = np.nan
    if edited is not None and source is not None:
        local, total = tl_id(edited, source), tg_id(edited, source)
    return Motion(
        clip.name,
        *label,
        local,
        total,
        float(np.nanmean(warping)) if np.isfinite(warping).any() else np.nan,
        float(np.mean(loss)) if loss else np.nan,
        np.nanmean(edited, axis=0) if edited is not None else None,
    )
