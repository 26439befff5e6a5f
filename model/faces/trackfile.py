"""Tracks as JSON, for other programs and for `dva eval --track`."""

from typing import Any

import numpy as np

from ..types import FRAME_STATUS, FaceTrack
from .gaps import detected_span
from .people import People, Person

FORMAT_VERSION = 1
DIGITS = 3
"""After the point: a thousandth of a pixel."""


def tracks_to_json(people: People, tracks: list[FaceTrack]) -> dict[str, Any]:
    """Write down everybody, one track each: frames counted from 0, both ends of a gap inclusive.

    A person's "quads" holds one quad [[x, y] x 4] a frame from "first" to "last", null where the face was not detected;
    "landmarks" likewise one [[x, y] x 5 or 68].
    """
    height, width = people.frame_size
    return {
        "format_version": FORMAT_VERSION,
        "frame_rate": str(people.frame_rate),
        "frame_count": people.frame_count,
        "frame_size": [width, height],
        "cuts": list(people.cuts),
        "people": [_person(person, track) for person, track in zip(people.people, tracks, strict=True)],
    }


def _person(person: Person, track: FaceTrack) -> dict[str, Any]:
    detected = np.flatnonzero(track.status == FRAME_STATUS.index("detected"))
    first, last = detected_span(track)
    holes = np.flatnonzero(np.diff(detected) > 1)
    is_detected = set(detected.tolist())
    rows = range(first, last + 1)
    return {
        "id": person.id,
        "first": first,
        "last": last,
        "gaps": [[int(detected[hole]) + 1, int(detected[hole + 1]) - 1] for hole in holes],
        "quads": [_rounded(track.quads[row]) if row in is_detected else None for row in rows],
        "landmarks": [_rounded(track.landmarks[row]) if row in is_detected else None for row in rows],
        "confidence": [round(float(track.confidence[row]), DIGITS) for row in rows],
    }


def _rounded(points: Any) -> list[list[float]]:  # noqa: ANN401 - an array of any real type
    return np.round(np.asarray(points, np.float64), DIGITS).tolist()
