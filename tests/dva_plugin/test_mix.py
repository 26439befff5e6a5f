from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from tiny import SIDE, write_tiny_pack

from dva.dva_plugin.cli import main
from dva.model.faces.align import crop_from_frame_matrix, transform
from dva.model.faces.detect import FaceDetector
from dva.model.faces.track import track_face
from dva.model.video import ArraySource, open_video, write_video

RATE = Fraction(25)
FRAMES = 4


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_tiny_pack(tmp_path_factory.mktemp("packs") / "tiny"))


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A face, the same face in mirror image for one frame longer, and the face for two frames."""
    photo = pytest.importorskip("skimage.data").astronaut()
    frames = np.stack([photo[4 * i : 4 * i + 241, 90 + 3 * i : 90 + 3 * i + 301] for i in range(FRAMES + 1)])
    folder = tmp_path_factory.mktemp("clips")
    made = {"face": frames[:FRAMES], "mirror": frames[:, :, ::-1], "short": frames[:2]}
    for name, pictures in made.items():
        clip = ArraySource(np.ascontiguousarray(pictures), RATE)
        write_video(folder / f"{name}.mkv", clip, clip)
    return {name: folder / f"{name}.mkv" for name in made}


def mixed(pack: str, clip: Path, out: Path, *options: object) -> list[np.ndarray]:
    """[H, W, 3] of every frame that the command wrote."""
    arguments = ["mix", clip, "-o", out, "--pack", pack, "--steps", 4, "--device", "cpu", *options]
    assert main([str(argument) for argument in arguments]) == 0
    return [frame.to_rgb8() for frame in open_video(out)]


def test_a_mix_changes_the_face_and_nothing_outside_the_crop(pack: str, clips: dict[str, Path], tmp_path: Path):
    after = mixed(pack, clips["face"], tmp_path / "out.mkv", "--identity", clips["short"], "--motion", clips["mirror"])
    source = open_video(clips["face"])
    track = track_face(source, FaceDetector("cpu"))
    ys, xs = np.mgrid[: source.size[0], : source.size[1]]
    points = np.stack([xs, ys], -1).reshape(-1, 2).astype(float)
    assert len(after) == FRAMES
    for i, (frame, picture) in enumerate(zip(source, after, strict=True)):
        changed = (frame.to_rgb8() != picture).any(-1)
        inside = transform(crop_from_frame_matrix(track.quads[i], SIDE), points).reshape(*source.size, 2)
        beyond = ((inside < -0.5) | (inside > SIDE - 0.5)).any(-1)
        assert changed.any()
        assert not (changed & beyond).any()


def test_the_seed_decides_the_gaussian_noise(pack: str, clips: dict[str, Path], tmp_path: Path):
    noise = ("--noise", "gaussian", "--seed")
    once = mixed(pack, clips["short"], tmp_path / "once.mkv", *noise, 1)
    again = mixed(pack, clips["short"], tmp_path / "again.mkv", *noise, 1)
    other = mixed(pack, clips["short"], tmp_path / "other.mkv", *noise, 2)
    assert all(np.array_equal(a, b) for a, b in zip(once, again, strict=True))
    assert not np.array_equal(once[0], other[0])


def test_a_kept_code_gives_what_its_clip_gives(pack: str, clips: dict[str, Path], tmp_path: Path):
    code = tmp_path / "mirror.dva"
    edit = ["edit", clips["mirror"], "-o", tmp_path / "edit.mkv", "--attribute", "Eyeglasses=0", "--steps", 4]
    assert main([str(argument) for argument in (*edit, "--pack", pack, "--code", code)]) == 0
    by_clip = mixed(pack, clips["short"], tmp_path / "clip.mkv", "--noise", clips["mirror"])
    by_code = mixed(pack, clips["short"], tmp_path / "code.mkv", "--noise", code)
    assert all(np.array_equal(a, b) for a, b in zip(by_clip, by_code, strict=True))


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        ([], 2, "nothing to exchange"),
        (["--motion", "short"], 2, "too few to give its motion to a clip of 4"),
        (["--noise", "short"], 2, "too few to give its noise"),
        (["--identity", "nowhere.mkv"], 4, "nowhere.mkv"),
        (["--identity", "nowhere.dva"], 3, "nowhere.dva"),
        (["--identity", "mirror", "--steps", "1"], 2, "steps must lie between"),
    ],
)
def test_a_bad_request_is_one_sentence_and_leaves_nothing(
    pack: str, clips: dict[str, Path], tmp_path: Path, capsys, options: list[str], code: int, words: str
):
    named = [str(clips.get(option, option)) for option in options]
    assert main(["mix", str(clips["face"]), "-o", str(tmp_path / "out.mkv"), "--pack", pack, *named]) == code
    told = [line for line in capsys.readouterr().err.splitlines() if line.startswith("dva: ")]
    assert len(told) == 1
    assert words in told[0]
    assert not list(tmp_path.iterdir())


def test_no_source_is_overwritten(pack: str, clips: dict[str, Path]):
    before = clips["mirror"].read_bytes()
    where = ["-o", str(clips["mirror"]), "--identity", str(clips["mirror"]), "--pack", pack]
    assert main(["mix", str(clips["face"]), *where]) == 2
    assert clips["mirror"].read_bytes() == before
