"""Formats through the command line: what is asked for is what libav finds in the files."""

import argparse
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from tiny import write_tiny_pack

from dva.dva_plugin.cli import main
from dva.dva_plugin.video_options import frame_rate
from dva.model.video import ArraySource, write_video

FRAMES = 3


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_tiny_pack(tmp_path_factory.mktemp("packs") / "tiny"))


@pytest.fixture(scope="module")
def plates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A face that drifts, as 16-bit pictures whose lowest bits are noise."""
    photo = pytest.importorskip("skimage.data").astronaut()
    crops = np.stack([photo[4 * i : 4 * i + 241, 90 + 3 * i : 90 + 3 * i + 301] for i in range(FRAMES)])
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, crops.shape)
    clip = ArraySource(((crops + noise) / 255).clip(0, 1).astype(np.float32), Fraction(24))
    folder = tmp_path_factory.mktemp("clips") / "plates"
    write_video(folder / "%04d.png", clip, clip)
    return folder


def codes(path: Path) -> np.ndarray:
    with av.open(str(path)) as container:
        picture = next(container.decode(video=0))
        assert picture.format.name == "rgb48be"
        return np.frombuffer(picture.planes[0], ">u2").reshape(picture.height, -1)[:, : 3 * picture.width].astype(int)


@pytest.mark.parametrize("strength", [0, 2])
def test_pictures_of_16_bits_keep_every_code_that_is_not_edited(
    pack: str, plates: Path, tmp_path: Path, strength: int
) -> None:
    target = tmp_path / "out" / "edit.%04d.png"
    arguments = ["edit", str(plates), "-o", str(target), "--attribute", f"Gray_Hair={strength}", "--pack", pack]
    assert main([*arguments, "--steps", "4"]) == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [f"edit.{n:04d}.png" for n in range(FRAMES)]
    for number in range(FRAMES):
        change = codes(tmp_path / "out" / f"edit.{number:04d}.png") - codes(plates / f"{number:04d}.png")
        assert (change != 0).any() == (strength != 0)
        assert (change == 0).mean() > 0.2


def test_the_rate_of_pictures_reaches_the_file(pack: str, plates: Path, tmp_path: Path) -> None:
    base = ["edit", str(plates / "%04d.png"), "--attribute", "Gray_Hair=0", "--pack", pack, "--steps", "4"]
    code = ["--code", str(tmp_path / "plates.dva")]
    for rate, fraction in [("23.976", "24000/1001"), ("25", "25")]:
        assert main([*base, *code, "-o", str(tmp_path / "out.mov"), "--codec", "prores", "--frame-rate", rate]) == 0
        with av.open(str(tmp_path / "out.mov")) as container:
            stream = container.streams.video[0]
            assert (stream.average_rate, stream.frames) == (Fraction(fraction), FRAMES)
            assert (stream.codec_context.name, stream.codec_context.profile) == ("prores", "4444")


@pytest.mark.parametrize(
    ("text", "rate"), [("24", "24"), ("12.5", "25/2"), ("30000/1001", "30000/1001"), ("29.97", "30000/1001")]
)
def test_rates_are_exact(text: str, rate: str) -> None:
    assert frame_rate(text) == Fraction(rate)


@pytest.mark.parametrize("text", ["0", "-24", "1/0", "many", "nan", "inf", "1e9"])
def test_what_is_no_rate_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="is no frame rate"):
        frame_rate(text)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["-o", "out.mp4", "--codec", "prores"], "prores video does not go into .mp4; name the file .mov or .mkv"),
        (["-o", "out/still.png"], "a place for their number"),
        (["-o", "out.mp4", "--frame-rate", "0"], "is no frame rate"),
        (["-o", "out.mp4", "--codec", "vp9"], "invalid choice"),
    ],
)
def test_a_bad_wish_is_one_sentence(
    pack: str, plates: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
    options: list[str], words: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert main(["edit", str(plates), "--attribute", "Gray_Hair=0", "--pack", pack, *options]) == 2
    assert words in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
