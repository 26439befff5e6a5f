"""A whole clip's face: cut out of every frame, and brought back into every frame."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..errors import InputError
from ..in_order import in_order
from ..types import FaceTrack, OnProgress, Progress, ignore_progress
from ..video import ColourSpace, Frame, FrameSource, PixelFormat
from ..video.source import chunked
from .align import aligned_bytes
from .colour_match import match_colours
from .occlusion import Occlusion
from .paste import mask_in_frame, paste
from .region import region_alpha, temporal_support
from .rows import ComputedRows, Rows
from .settings import DETAIL, Detail, PasteSettings


def aligned_crops(
    source: FrameSource, track: FaceTrack, size: int, on_progress: OnProgress = ignore_progress
) -> torch.Tensor:
    """[T, 3, size, size] uint8 crops of a tracked face; black where the track misses.

    Raises InputError for a clip that the track was not made from, as far as its size and length tell.
    """
    check_track(source, track)
    crops = np.zeros((len(track), size, size, 3), np.uint8)
    usable = track.usable()
    for i, frame in enumerate(source):
        if usable[i]:
            crops[i] = aligned_bytes(frame, track.quads[i], size)
        on_progress(Progress("align", i + 1, len(track)))
    return torch.from_numpy(crops).permute(0, 3, 1, 2).contiguous()


@dataclass(frozen=True)
class EditedSource:
    """A clip with an edit of one face, itself a clip: every reading pastes anew, one frame at a time.

    Samples are the source's own wherever alpha or the difference is zero. The sound is that of the source's file.
    """

    source: FrameSource
    track: FaceTrack
    difference: Rows
    """[T, S, S, 3] float32: edited crops minus source crops, each in [0, 1]."""
    alpha: Rows
    """[T, S, S] in [0, 1]: how much of the difference each crop pixel takes."""
    detail: Detail = DETAIL
    occlusion: Occlusion | None = None
    """What is in front of the face: nothing is written where it is 1."""

    def __post_init__(self) -> None:
        """InputError for a clip that the track was not made from, as far as its size and length tell."""
        check_track(self.source, self.track)

    @property
    def path(self) -> Path | None:
        return self.source.path

    @property
    def size(self) -> tuple[int, int]:
        return self.source.size

    @property
    def frame_rate(self) -> Fraction:
        return self.source.frame_rate

    @property
    def frame_count(self) -> int:
        return self.source.frame_count

    @property
    def variable_rate(self) -> bool:
        return self.source.variable_rate

    @property
    def start_time(self) -> Fraction:
        return self.source.start_time

    @property
    def pixel_aspect(self) -> Fraction:
        return self.source.pixel_aspect

    @property
    def format(self) -> PixelFormat:
        return self.source.format

    @property
    def colour(self) -> ColourSpace:
        return self.source.colour

    @property
    def has_audio(self) -> bool:
        return self.source.has_audio

    def frames(self, start: int = 0, stop: int | None = None) -> Iterator[Frame]:
        """Frames start, start + 1, ... up to and without stop."""
        usable = self.track.usable()
        numbers = range(self.frame_count)[start:stop]
        fronts = repeat(None, len(numbers)) if self.occlusion is None else self.occlusion.masks(start, stop)

        def pastings() -> Iterator[Callable[[], Frame]]:
            for i, frame, front in zip(numbers, self.source.frames(start, stop), fronts, strict=True):
                alpha = self.alpha[i]  # both may be worked out as they are asked for: here, not in a thread
                edit = (self.track.quads[i], self.difference[i], alpha, self.detail, front)
                yield partial(paste, frame, *edit) if usable[i] and alpha.any() else lambda same=frame: same

        return in_order(pastings())

    def chunks(self, n: int) -> Iterator[list[Frame]]:
        """All frames, n at a time; the last chunk may be shorter."""
        return chunked(self.frames(), n)

    def __iter__(self) -> Iterator[Frame]:
        return self.frames()


def edited_source(
    source: FrameSource,
    track: FaceTrack,
    crops: torch.Tensor,
    difference: NDArray[np.float32],
    masks: NDArray[Any],
    settings: PasteSettings | None = None,
    occlusion: Occlusion | None = None,
) -> EditedSource:
    """Bring edited crops back into their clip.

    crops: [T, 3, S, S] uint8, the source's. difference: [T, S, S, 3], edited minus source, each in [0, 1]. masks:
    [T, S, S] in [0, 1], what the edit may touch. Arrays may be mapped from files: they are read where they are needed.
    """
    chosen, rate = settings or PasteSettings(), source.frame_rate

    def alpha(part: slice) -> NDArray[np.float32]:
        return region_alpha(masks[part], rate, chosen.feather)

    def matched(part: slice) -> NDArray[np.float32]:
        return match_colours(difference[part], crops[part].movedim(1, -1).numpy(), masks[part], rate)

    support = temporal_support(rate)
    rows = ComputedRows(matched, len(difference), support) if chosen.colour_match else difference
    return EditedSource(source, track, rows, ComputedRows(alpha, len(masks), support), chosen.detail, occlusion)


def frame_masks(track: FaceTrack, masks: NDArray[np.bool_]) -> NDArray[np.float32]:
    """[T, H, W] in [0, 1]: masks [T, S, S] of the crops, laid where the crops lie; 0 where the track misses."""
    out = np.zeros((len(track), *track.frame_size), np.float32)
    for i in np.flatnonzero(track.usable()):
        mask_in_frame(out[i], track.quads[i], masks[i].astype(np.float32))
    return out


def check_track(source: FrameSource, track: FaceTrack) -> None:
    """InputError where a clip has another length or size than the one that was tracked."""
    if (source.frame_count, source.size) != (len(track), track.frame_size):
        (height, width), (tracked_height, tracked_width) = source.size, track.frame_size
        raise InputError(
            f"the face was tracked through {len(track)} frames of {tracked_width}x{tracked_height}, but these are "
            f"{source.frame_count} of {width}x{height}; give the clip that was tracked, or track this one"
        )
