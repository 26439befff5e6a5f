"""Everybody in a clip: when they are seen, and where their landmarks are."""

from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from ..types import FloatArray
from .appearance import Appearance
from .tracklet import Tracklet

LEAST_SEEN = 0.3
"""Seconds in which somebody must be seen, or half of a shorter clip: a fold of cloth is taken for a face for less."""


@dataclass(frozen=True)
class Person:
    """One person of a clip, as detected: nothing is filled in or smoothed."""

    id: int
    """0 covers most area in the picture, summed over the frames; then 1, 2, ..."""
    frames: NDArray[np.int64]
    """[D] the frames in which the face was detected, rising."""
    landmarks: FloatArray
    """[D, N, 2], N of 5 or 68."""
    scores: FloatArray
    """[D] in [0, 1]."""
    sides: FloatArray
    """[D] sides of the face in pixels."""
    appearance: Appearance

    @property
    def first(self) -> int:
        """The first frame with a detection."""
        return int(self.frames[0])

    @property
    def last(self) -> int:
        """The last frame with a detection; after it there is no gap, but an end."""
        return int(self.frames[-1])

    @property
    def gaps(self) -> list[tuple[int, int]]:
        """First and last frame of every stretch between two detections."""
        holes = np.flatnonzero(np.diff(self.frames) > 1)
        return [(int(self.frames[i]) + 1, int(self.frames[i + 1]) - 1) for i in holes]


@dataclass(frozen=True)
class People:
    """Everybody in one clip, and the clip's measures."""

    people: tuple[Person, ...]
    frame_count: int
    frame_size: tuple[int, int]
    """(height, width) in pixels."""
    frame_rate: Fraction
    cuts: tuple[int, ...] = ()
    """The first frame of every shot but the first."""


def people_of(groups: list[list[Tracklet]], frame_count: int, frame_rate: float) -> tuple[Person, ...]:
    """Make a person of each group of tracklets; whoever is seen for too short a time is left out."""
    least = min(LEAST_SEEN * frame_rate, frame_count / 2)
    seen = [_person(group) for group in groups if sum(len(tracklet) for tracklet in group) >= least]
    seen.sort(key=lambda person: float((person.sides**2).sum()), reverse=True)
    return tuple(replace(person, id=number) for number, person in enumerate(seen))


def _person(group: list[Tracklet]) -> Person:
    ordered = sorted(group, key=lambda tracklet: tracklet.start)
    return Person(
        id=0,
        frames=np.concatenate([np.arange(tracklet.start, tracklet.end + 1) for tracklet in ordered]),
        landmarks=np.concatenate([tracklet.landmarks() for tracklet in ordered]),
        scores=np.concatenate([tracklet.scores() for tracklet in ordered]),
        sides=np.concatenate([tracklet.sides() for tracklet in ordered]),
        appearance=sum((tracklet.appearance for tracklet in ordered), Appearance()),
    )
