"""`dva edit` hands the options of Paste Back on, and refuses what cannot be."""

import argparse
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny import write_tiny_pack

from dva.dva_plugin.cli import main
from dva.dva_plugin.paste_cli import add_paste_options, paste_settings
from dva.model.faces.settings import PasteSettings
from dva.model.video import ArraySource, open_video, write_video

RATE = Fraction(25)


def read(*words: str) -> PasteSettings:
    parser = argparse.ArgumentParser()
    add_paste_options(parser)
    return paste_settings(parser.parse_args(words))


def test_what_is_not_said_is_the_default() -> None:
    assert read() == PasteSettings()
    assert read("--detail", "replace", "--feather", "0.2", "--colour-match") == PasteSettings("replace", 0.2, True)


@pytest.fixture(scope="module")
def portrait(tmp_path_factory: pytest.TempPathFactory) -> Path:
    photo = pytest.importorskip("skimage.data").astronaut()
    clip = ArraySource(np.stack([photo[:240, 90:390]] * 2), RATE)
    path = tmp_path_factory.mktemp("clips") / "portrait.mkv"
    write_video(path, clip, clip)
    return path


def test_what_is_in_front_stays_and_the_rest_is_edited(portrait: Path, tmp_path: Path) -> None:
    """A left half painted white, once for all frames."""
    mask = np.zeros((240, 300), np.uint8)
    mask[:, :150] = 255
    Image.fromarray(mask).save(tmp_path / "mask.png")
    pack = str(write_tiny_pack(tmp_path / "tiny"))
    base = ["edit", str(portrait), "--attribute", "Gray_Hair=2", "--pack", pack, "--code", str(tmp_path / "clip.dva")]
    for name, options in (
        ("free", []),
        ("half", ["--occlusion", str(tmp_path / "mask.png")]),
        ("replaced", ["--detail", "replace", "--feather", "0", "--colour-match"]),
    ):
        assert main([*base, "-o", str(tmp_path / f"{name}.mkv"), *options]) == 0
    source, free, half, replaced = (
        np.stack([frame.to_rgb8() for frame in open_video(path)])
        for path in (portrait, *(tmp_path / f"{name}.mkv" for name in ("free", "half", "replaced")))
    )
    assert np.array_equal(half[:, :, :150], source[:, :, :150])
    assert np.array_equal(half[:, :, 150:], free[:, :, 150:])
    assert not np.array_equal(free[:, :, :150], source[:, :, :150])
    assert not np.array_equal(replaced, free)


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (["--detail", "sharp"], 2, "--detail"),
        (["--feather", "0.7"], 2, "feather is a part of the crop's side"),
        (["--occlusion", "nowhere.png"], 4, "nowhere.png"),
    ],
)
def test_a_wrong_option_is_refused_before_any_work(
    options: list[str], code: int, words: str, portrait: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "out.mkv"
    base = ["edit", str(portrait), "-o", str(target), "--attribute", "Blond_Hair=1"]
    assert main([*base, *options]) == code
    assert words in capsys.readouterr().err
    assert not target.exists()
