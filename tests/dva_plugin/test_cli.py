import shutil
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import SIDE, write_tiny_pack

from dva.dva_plugin.cli import main
from dva.dva_plugin.packs import open_pack
from dva.model.faces.align import crop_from_frame_matrix, transform
from dva.model.faces.detect import FaceDetector
from dva.model.faces.track import track_face
from dva.model.video import ArraySource, open_video, write_video

RATE = Fraction(24000, 1001)
FRAMES = 6


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_tiny_pack(tmp_path_factory.mktemp("packs") / "tiny"))


@pytest.fixture(scope="module")
def portrait(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A face that drifts, then a frame in which there is none."""
    photo = pytest.importorskip("skimage.data").astronaut()
    frames = [photo[4 * i : 4 * i + 241, 90 + 3 * i : 90 + 3 * i + 301] for i in range(FRAMES)]
    frames.append(np.full_like(frames[0], 90))
    clip = ArraySource(np.stack(frames), RATE)
    path = tmp_path_factory.mktemp("clips") / "portrait.mkv"
    write_video(path, clip, clip)
    return path


def planes(path: Path) -> list[tuple[np.ndarray, ...]]:
    return [frame.planes for frame in open_video(path)]


def test_strength_zero_gives_back_every_sample(pack: str, portrait: Path, tmp_path: Path):
    out = tmp_path / "same.mkv"
    assert main(["edit", str(portrait), "-o", str(out), "--attribute", "Eyeglasses=0", "--pack", pack]) == 0
    before, after = planes(portrait), planes(out)
    assert len(before) == len(after) == FRAMES + 1
    assert all(np.array_equal(a, b) for x, y in zip(before, after, strict=True) for a, b in zip(x, y, strict=True))


def test_an_edit_changes_the_face_and_nothing_outside_the_crop(pack: str, portrait: Path, tmp_path: Path, capsys):
    out = tmp_path / "edited.mkv"
    arguments = ["edit", str(portrait), "-o", str(out), "--attribute", "Gray_Hair=2", "--pack", pack, "--steps", "10"]
    assert main([*arguments, "--device", "cpu", "--seed", "3", "--person", "largest"]) == 0
    told = capsys.readouterr().out
    assert f"the face was detected in {FRAMES} of {FRAMES + 1} frames\npassed through as they are: {FRAMES}\n" in told
    source, edited = open_video(portrait), open_video(out)
    assert edited.frame_rate == RATE
    assert edited.size == source.size
    track = track_face(source, FaceDetector("cpu"))
    ys, xs = np.mgrid[: source.size[0], : source.size[1]]
    points = np.stack([xs, ys], -1).reshape(-1, 2).astype(float)
    for i, (a, b) in enumerate(zip(source, edited, strict=True)):
        changed = np.any([p != q for p, q in zip(a.planes, b.planes, strict=True)], axis=0)
        if i == FRAMES:
            assert not changed.any()
            continue
        assert changed.any()
        inside = transform(crop_from_frame_matrix(track.quads[i], SIDE), points).reshape(*source.size, 2)
        beyond = ((inside < -0.5) | (inside > SIDE - 0.5)).any(-1)
        assert not (changed & beyond).any()


def test_the_same_request_gives_the_same_samples(pack: str, portrait: Path, tmp_path: Path):
    for name in ("a.mkv", "b.mkv"):
        arguments = ["edit", str(portrait), "-o", str(tmp_path / name), "--attribute", "Eyeglasses=1", "--pack", pack]
        assert main(arguments) == 0
    for x, y in zip(planes(tmp_path / "a.mkv"), planes(tmp_path / "b.mkv"), strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(x, y, strict=True))


def test_a_kept_code_gives_the_same_edit_without_looking_for_the_face_again(
    pack: str, portrait: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def edit(name: str) -> Path:
        kept = ["--code", str(tmp_path / "portrait.dva")]
        arguments = ["edit", str(portrait), "-o", str(tmp_path / name), "--attribute", "Gray_Hair=2", "--pack", pack]
        assert main([*arguments, *kept]) == 0
        return tmp_path / name

    first = edit("first.mkv")
    monkeypatch.setattr("dva.dva_plugin.jobs.track_source", lambda *_, **__: pytest.fail("looked for the face again"))
    for x, y in zip(planes(first), planes(edit("second.mkv")), strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(x, y, strict=True))


def test_a_code_of_another_clip_is_refused(pack: str, portrait: Path, tmp_path: Path, capsys):
    other = ArraySource(np.zeros((2, 64, 64, 3), np.uint8), RATE)
    write_video(tmp_path / "other.mkv", other, other)
    code = tmp_path / "portrait.dva"
    base = ["--attribute", "Gray_Hair=2", "--pack", pack, "--code", str(code)]
    assert main(["edit", str(portrait), "-o", str(tmp_path / "a.mkv"), *base]) == 0
    assert main(["edit", str(tmp_path / "other.mkv"), "-o", str(tmp_path / "b.mkv"), *base]) == 2
    assert "was made from portrait.mkv" in capsys.readouterr().err
    assert not (tmp_path / "b.mkv").exists()


def test_a_clip_without_a_face_ends_with_exit_code_4_and_writes_nothing(pack: str, tmp_path: Path, capsys):
    empty = ArraySource(np.full((3, 64, 64, 3), 120, np.uint8), RATE)
    write_video(tmp_path / "empty.mkv", empty, empty)
    out = tmp_path / "out.mkv"
    assert (
        main(["edit", str(tmp_path / "empty.mkv"), "-o", str(out), "--attribute", "Eyeglasses=1", "--pack", pack]) == 4
    )
    assert "no face found" in capsys.readouterr().err
    assert sorted(p.name for p in tmp_path.iterdir()) == ["empty.mkv"]


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        (["--attribute", "Mustach=1"], 2, "no attribute 'Mustach'"),
        (["--attribute", "Eyeglasses"], 2, "is not NAME=STRENGTH"),
        (["--attribute", "Eyeglasses=lots"], 2, "is not NAME=STRENGTH"),
        (["--attribute", "Eyeglasses=nan"], 2, "must lie within"),
        (["--attribute", "Eyeglasses=1", "--steps", "0"], 2, "steps must lie between"),
        (["--attribute", "Eyeglasses=1", "--guidance", "-1"], 2, "guidance must lie between 0 and 4"),
        (["--attribute", "Eyeglasses=1", "--guidance", "nan"], 2, "guidance must lie between 0 and 4"),
        (["--attribute", "Eyeglasses=1", "--steps", "many"], 2, "invalid int value"),
        (["--attribute", "Eyeglasses=1", "--seed", "-1"], 2, "is not a whole number"),
        (["--attribute", "Eyeglasses=1", "--seed", "9" * 30], 2, "is not a whole number"),
        (["--attribute", "Eyeglasses=1", "--colour", "red"], 2, "unrecognized arguments"),
        (["--attribute", "Eyeglasses=1", "--device", "abacus"], 2, "abacus"),
        (["--attribute", "Eyeglasses=1", "--pack", "../elsewhere"], 2, "cannot be a pack's name"),
        (["--attribute", "Eyeglasses=1", "--pack", "nobody"], 3, "no pack 'nobody'"),
        ([], 2, "--attribute"),
    ],
)
def test_a_bad_request_is_one_sentence_and_leaves_nothing(
    pack: str, portrait: Path, tmp_path: Path, capsys, change: list[str], code: int, words: str
):
    base = ["edit", str(portrait), "-o", str(tmp_path / "out.mkv"), "--pack", pack]
    assert main([*base, *change]) == code
    told = capsys.readouterr().err
    said = [line for line in told.replace("\r", "\n").splitlines() if line.startswith("dva: ")]
    assert len(said) == 1
    assert words in said[0]
    assert "Traceback" not in told
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("source", "target"), [("nowhere.mp4", "out.mkv"), (".", "out.mkv"), (None, "nowhere/out.mkv")]
)
def test_files_that_cannot_be_read_or_written_are_named(
    pack: str, portrait: Path, tmp_path: Path, capsys, source, target
):
    path = str(portrait) if source is None else str(tmp_path / source)
    code = main(["edit", path, "-o", str(tmp_path / target), "--attribute", "Eyeglasses=1", "--pack", pack])
    assert code in (2, 4)
    assert capsys.readouterr().err.count("dva: ") == 1
    assert not list(tmp_path.iterdir())


def test_the_source_is_never_overwritten(pack: str, portrait: Path):
    before = portrait.read_bytes()
    assert main(["edit", str(portrait), "-o", str(portrait), "--attribute", "Eyeglasses=1", "--pack", pack]) == 2
    assert portrait.read_bytes() == before


def test_stopping_midway_leaves_no_file_and_says_what_is_kept(
    pack: str, portrait: Path, tmp_path: Path, monkeypatch, capsys
):
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("dva.model.faces.clip.paste", stop)
    out = tmp_path / "out.mkv"
    assert main(["edit", str(portrait), "-o", str(out), "--attribute", "Gray_Hair=2", "--pack", pack]) == 130
    assert "dva: stopped; what was done (decoded: 6 frames) is kept in" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == [".out.mkv.work"]


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (PermissionError(13, "Permission denied", "/locked"), (4, "/locked: Permission denied")),
        (MemoryError(), (5, "too little memory")),
        (ModuleNotFoundError("No module named 'av'", name="av"), (1, "No module named 'av'")),
        (torch.cuda.OutOfMemoryError("2 GiB wanted"), (5, "too little memory")),
    ],
)
def test_what_the_system_reports_is_one_sentence(
    pack: str, portrait: Path, tmp_path: Path, monkeypatch, capsys, error: Exception, told: tuple[int, str]
):
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("dva.dva_plugin.jobs.track_source", fail)
    out = tmp_path / "out.mkv"
    assert main(["edit", str(portrait), "-o", str(out), "--attribute", "Gray_Hair=2", "--pack", pack]) == told[0]
    assert told[1] in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_folder_called_like_an_installed_pack_does_not_pass_for_it(pack: str, tmp_path: Path, monkeypatch):
    shutil.copytree(pack, tmp_path / "packs" / "mine")
    write_tiny_pack(tmp_path / "mine", name="impostor")
    monkeypatch.setenv("DVA_PACKS", str(tmp_path / "packs"))
    monkeypatch.chdir(tmp_path)
    assert open_pack("mine").spec.name == "tiny"


def test_attributes_and_version_are_told(pack: str, capsys):
    assert main(["attributes", "--pack", pack]) == 0
    told = capsys.readouterr().out
    assert "Eyeglasses" in told
    assert "Gray_Hair" in told
    with pytest.raises(SystemExit) as end:
        main(["--version"])
    assert end.value.code == 0
    assert capsys.readouterr().out.startswith("dva 0.")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no polite kill")
def test_a_polite_kill_leaves_no_file_and_keeps_the_work(pack: str, portrait: Path, tmp_path: Path):
    arguments = ["edit", str(portrait), "-o", str(tmp_path / "out.mkv"), "--attribute", "Gray_Hair=2", "--pack", pack]
    process = subprocess.Popen(
        [sys.executable, "-m", "dva", *arguments, "--steps", "1000"], stderr=subprocess.PIPE, cwd=tmp_path
    )
    assert process.stderr is not None
    told = b""
    while b"encode" not in told:
        piece = process.stderr.read1()
        assert piece, told
        told += piece
    process.terminate()
    rest = process.communicate()[1]
    assert process.returncode == 130
    assert b"dva: stopped; what was done (aligned: 7 frames) is kept in" in rest
    assert [path.name for path in tmp_path.iterdir()] == [".out.mkv.work"]
