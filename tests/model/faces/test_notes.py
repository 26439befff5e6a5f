"""A search that is taken up from its notes ends at the same bits, wherever it was broken off."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from faces import face

from dva.model.errors import Interrupted
from dva.model.faces import notes as notes_module
from dva.model.faces.detect import Detection
from dva.model.faces.follow import Follower
from dva.model.faces.notes import Notes
from dva.model.faces.people import People
from dva.model.faces.track import find_people
from dva.model.types import ByteArray, FloatArray
from dva.model.video import ArraySource

FRAMES, CUT = 60, 38


class Scene:
    """Two cross, somebody comes in between two searches, and all are elsewhere after a cut. Counts what it looks at."""

    def __init__(self, end: int = FRAMES) -> None:
        self.looked_at: set[int] = set()
        self._end = end

    def detect(self, image: ByteArray, *, thorough: bool = True) -> list[Detection]:
        t = round(int(image[0, 0, 0]) / 4)
        if t >= self._end:
            raise Interrupted("stop")
        self.looked_at.add(t)
        if t >= CUT:
            return [face(60 + t, 40, 30)]
        people = [face(20 + 3 * t, 50, 30), face(140 - 3 * t, 52 + 0.3 * t, 30)]
        return people + ([face(80, 110 - t, 26)] if t > 14 else [])

    def follow(self, image: ByteArray, landmarks: list[FloatArray]) -> list[Detection | None]:
        found = self.detect(image)
        return [next((f for f in found if np.abs(f.landmarks - p).max() < 8), None) for p in landmarks]


def clip() -> ArraySource:
    """The first pixel counts the frames."""
    shots = np.random.default_rng(0).integers(0, 256, (2, 12, 16, 3), np.uint8).repeat(10, 1).repeat(10, 2)
    images = np.repeat(shots, [CUT, FRAMES - CUT], axis=0)
    images[:, 0, 0] = 4 * np.arange(FRAMES)[:, None]
    return ArraySource(images, Fraction(25))


class Told:
    """A mark that is kept in memory."""

    done = 0

    def advance(self, done: int) -> None:
        self.done = done


def search(scene: Scene, notes: Notes | None = None) -> People:
    return find_people(clip(), scene, notes=notes)  # type: ignore[arg-type]


def bits(people: People) -> list[object]:
    persons = [
        (p.id, p.frames.tobytes(), p.landmarks.tobytes(), p.scores.tobytes(), p.sides.tobytes(), p.appearance.looks,
         p.appearance.colours.tobytes())
        for p in people.people
    ]  # fmt: skip
    return [people.cuts, people.frame_count, persons]


def test_a_follower_goes_on_from_any_frame(tmp_path: Path) -> None:
    """Two of them through one clip, one of which is written down and read again before every frame."""
    source, mark = clip(), Told()
    notes = Notes(tmp_path / "notes.safetensors", mark)
    undisturbed = resumed = Follower(Scene(), 25.0)  # type: ignore[arg-type]
    for index, frame in enumerate(source):
        if index:
            notes.keep(resumed.packed(), index)
        resumed = Follower(Scene(), 25.0)  # type: ignore[arg-type]
        seen, known = notes.recall()
        assert seen == index == mark.done
        if seen:
            resumed.unpack(known, seen, source)
        undisturbed.see(index, frame)
        resumed.see(index, frame)
    one, other = undisturbed.packed(), resumed.packed()
    assert undisturbed.cuts == [CUT]
    assert any(tracklet.crossing for tracklet in undisturbed.tracklets)
    assert one.keys() == other.keys()
    for name, array in one.items():
        np.testing.assert_array_equal(array, other[name], err_msg=name, strict=True)


@pytest.mark.parametrize("end", [9, 30, 59])
def test_a_stopped_search_looks_only_at_what_it_has_not_noted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: int
) -> None:
    monkeypatch.setattr(notes_module, "NOTE_EVERY", 8)
    notes = Notes(tmp_path / "notes.safetensors", Told())
    with pytest.raises(Interrupted):
        search(Scene(end), notes)
    (tmp_path / "notes.safetensors.part").write_bytes(b"half a file")
    again = Scene()
    found = search(again, notes)
    undisturbed = search(Scene())
    assert len(undisturbed.people) > 2
    assert bits(found) == bits(undisturbed)
    assert min(again.looked_at) >= end // 8 * 8 - 9  # somebody new is followed back to the search before
    done = Scene(0)
    assert bits(search(done, notes)) == bits(undisturbed)  # and a search that ended looks at nothing


@pytest.mark.parametrize("content", [b"", b"{}", bytes(4000)])
def test_torn_notes_are_no_notes(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "notes.safetensors").write_bytes(content)
    notes = Notes(tmp_path / "notes.safetensors", Told())
    assert notes.recall() == (0, {})
    assert bits(search(Scene(), notes)) == bits(search(Scene()))
