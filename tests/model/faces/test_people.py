"""Several people in one clip: nobody becomes somebody else."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from faces import face

from dva.model.errors import InputError, UsageError
from dva.model.faces.appearance import Appearance
from dva.model.faces.choose import PersonChoice, Reference, choose_person, person_choice
from dva.model.faces.detect import FaceDetector
from dva.model.faces.link import link
from dva.model.faces.people import People, Person
from dva.model.faces.track import find_people, track_face
from dva.model.faces.tracklet import Tracklet
from dva.model.video import ArraySource, open_video

RATE = 25.0
WHO = np.eye(4)
"""Embeddings of four people who look nothing like one another."""


def walks(who: int, frames: range, x: Callable[[int], float], side: float = 50.0) -> Tracklet:
    """Somebody who is followed without a break; colours say nothing."""
    tracklet = Tracklet(frames[0])
    for t in frames:
        tracklet.add(face(x(t), 80, side))
    tracklet.appearance = Appearance(4, np.full(864, (0.82 / 864) ** 0.5), 4 * WHO[who])
    return tracklet


def starts(group: list[Tracklet]) -> list[int]:
    return sorted(tracklet.start for tracklet in group)


@pytest.mark.parametrize("turn_back", [False, True], ids=["cross", "turn back"])
def test_two_who_meet_keep_their_names(turn_back: bool) -> None:
    """Walking on or turning back look alike before and after; who is who decides."""
    a, b = walks(0, range(20), lambda t: 100 + 5 * t), walks(1, range(20), lambda t: 340 - 5 * t)
    right, left = (0, 1) if not turn_back else (1, 0)
    c = walks(right, range(30, 50), lambda t: 100 + 5 * t)
    d = walks(left, range(31, 50), lambda t: 340 - 5 * t)
    groups = link([a, b, c, d], [], RATE)
    assert sorted(map(starts, groups)) == ([[0, 30], [0, 31]])
    joined_with_a = next(group for group in groups if a in group)
    assert (c in joined_with_a) is not turn_back


def test_movement_alone_tells_who_is_who_among_twins() -> None:
    a, b = walks(0, range(20), lambda t: 100 + 5 * t), walks(0, range(20), lambda t: 340 - 5 * t)
    c, d = walks(0, range(30, 50), lambda t: 100 + 5 * t), walks(0, range(30, 50), lambda t: 340 - 5 * t)
    groups = link([a, b, c, d], [], RATE)
    assert [a, c] in groups
    assert [b, d] in groups


def test_after_a_cut_place_means_nothing_and_identity_all() -> None:
    """Shot and reverse shot: each comes back, in the place where the other was."""
    a, b = walks(0, range(40), lambda t: 100), walks(1, range(40, 80), lambda t: 100)
    c, d = walks(0, range(80, 120), lambda t: 300), walks(1, range(120, 160), lambda t: 300)
    groups = link([a, b, c, d], [40, 80, 120], RATE)
    assert sorted(map(starts, groups)) == [[0, 80], [40, 120]]


def test_two_at_once_are_two_however_alike() -> None:
    a, b = walks(0, range(40), lambda t: 100), walks(0, range(20, 60), lambda t: 300)
    assert len(link([a, b], [], RATE)) == 2


def test_somebody_who_comes_back_is_no_stranger() -> None:
    a, b = walks(2, range(40), lambda t: 100), walks(2, range(400, 440), lambda t: 330)
    stranger = walks(3, range(200, 240), lambda t: 100)
    assert sorted(map(starts, link([a, b, stranger], [], RATE))) == [[0, 400], [200]]


@pytest.mark.pack
def test_rendered_people_who_cross_do_not_swap(mini_recogniser) -> None:
    """The first walks right behind the second, and is hidden for some frames."""
    pytest.importorskip("facenet_pytorch")
    pytest.importorskip("numba")
    from crowd import Head, crowd

    def first(t: int) -> float:
        return 90 + 9 * t

    images = crowd([(Head(167, 6), first), (Head(5, 6), lambda t: 390 - 9 * t)], 34)
    people = find_people(ArraySource(images, Fraction(25)), FaceDetector(), recogniser=mini_recogniser)
    assert len(people.people) == 2
    assert [(person.first, person.last) for person in people.people] == [(0, 33), (0, 33)]
    behind = next(person for person in people.people if person.gaps)
    np.testing.assert_allclose(behind.landmarks[..., 0].mean(1), [first(t) for t in behind.frames], atol=30)


def person_at(number: int, x: float, frames: int, z: np.ndarray | None = None) -> Person:
    landmarks = np.full((frames, 5, 2), x)
    looks = Appearance(1, np.zeros(864), z)
    return Person(number, np.arange(frames), landmarks, np.ones(frames), np.full(frames, 50.0), looks)


def everybody() -> People:
    people = (person_at(0, 300, 90, WHO[0]), person_at(1, 100, 100, WHO[1]), person_at(2, 20, 10, WHO[2]))
    return People(people, 100, (200, 400), Fraction(25))


@pytest.mark.parametrize(("who", "expected"), [("largest", 0), ("left", 1), ("right", 0), (2, 2)])
def test_a_person_is_chosen_by_place_or_number(who: PersonChoice, expected: int) -> None:
    """Whoever only passes by on the left is not the one on the left."""
    assert choose_person(everybody(), who, lambda image: Appearance()).id == expected


def test_a_person_is_chosen_by_a_photograph() -> None:
    looks = Appearance(1, np.zeros(864), 0.2 * WHO[0] + 0.9 * WHO[2])
    photo = np.zeros((8, 8, 3), np.uint8)
    assert choose_person(everybody(), Reference(photo), lambda image: looks).id == 2
    with pytest.raises(InputError, match="nobody in the clip looks like"):
        choose_person(everybody(), Reference(photo), lambda image: Appearance(1, np.zeros(864), WHO[3]))


def test_two_photographs_are_two_requests() -> None:
    """Also where they differ in a pixel that an array's own words leave out."""
    one, other = np.zeros((200, 200, 3), np.uint8), np.zeros((200, 200, 3), np.uint8)
    other[100, 100] = 1
    assert repr(Reference(one)) != repr(Reference(other))
    assert repr(Reference(one)) == repr(Reference(one.copy()))


def test_a_number_that_nobody_has_is_said() -> None:
    with pytest.raises(UsageError, match="no person 3 in this clip; there is 0 to 2"):
        choose_person(everybody(), 3, lambda image: Appearance())


def test_words_to_a_choice() -> None:
    assert person_choice("left") == "left"
    assert person_choice("12") == 12
    photo = np.zeros((4, 4, 3), np.uint8)
    chosen = person_choice("largest", photo)
    assert isinstance(chosen, Reference)
    assert chosen.image is photo
    with pytest.raises(UsageError, match="no person 'tallest'; give largest, left, right or a number"):
        person_choice("tallest")


def test_a_photograph_without_anything_that_compares_faces_is_refused_before_work() -> None:
    source = ArraySource(np.zeros((2, 8, 8, 3), np.uint8), Fraction(25))
    with pytest.raises(UsageError, match="a reference photo needs a pack"):
        track_face(source, None, Reference(np.zeros((8, 8, 3), np.uint8)))  # type: ignore[arg-type]


@pytest.mark.pack
def test_two_people_with_gaps_in_real_footage(shared: Path, mini_recogniser) -> None:
    """The right one is blacked out in frames 40 to 51, the left one from 90 on: an end, and no gap.

    Frames 30 to 99 at half size, for speed; `dva track` says the same of the whole file.
    """
    clip = open_video(shared / "clips" / "two_people_gaps.mp4")
    halves = [np.ascontiguousarray(frame.to_rgb8()[::2, ::2]) for frame in clip.frames(30, 100)]
    people = find_people(ArraySource(np.stack(halves), clip.frame_rate), FaceDetector(), recogniser=mini_recogniser)
    left, right = sorted(people.people, key=lambda person: person.landmarks[0, 0, 0])
    assert len(people.people) == 2
    assert (right.first, right.last, right.gaps) == (0, 69, [(10, 21)])
    assert (left.first, left.last, left.gaps) == (0, 59, [])
    assert left.landmarks[..., 0].max() < 320 < right.landmarks[..., 0].min()
