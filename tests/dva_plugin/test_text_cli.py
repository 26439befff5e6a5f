"""`dva edit --text`, from a clip file to a clip file, and what it says when it cannot."""

import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from small_clip import WORDS, write_small_clip
from tiny import write_tiny_pack

from dva.dva_plugin.cli import main
from dva.dva_plugin.packs import open_pack
from dva.model.editing.direction_file import load_direction, save_direction
from dva.model.packs.text import add_text
from dva.model.video import ArraySource, open_video, write_video

pytest.importorskip("open_clip")
RATE = Fraction(24)
FRAMES = 3


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = write_tiny_pack(tmp_path_factory.mktemp("packs") / "tiny")
    add_text(folder, write_small_clip(folder.parent / "clip.safetensors"))
    return str(folder)


@pytest.fixture(scope="module")
def portrait(tmp_path_factory: pytest.TempPathFactory) -> Path:
    photo = pytest.importorskip("skimage.data").astronaut()[:241, 90:391]
    clip = ArraySource(np.stack([photo] * FRAMES), RATE)
    path = tmp_path_factory.mktemp("clips") / "portrait.mkv"
    write_video(path, clip, clip)
    return path


@pytest.fixture(autouse=True)
def directions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DVA_DIRECTIONS", str(tmp_path / "directions"))
    return tmp_path / "directions"


def first_planes(path: Path) -> list[np.ndarray]:
    return [frame.planes[0] for frame in open_video(path)]


def test_a_text_is_searched_once_and_edits_as_its_strength_and_curve_say(
    pack: str, portrait: Path, tmp_path: Path, directions: Path, monkeypatch: pytest.MonkeyPatch
):
    kept = ["--code", str(tmp_path / "portrait.dva"), "--pack", pack, "--device", "cpu", "--iterations", "4"]
    text = ["--text", "face with eyeglasses", "--keep-direction", str(tmp_path / "d.safetensors")]
    watch = ["--watch", str(tmp_path / "watch")]
    assert main(["edit", str(portrait), "-o", str(tmp_path / "a.mkv"), *text, *watch, *kept, "--strength", "0"]) == 0
    source = first_planes(portrait)
    assert all(np.array_equal(x, y) for x, y in zip(source, first_planes(tmp_path / "a.mkv"), strict=True))
    lines = (tmp_path / "watch" / "losses.csv").read_text().splitlines()
    assert lines[0] == "iteration,total,clip,id,l1,score"
    assert len(lines) == 5
    [file] = directions.iterdir()
    # four iterations move such a small network by nothing that eight bits could hold
    found = load_direction(file)
    save_direction(replace(found, step=3 * torch.nn.functional.normalize(found.step, dim=0)), file)
    monkeypatch.setattr("dva.model.editing.text.find_direction", lambda *_: pytest.fail("searched again"))
    curved = ["--strength", "2", "--curve", "0:0, 2:1"]
    assert main(["edit", str(portrait), "-o", str(tmp_path / "b.mkv"), *text, *curved, *kept]) == 0
    edited = first_planes(tmp_path / "b.mkv")
    assert [np.array_equal(x, y) for x, y in zip(source, edited, strict=True)] == [True, False, False]
    again = ["--direction", f"{tmp_path / 'd.safetensors'}=2", "--curve", "0:0, 2:1"]
    assert main(["edit", str(portrait), "-o", str(tmp_path / "c.mkv"), *again, *kept]) == 0
    assert all(np.array_equal(x, y) for x, y in zip(edited, first_planes(tmp_path / "c.mkv"), strict=True))
    both = ["--attribute", "Gray_Hair=1", *again]
    assert main(["edit", str(portrait), "-o", str(tmp_path / "d.mkv"), *both, *kept]) == 0
    assert not np.array_equal(edited[2], first_planes(tmp_path / "d.mkv")[2])


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        ([], 2, "nothing to edit"),
        (["--text", ""], 2, "needs words"),
        (["--text", "face"], 2, "both 'face'"),
        (["--text", "zebra"], 2, "knows no word of 'zebra'; it knows a, and, beard"),
        (["--text", "face with a beard", "--strength", "1", "--strength", "2"], 2, "2 times for 1 texts"),
        (["--text", "face with a beard", "--strength", "99"], 2, "must lie within -10 and 10"),
        (["--text", "face with a beard", "--curve", "now"], 2, "keyframes are pairs"),
        (["--text", "face with a beard", "--iterations", "0"], 2, "iterations must lie between"),
        (["--text", "face with a beard", "--clip", "ViT-B-17/openai"], 2, "no architecture"),
        (["--direction", "nothing.safetensors=1"], 3, "cannot be read as a direction"),
        (["--direction", "a=b"], 2, "is not FILE=STRENGTH"),
    ],
)
def test_what_cannot_be_done_is_said_before_the_clip_is_read(
    pack: str, portrait: Path, tmp_path: Path, capsys, options: list[str], code: int, words: str
):
    assert main(["edit", str(portrait), "-o", str(tmp_path / "out.mkv"), "--pack", pack, *options]) == code
    assert words in capsys.readouterr().err
    assert not (tmp_path / "out.mkv").exists()


def test_a_word_that_is_not_known_is_named(pack: str, portrait: Path, tmp_path: Path, capsys):
    arguments = ["edit", str(portrait), "-o", str(tmp_path / "out.mkv"), "--pack", pack, "--iterations", "1"]
    assert main([*arguments, "--text", "face with monocle"]) == 0
    assert "has not learned monocle" in capsys.readouterr().out


def test_the_words_are_listed(pack: str, capsys):
    assert main(["clip", "words", "--pack", pack]) == 0
    assert f"knows {len(WORDS)} words: a, and, beard" in capsys.readouterr().out


def test_a_packs_clip_changes_none_of_its_codes(tmp_path: Path):
    folder = write_tiny_pack(tmp_path / "tiny")
    without = open_pack(str(folder))
    add_text(folder, write_small_clip(tmp_path / "clip.safetensors"))
    pack = open_pack(str(folder))
    assert pack.hash == without.hash
    assert pack.text_file == folder / "text.safetensors"
    assert without.text_file is None
    assert set(json.loads((folder / "pack.json").read_text())["files"]) >= {"text.safetensors", "denoiser.safetensors"}


def test_a_damaged_clip_is_found_when_it_is_used(tmp_path: Path, portrait: Path, capsys):
    folder = write_tiny_pack(tmp_path / "tiny")
    add_text(folder, write_small_clip(tmp_path / "clip.safetensors"))
    write_small_clip(folder / "text.safetensors", seed=1)
    arguments = ["edit", str(portrait), "-o", str(tmp_path / "out.mkv"), "--pack", str(folder)]
    assert main([*arguments, "--text", "face with a beard"]) == 3
    assert "text.safetensors is damaged" in capsys.readouterr().err
