"""`dva track`: a table, a file that others read, and a picture."""

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from faces import face
from PIL import Image
from tiny import write_tiny_pack

from dva.dva_plugin.cli import main
from dva.dva_plugin.evaluate_clip import read_track
from dva.model.faces.detect import Detection
from dva.model.faces.strip import COLOURS, track_strip
from dva.model.faces.track import face_track, find_people
from dva.model.types import FRAME_STATUS, FaceTrack
from dva.model.video import ArraySource, open_video, write_video

FRAMES, RATE = 60, Fraction(30000, 1001)


class TwoPeople:
    """Sees a large face on the right, away in frames 20 to 25, and a small one on the left until frame 44."""

    def __init__(self, device: object = None) -> None: ...

    def detect(self, image: np.ndarray, *, thorough: bool = True) -> list[Detection]:
        t = round(int(image[:8, :8].mean()) / 4)
        right = [] if 20 <= t <= 25 else [face(230, 90, 60)]
        return right + ([face(60, 90, 40)] if t <= 44 else [])

    def follow(self, image, landmarks):
        found = self.detect(image)
        return [next((f for f in found if np.abs(f.landmarks - p).max() < 10), None) for p in landmarks]


@pytest.fixture
def clip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file whose upper left corner counts the frames; the two heads have colours of their own."""
    monkeypatch.setattr("dva.model.faces.detect.FaceDetector", TwoPeople)
    images = np.full((FRAMES, 180, 320, 3), 90, np.uint8)
    images[:, 40:140, 180:280] = (200, 120, 90)
    images[:, 50:130, 20:100] = (60, 110, 70)
    images[:, :16, :16] = (4 * np.arange(FRAMES))[:, None, None, None]
    source = ArraySource(images, RATE)
    write_video(tmp_path / "clip.mkv", source, source)
    return tmp_path / "clip.mkv"


@pytest.mark.pack
def test_the_table_the_file_and_the_picture_agree(clip: Path, capsys: pytest.CaptureFixture[str]) -> None:
    strip, tracks = clip.with_name("strip.png"), clip.with_name("track.json")
    assert main(["track", str(clip), "--json", str(tracks), "--strip", str(strip), "--device", "cpu"]) == 0
    assert [line.split() for line in capsys.readouterr().out.splitlines()] == [
        ["60", "frames,", "cuts", "at", "none"],
        ["person", "frames", "size", "gaps"],
        ["0", "0-59", "60-60", "px", "20-25"],
        ["1", "0-44", "40-40", "px", "none"],
    ]
    facts = json.loads(tracks.read_text())
    assert facts["format_version"] == 1
    assert facts["frame_rate"] == "30000/1001"
    large, small = facts["people"]
    assert [large[key] for key in ("id", "first", "last", "gaps")] == [0, 0, 59, [[20, 25]]]
    assert [small[key] for key in ("id", "first", "last", "gaps")] == [1, 0, 44, []]
    assert [number for number, quad in enumerate(large["quads"]) if quad is None] == [*range(20, 26)]
    assert len(small["quads"]) == 45
    picture = np.asarray(Image.open(strip))
    for colour in (COLOURS["detected"], COLOURS["interpolated"], COLOURS["missing"]):
        assert (picture == colour).all(axis=-1).any()


@pytest.mark.pack
def test_dva_eval_reads_what_dva_track_wrote(clip: Path) -> None:
    tracks = clip.with_name("track.json")
    assert main(["track", str(clip), "--json", str(tracks), "--device", "cpu"]) == 0
    source = open_video(clip)
    people = find_people(source, TwoPeople())  # type: ignore[arg-type]
    expected = face_track(people, people.people[0]).quads
    expected[20:26] = np.nan
    np.testing.assert_allclose(read_track(tracks, source), expected, atol=1e-3)


@pytest.fixture(scope="module")
def tiny_pack(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_tiny_pack(tmp_path_factory.mktemp("packs") / "tiny"))


def stop_at(monkeypatch: pytest.MonkeyPatch, frame: int) -> list[int]:
    """Ctrl-C, once, when the detector comes to this frame; returns a list of the frames it looks at from then on."""
    detect = TwoPeople.detect
    looks: list[int] = []
    stopped: list[int] = []

    def stopping(self: TwoPeople, image: np.ndarray, **how: bool) -> list[Detection]:
        t = round(int(image[:8, :8].mean()) / 4)
        if stopped:
            looks.append(t)
        elif t == frame:
            stopped.append(t)
            raise KeyboardInterrupt
        return detect(self, image, **how)

    monkeypatch.setattr("dva.model.faces.notes.NOTE_EVERY", 16)
    monkeypatch.setattr(TwoPeople, "detect", stopping)
    return looks


def test_a_stopped_track_goes_on_from_the_faces_it_had_found(
    clip: Path, tiny_pack: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def track(name: str) -> int:
        return main(["track", str(clip), "--json", str(clip.with_name(name)), "--device", "cpu", "--pack", tiny_pack])

    assert track("undisturbed.json") == 0
    looks = stop_at(monkeypatch, 40)
    assert track("track.json") == 130
    assert f"(searched: 32 frames) is kept in {clip.with_name('.track.json.work')}" in capsys.readouterr().err
    assert not clip.with_name("track.json").exists()
    assert track("track.json") == 0
    assert 20 < min(looks) <= 32
    assert max(looks) == 59
    assert clip.with_name("track.json").read_bytes() == clip.with_name("undisturbed.json").read_bytes()
    assert sorted(path.name for path in clip.parent.iterdir()) == ["clip.mkv", "track.json", "undisturbed.json"]


def test_an_edit_of_another_person_after_a_stop_looks_for_nobody_again(
    clip: Path, tiny_pack: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And says where that one was not seen, on the screen and in a file."""

    def edit(name: str, *more: str) -> int:
        given = ["edit", str(clip), "-o", str(clip.with_name(name)), "--attribute", "Eyeglasses=1", "--steps", "2"]
        return main([*given, "--device", "cpu", "--pack", tiny_pack, *more])

    report = clip.with_name("gaps.json")
    assert edit("undisturbed.mkv", "--person", "left") == 0
    monkeypatch.setattr("dva.model.faces.notes.NOTE_EVERY", 16)
    assert edit("out.mkv", "--person", "7") == 2
    said = capsys.readouterr().err
    assert "no person 7 in this clip" in said
    assert "(searched: 60 frames) is kept" in said
    monkeypatch.setattr(TwoPeople, "detect", lambda *_, **__: pytest.fail("looked for faces again"))
    assert edit("out.mkv", "--person", "left", "--gap-report", str(report)) == 0
    told = capsys.readouterr().out
    assert "the face was detected in 45 of 60 frames\npassed through as they are: 45-59\n" in told
    assert json.loads(report.read_text()) == {
        "frames": 60,
        "not_detected": [{"first": 45, "last": 59, "done": "missing"}],
    }
    one, other = (open_video(clip.with_name(name)) for name in ("undisturbed.mkv", "out.mkv"))
    for a, b in zip(one, other, strict=True):
        assert all(np.array_equal(p, q) for p, q in zip(a.planes, b.planes, strict=True))
    assert sorted(path.suffix for path in clip.parent.iterdir()) == [".json", ".mkv", ".mkv", ".mkv"]


@pytest.mark.parametrize("command", ["edit", "track"])
def test_a_report_that_could_not_be_written_is_said_before_any_work(
    clip: Path, command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(TwoPeople, "detect", lambda *_, **__: pytest.fail("looked for faces"))
    nowhere = str(clip.with_name("nowhere") / "report.json")
    out = ["-o", str(clip.with_name("out.mkv")), "--attribute", "Eyeglasses=1", "--gap-report", nowhere]
    assert main([command, str(clip), *(out if command == "edit" else ["--json", nowhere])]) == 4
    assert "which is no folder" in capsys.readouterr().err
    assert [path.name for path in clip.parent.iterdir()] == ["clip.mkv"]


def test_every_gap_shows_in_the_strip_however_long_the_clip() -> None:
    """One frame of 5000 is narrower than a pixel of the bar."""

    frames = 5000
    status = np.zeros(frames, np.uint8)
    status[3141] = FRAME_STATUS.index("interpolated")
    quads = np.tile(np.array([[8.0, 4.0], [8, 20], [24, 20], [24, 4]]), (frames, 1, 1))
    track = FaceTrack(quads, np.zeros((frames, 5, 2)), status, np.ones(frames), (24, 32), Fraction(25))
    source = ArraySource(np.zeros((frames, 24, 32, 3), np.uint8), Fraction(25))
    picture = track_strip(source, [track], 640)
    assert picture.shape[1] == 640
    row = picture[26 + 96 + 8, 44:630]
    at = np.flatnonzero((row == COLOURS["interpolated"]).all(axis=-1))
    assert len(at) == 1
    assert at[0] == pytest.approx(3141 / 5000 * len(row), abs=1)


def test_a_clip_without_a_face_is_one_sentence_and_leaves_no_file(
    clip: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(TwoPeople, "detect", lambda *_, **__: [])
    monkeypatch.setattr("dva.model.faces.notes.NOTE_EVERY", 16)  # notes of nobody are no work to keep
    assert main(["track", str(clip), "--json", str(clip.with_name("t.json")), "--device", "cpu"]) == 4
    assert "no face found in any of the 60 frames of clip.mkv" in capsys.readouterr().err
    assert [file.name for file in clip.parent.iterdir()] == ["clip.mkv"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--person", "tallest"], "no person 'tallest'"),
        (["--max-gap", "-1"], "0 or more"),
        (["--reference", "{clip}"], "cannot be read as a picture"),
    ],
)
def test_a_choice_that_cannot_be_is_said_before_any_work(
    clip: Path, arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    options = [argument.format(clip=clip) for argument in arguments]
    out = clip.with_name("out.mkv")
    assert main(["edit", str(clip), "-o", str(out), "--attribute", "Eyeglasses=1", *options]) in (2, 4)
    assert sentence in capsys.readouterr().err
    assert not out.exists()
