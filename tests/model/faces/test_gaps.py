"""What becomes of frames without a detection, and what is said about them."""

from fractions import Fraction

import numpy as np
import pytest

from dva.model.errors import InputError, UsageError
from dva.model.faces.appearance import Appearance
from dva.model.faces.gaps import GapKind, GapPolicy, gap_report
from dva.model.faces.people import People, Person
from dva.model.faces.track import face_track
from dva.model.types import FRAME_STATUS, FaceTrack

SHAPE = np.array([[-12.0, -9.0], [12.0, -9.0], [0.0, 3.0], [-9.0, 15.0], [9.0, 15.0]])
FRAMES = 60
GAPS = {*range(5), *range(20, 24), *range(30, 50), 59}
"""Not there yet, away for 0.16 s, for 0.8 s, and gone."""


def track(kind: GapKind, max_gap: float = 0.5, cuts: tuple[int, ...] = (), smoothing: float = 0.0) -> FaceTrack:
    """Somebody who moves by 3 pixels a frame and is away in GAPS, at 25 frames a second."""
    frames = np.array([t for t in range(FRAMES) if t not in GAPS])
    landmarks = SHAPE + np.stack([100 + 3.0 * frames, 80 + 0.0 * frames], axis=1)[:, None]
    person = Person(0, frames, landmarks, np.ones(len(frames)), np.full(len(frames), 40.0), Appearance())
    people = People((person,), FRAMES, (200, 400), Fraction(25), cuts)
    return face_track(people, person, smoothing, GapPolicy(kind, max_gap))


def frames_with(found: FaceTrack, status: str) -> set[int]:
    return set(np.flatnonzero(found.status == FRAME_STATUS.index(status)).tolist())


def test_interpolate_bridges_short_gaps_between_detections_only() -> None:
    found = track("interpolate")
    assert frames_with(found, "interpolated") == {20, 21, 22, 23}
    assert frames_with(found, "missing") == GAPS - {20, 21, 22, 23}
    assert found.landmarks[22].mean(0)[0] == pytest.approx(found.landmarks[19].mean(0)[0] + 9)


def test_a_longer_limit_bridges_more() -> None:
    assert frames_with(track("interpolate", 0.8), "interpolated") == {*range(20, 24), *range(30, 50)}
    assert not frames_with(track("interpolate", 0.15), "interpolated")


def test_hold_keeps_the_last_square_for_its_time_and_after_the_end() -> None:
    found = track("hold", 0.2, smoothing=0.2)
    assert frames_with(found, "held") == {*range(20, 24), *range(30, 35), 59}
    for t in (30, 34):
        np.testing.assert_array_equal(found.quads[t], found.quads[29])
    assert not found.confidence[30:35].any()


def test_original_passes_every_such_frame_through() -> None:
    assert frames_with(track("original"), "missing") == GAPS


def test_stop_names_the_frames() -> None:
    with pytest.raises(InputError, match=r"not detected in 30 of 60 frames: 0-4, 20-23, 30-49, 59; choose another"):
        track("stop")


@pytest.mark.parametrize("kind", ["interpolate", "hold"])
def test_nothing_reaches_across_a_cut(kind: GapKind) -> None:
    found = track(kind, cuts=(22,))
    assert frames_with(found, "interpolated") == set()
    assert frames_with(found, "held") & {22, 23} == set()


def test_smoothing_does_not_cross_a_cut() -> None:
    """A face that jumps at a cut jumps there, and is not drawn towards the cut before it."""
    frames = np.arange(40)
    x = np.where(frames < 20, 100.0, 180.0)
    landmarks = SHAPE + np.stack([x, np.full(40, 80.0)], axis=1)[:, None]
    person = Person(0, frames, landmarks, np.ones(40), np.full(40, 40.0), Appearance())
    middle = face_track(People((person,), 40, (200, 400), Fraction(25), (20,)), person, 0.2).quads.mean(1)[:, 0]
    np.testing.assert_allclose(middle, x, atol=1e-6)


def test_an_unsure_detection_weighs_less() -> None:
    frames, scores = np.arange(41), np.ones(41)
    landmarks = np.repeat(SHAPE[None] + 100, 41, axis=0)
    landmarks[20] += 5.0
    drawn = []
    for score in (1.0, 0.2):
        scores[20] = score
        person = Person(0, frames, landmarks, scores.copy(), np.full(41, 40.0), Appearance())
        quads = face_track(People((person,), 41, (200, 400), Fraction(25)), person, 0.1).quads
        drawn.append(np.abs(quads[20] - quads[0]).max())
    assert drawn[1] < 0.5 * drawn[0]


def test_the_report_lists_every_frame_that_was_not_detected() -> None:
    found = track("interpolate")
    report = gap_report(found)
    assert report.text().splitlines() == [
        "the face was detected in 30 of 60 frames",
        "filled in between neighbours: 20-23",
        "passed through as they are: 0-4, 30-49, 59",
    ]
    listed = report.to_json()["not_detected"]
    assert {t for span in listed for t in range(span["first"], span["last"] + 1)} == GAPS
    assert listed[1] == {"first": 20, "last": 23, "done": "interpolated"}


@pytest.mark.parametrize("max_gap", [-1.0, float("nan"), float("inf")])
def test_a_length_that_is_none_is_refused(max_gap: float) -> None:
    with pytest.raises(UsageError, match="0 or more"):
        GapPolicy("hold", max_gap)
