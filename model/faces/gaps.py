"""What becomes of the frames in which a face was not detected, and what is said about them."""

import math
from dataclasses import dataclass
from itertools import chain, groupby, pairwise
from typing import Any, Literal

import numpy as np

from ..errors import InputError, UsageError
from ..types import FRAME_STATUS, ByteArray, FaceTrack, FloatArray, FrameStatus

GapKind = Literal["interpolate", "hold", "original", "stop"]
GAP_KINDS: tuple[GapKind, ...] = ("interpolate", "hold", "original", "stop")
LONGEST_FILLED_GAP = 0.5
"""Seconds."""
SHOWN = 8
"""Stretches of frames that an error names."""

_DETECTED, _INTERPOLATED, _HELD, _MISSING = range(len(FRAME_STATUS))


@dataclass(frozen=True)
class GapPolicy:
    """What to do where a face is not detected. Nothing reaches across a cut.

    interpolate: a gap of at most max_gap between two detections is bridged by a straight line, a longer one is not.
    hold: after a detection the square stays where it is for at most max_gap. original: such frames are passed through.
    stop: any such frame is an error. Frames that are neither bridged nor held are passed through.
    Raises UsageError for a max_gap that is negative or no number.
    """

    kind: GapKind = "interpolate"
    max_gap: float = LONGEST_FILLED_GAP
    """Seconds."""

    def __post_init__(self) -> None:
        if self.kind not in GAP_KINDS:
            raise UsageError(f"no gap policy {self.kind!r}; there is {', '.join(GAP_KINDS)}")
        if not (math.isfinite(self.max_gap) and self.max_gap >= 0):
            raise UsageError(f"the longest gap must be a number of seconds, 0 or more, not {self.max_gap}")


def fill_gaps(landmarks: FloatArray, policy: GapPolicy, frame_rate: float, cuts: tuple[int, ...]) -> ByteArray:
    """Fill landmarks [T, N, 2], NaN where not detected, in place; returns the status [T] of every frame.

    Raises InputError under the policy "stop" where a frame is not detected.
    """
    detected = ~np.isnan(landmarks[:, 0, 0])
    status = np.where(detected, _DETECTED, _MISSING).astype(np.uint8)
    longest = math.floor(policy.max_gap * frame_rate + 1e-6)
    known = np.flatnonzero(detected).tolist()
    match policy.kind:
        case "interpolate":
            for before, after in pairwise(known):
                if 0 < after - before - 1 <= longest and not _cut_within(before, after, cuts):
                    _bridge(landmarks, before, after)
                    status[before + 1 : after] = _INTERPOLATED
        case "hold":
            for before, after in pairwise([*known, len(landmarks)]):
                end = min([after, before + 1 + longest, *(cut for cut in cuts if cut > before)])
                landmarks[before + 1 : end] = landmarks[before]
                status[before + 1 : end] = _HELD
        case "stop":
            _stop_at(np.flatnonzero(~detected).tolist(), len(landmarks))
        case "original":
            pass
    return status


def _cut_within(before: int, after: int, cuts: tuple[int, ...]) -> bool:
    return any(before < cut <= after for cut in cuts)


def _bridge(landmarks: FloatArray, before: int, after: int) -> None:
    part = (np.arange(1, after - before) / (after - before))[:, None, None]
    landmarks[before + 1 : after] = landmarks[before] * (1 - part) + landmarks[after] * part


def _stop_at(frames: list[int], count: int) -> None:
    from ..metrics.flags import ranges  # noqa: PLC0415 - heavy

    if frames:
        raise InputError(
            f"the face was not detected in {len(frames)} of {count} frames: {_shortened(ranges(frames))}; "
            "choose another gap policy than stop, or cut those frames from the clip"
        )


def _shortened(listed: str) -> str:
    parts = listed.split(", ")
    more = f" and {len(parts) - SHOWN} stretches more" if len(parts) > SHOWN else ""
    return ", ".join(parts[:SHOWN]) + more


@dataclass(frozen=True)
class GapSpan:
    """Consecutive frames without a detection that met the same fate."""

    first: int
    last: int
    """Inclusive."""
    done: FrameStatus


@dataclass(frozen=True)
class GapReport:
    """Every frame that was not detected, and what was done."""

    frame_count: int
    spans: tuple[GapSpan, ...]

    def text(self) -> str:
        """One line on the detected frames, then one for each thing that was done to others."""
        from ..metrics.flags import ranges  # noqa: PLC0415 - heavy

        undetected = sum(span.last - span.first + 1 for span in self.spans)
        lines = [f"the face was detected in {self.frame_count - undetected} of {self.frame_count} frames"]
        for done, words in _WORDS.items():
            spans = [range(span.first, span.last + 1) for span in self.spans if span.done == done]
            if spans:
                lines.append(f"{words}: {ranges([*chain.from_iterable(spans)])}")
        return "\n".join(lines)

    def to_json(self) -> dict[str, Any]:
        """{"frames": 120, "not_detected": [{"first": 40, "last": 51, "done": "interpolated"}]}."""
        spans = [{"first": span.first, "last": span.last, "done": span.done} for span in self.spans]
        return {"frames": self.frame_count, "not_detected": spans}


_WORDS: dict[FrameStatus, str] = {
    "interpolated": "filled in between neighbours",
    "held": "held where it was last detected",
    "missing": "passed through as they are",
}


def detected_span(track: FaceTrack) -> tuple[int, int]:
    """First and last frame with a detection, of which there is at least one."""
    detected = np.flatnonzero(track.status == _DETECTED)
    return int(detected[0]), int(detected[-1])


def gap_report(track: FaceTrack) -> GapReport:
    """Say of every frame that was not detected what was done."""
    spans: list[GapSpan] = []
    frame = 0
    for status, run in groupby(track.status.tolist()):
        length = len(list(run))
        if status != _DETECTED:
            spans.append(GapSpan(frame, frame + length - 1, FRAME_STATUS[status]))
        frame += length
    return GapReport(len(track), tuple(spans))
