"""An unbroken piece of a track: one face followed from frame to frame, without a gap and without a doubt."""

from array import array
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..types import FloatArray
from .appearance import Appearance
from .detect import Detection

VELOCITY_OVER = 6
"""Steps between frames over which a velocity is measured: landmarks shiver."""


class Tracklet:
    """Detections of consecutive frames, packed: 90 bytes a frame."""

    def __init__(self, start: int, *, crossing: bool = False) -> None:
        self.start = start
        """The first frame."""
        self.crossing = crossing
        """The face overlaps with another one, so that its owner is to be doubted."""
        self.found = 0
        """How many searches of the whole frame found it too."""
        self.appearance = Appearance()
        self.looked_at: int | None = None
        """The frame of the last look at what the face looks like."""
        self._landmarks = array("d")
        self._sides = array("f")
        self._scores = array("f")

    def __len__(self) -> int:
        return len(self._sides)

    @property
    def end(self) -> int:
        """The last frame."""
        return self.start + len(self) - 1

    def add(self, detection: Detection) -> None:
        """Go on by one frame."""
        self._landmarks.extend(detection.landmarks.ravel().tolist())
        self._sides.append(detection.side)
        self._scores.append(detection.score)

    def pop(self) -> Detection:
        """Take the last frame back."""
        points, side, score = self.points(self.end), self._sides.pop(), self._scores.pop()
        del self._landmarks[-10:]
        middle = points.mean(axis=0)
        return Detection(np.concatenate([middle - side / 2, middle + side / 2]), points, score)

    def landmarks(self) -> FloatArray:
        """[n, 5, 2], a copy."""
        return np.array(self._landmarks).reshape(-1, 5, 2)

    def sides(self) -> FloatArray:
        """[n] sides of the face in pixels."""
        return np.array(self._sides)

    def scores(self) -> FloatArray:
        """[n] in [0, 1]."""
        return np.array(self._scores)

    def points(self, frame: int) -> FloatArray:
        """Landmarks [5, 2] in a frame, counted like start."""
        at = (frame - self.start) * 10
        return np.array(self._landmarks[at : at + 10]).reshape(5, 2)

    def side(self, frame: int) -> float:
        """Side of the face in a frame."""
        return self._sides[frame - self.start]

    def centre(self, frame: int) -> FloatArray:
        """[2] mean of the landmarks in a frame."""
        return self.points(frame).mean(axis=0)

    def velocity(self, frame: int, step: int = -1) -> FloatArray:
        """[2] pixels a frame at an end: step -1 looks back from the last frame, 1 forward from the first."""
        other = int(np.clip(frame + step * VELOCITY_OVER, self.start, self.end))
        return (self.centre(other) - self.centre(frame)) / (other - frame) if other != frame else np.zeros(2)

    def predicted(self) -> FloatArray:
        """Landmarks [5, 2] in the frame after the last, if the face moves on as it did."""
        return self.points(self.end) + self.velocity(self.end)

    def begin_with(self, landmarks: FloatArray, sides: FloatArray, scores: FloatArray) -> None:
        """Take the detections [n, 5, 2], [n] and [n] of another one, to the last bit."""
        self._landmarks.extend(landmarks.ravel().tolist())
        self._sides.extend(sides.tolist())
        self._scores.extend(scores.tolist())


def packed_tracklets(tracklets: list[Tracklet]) -> dict[str, NDArray[Any]]:
    """Arrays from which `unpacked_tracklets` makes the same tracklets: one row each, or one for each detection."""
    looks = [tracklet.appearance for tracklet in tracklets]
    embedded = [look.identity for look in looks if look.identity is not None]
    facts = [
        (t.start, len(t), t.crossing, t.found, -1 if t.looked_at is None else t.looked_at, look.looks,
         look.identity is not None)
        for t, look in zip(tracklets, looks, strict=True)
    ]  # fmt: skip
    return {
        "facts": np.array(facts, np.int64).reshape(-1, 7),
        "landmarks": np.concatenate([np.empty((0, 5, 2)), *(t.landmarks() for t in tracklets)]),
        "sides": np.concatenate([np.empty(0, np.float32), *(t.sides() for t in tracklets)]),
        "scores": np.concatenate([np.empty(0, np.float32), *(t.scores() for t in tracklets)]),
        "colours": np.stack([look.colours for look in looks]) if looks else np.empty((0, 0)),
        "identity": np.stack(embedded) if embedded else np.empty((0, 0)),
    }


def unpacked_tracklets(arrays: dict[str, NDArray[Any]]) -> list[Tracklet]:
    """The tracklets that `packed_tracklets` packed."""
    tracklets: list[Tracklet] = []
    at, embedded = 0, iter(arrays["identity"])
    for facts, colours in zip(arrays["facts"].tolist(), arrays["colours"], strict=True):
        start, length, crossing, found, looked_at, looks, has_identity = facts
        tracklet = Tracklet(start, crossing=bool(crossing))
        rows = slice(at, at + length)
        tracklet.begin_with(arrays["landmarks"][rows], arrays["sides"][rows], arrays["scores"][rows])
        tracklet.found = found
        tracklet.looked_at = None if looked_at < 0 else looked_at
        tracklet.appearance = Appearance(looks, colours.copy(), next(embedded).copy() if has_identity else None)
        tracklets.append(tracklet)
        at += length
    return tracklets
