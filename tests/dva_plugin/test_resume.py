"""A run that was killed goes on, and gives what an undisturbed one gives."""

import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from tiny import write_tiny_pack

from dva.dva_plugin import jobs
from dva.dva_plugin.cli import main
from dva.dva_plugin.worklog import Workspace
from dva.model.autoencoder import Autoencoder
from dva.model.errors import InputError, UsageError
from dva.model.types import FRAME_STATUS, FaceTrack
from dva.model.video import ArraySource, open_video, write_video

FRAMES = 6
RATE = Fraction(24)


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_tiny_pack(tmp_path_factory.mktemp("packs") / "tiny"))


@pytest.fixture
def clip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Noise in which somebody is known to be: looking for faces is not what is tested here."""
    pictures = np.random.default_rng(0).integers(0, 256, (FRAMES, 48, 64, 3), dtype=np.uint8)
    frames = ArraySource(pictures, RATE)
    write_video(tmp_path / "clip.mkv", frames, frames)
    status = np.zeros(FRAMES, np.uint8)
    status[2] = FRAME_STATUS.index("missing")
    quads = np.tile(np.array([[8, 4], [8, 40], [44, 40], [44, 4]], float), (FRAMES, 1, 1))
    track = FaceTrack(quads, np.zeros((FRAMES, 5, 2)), status, np.ones(FRAMES), (48, 64), RATE)
    monkeypatch.setattr(jobs, "track_source", lambda *_: track)
    make = Autoencoder.__init__

    def small_chunks(self: Autoencoder, *given: object) -> None:
        make(self, *given)  # type: ignore[arg-type]
        self.chunk = 2

    monkeypatch.setattr(Autoencoder, "__init__", small_chunks)
    return tmp_path / "clip.mkv"


def edit(pack: str, clip: Path, out: Path, *more: object, attribute: str = "Gray_Hair=2") -> int:
    given = ["edit", clip, "-o", out, "--attribute", attribute, "--pack", pack, "--device", "cpu", "--steps", 4, *more]
    return main([str(word) for word in given])


def samples(path: Path) -> list[bytes]:
    return [plane.tobytes() for frame in open_video(path) for plane in frame.planes]


def stop_after(monkeypatch: pytest.MonkeyPatch, method: str, chunks: int) -> None:
    """Ctrl-C, once, when so many chunks came from a stage of the autoencoder."""
    stage = getattr(Autoencoder, method)

    def stopping(*given: object):
        for count, part in enumerate(stage(*given), start=1):
            yield part
            if count == chunks:
                monkeypatch.setattr(Autoencoder, method, stage)
                raise KeyboardInterrupt

    monkeypatch.setattr(Autoencoder, method, stopping)


def not_again(*_: object) -> None:
    pytest.fail("did again what was kept")


@pytest.mark.parametrize("method", ["encoded", "decoded"])
def test_a_stopped_edit_says_what_is_kept_and_goes_on_to_the_same_frames(
    pack: str, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys, method: str
):
    assert edit(pack, clip, tmp_path / "undisturbed.mkv") == 0
    out = tmp_path / "out.mkv"
    stop_after(monkeypatch, method, 2)
    assert edit(pack, clip, out) == 130
    told = capsys.readouterr().err
    assert f"({method}: 4 frames) is kept in {tmp_path / '.out.mkv.work'}" in told
    assert "the same command goes on from there" in told
    assert not out.exists()
    monkeypatch.setattr(jobs, "track_source", not_again)
    assert edit(pack, clip, out) == 0
    assert samples(out) == samples(tmp_path / "undisturbed.mkv")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clip.mkv", "out.mkv", "undisturbed.mkv"]


def test_an_edit_that_stopped_while_writing_evaluates_no_network_again(
    pack: str, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def full(*_: object) -> None:
        raise InputError("the disk is full")

    assert edit(pack, clip, tmp_path / "undisturbed.mkv") == 0
    with monkeypatch.context() as patch:
        patch.setattr("dva.model.faces.clip.paste", full)
        assert edit(pack, clip, tmp_path / "out.mkv") == 4
    monkeypatch.setattr(Autoencoder, "predictor", not_again)
    assert edit(pack, clip, tmp_path / "out.mkv") == 0
    assert samples(tmp_path / "out.mkv") == samples(tmp_path / "undisturbed.mkv")


def test_another_strength_takes_the_code_and_other_steps_do_not(
    pack: str, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    out = tmp_path / "out.mkv"
    assert edit(pack, clip, tmp_path / "undisturbed.mkv", attribute="Gray_Hair=-1") == 0
    stop_after(monkeypatch, "decoded", 1)
    assert edit(pack, clip, out) == 130
    with monkeypatch.context() as patch:
        patch.setattr(jobs, "track_source", not_again)
        patch.setattr(Autoencoder, "encoded", not_again)
        assert edit(pack, clip, out, attribute="Gray_Hair=-1") == 0
    assert samples(out) == samples(tmp_path / "undisturbed.mkv")
    stop_after(monkeypatch, "decoded", 1)
    assert edit(pack, clip, out) == 130
    tracked: list[object] = []
    track = jobs.track_source
    monkeypatch.setattr(jobs, "track_source", lambda *given: (tracked.append(given), track(*given))[1])
    assert edit(pack, clip, out, "--steps", 6) == 0
    assert len(tracked) == 1


def test_other_footage_under_the_same_name_is_encoded_anew(
    pack: str, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    out = tmp_path / "out.mkv"
    stop_after(monkeypatch, "decoded", 1)
    assert edit(pack, clip, out) == 130
    other = ArraySource(np.random.default_rng(1).integers(0, 256, (FRAMES, 48, 64, 3), dtype=np.uint8), RATE)
    write_video(clip, other, other)
    assert edit(pack, clip, out) == 0
    assert edit(pack, clip, tmp_path / "undisturbed.mkv") == 0
    assert samples(out) == samples(tmp_path / "undisturbed.mkv")


def test_a_kept_code_is_whole_though_the_run_was_stopped_after_it(
    pack: str, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    kept = tmp_path / "clip.dva"
    stop_after(monkeypatch, "encoded", 1)
    assert edit(pack, clip, tmp_path / "out.mkv", "--code", kept) == 130
    assert not kept.exists()
    stop_after(monkeypatch, "decoded", 1)
    assert edit(pack, clip, tmp_path / "out.mkv", "--code", kept) == 130
    monkeypatch.setattr(Autoencoder, "encoded", not_again)
    assert edit(pack, clip, tmp_path / "out.mkv", "--code", kept) == 0
    assert edit(pack, clip, tmp_path / "again.mkv", "--code", kept) == 0
    assert samples(tmp_path / "out.mkv") == samples(tmp_path / "again.mkv")


def test_a_torn_file_in_the_work_is_thrown_away(pack: str, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    assert edit(pack, clip, tmp_path / "undisturbed.mkv") == 0
    stop_after(monkeypatch, "decoded", 1)
    assert edit(pack, clip, tmp_path / "out.mkv") == 130
    (code,) = (tmp_path / ".out.mkv.work").glob("code-*/code.dva")
    data = bytearray(code.read_bytes())
    data[-50] ^= 1
    code.write_bytes(data)
    assert edit(pack, clip, tmp_path / "out.mkv") == 0
    assert samples(tmp_path / "out.mkv") == samples(tmp_path / "undisturbed.mkv")


def test_a_stopped_mix_goes_on_to_the_same_frames(
    pack: str, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    other = tmp_path / "other.mkv"
    frames = ArraySource(np.random.default_rng(2).integers(0, 256, (FRAMES, 48, 64, 3), dtype=np.uint8), RATE)
    write_video(other, frames, frames)

    def mix(out: Path) -> int:
        given = ["mix", clip, "-o", out, "--motion", other, "--pack", pack, "--device", "cpu", "--steps", 4]
        return main([str(word) for word in given])

    assert mix(tmp_path / "undisturbed.mkv") == 0
    stop_after(monkeypatch, "decoded", 1)
    assert mix(tmp_path / "out.mkv") == 130
    monkeypatch.setattr(Autoencoder, "encoded", not_again)
    assert mix(tmp_path / "out.mkv") == 0
    assert samples(tmp_path / "out.mkv") == samples(tmp_path / "undisturbed.mkv")


@pytest.mark.parametrize(
    ("target", "ours", "others"),
    [
        (
            "shot.mkv",
            ".shot.0123abcd.part.mkv",
            [".shot.0123abcd.part.mp4", ".shot.part.mkv", ".shots.0123abcd.part.mkv"],
        ),
        (
            "shot/%05d.png",
            ".shot.0123abcd.part/00000.png",
            [".shot.0123abcd.part.mkv", ".shot.0123abcg.part/00000.png"],
        ),
    ],
)
def test_only_what_a_killed_run_for_the_same_output_left_is_cleared_away(
    tmp_path: Path, target: str, ours: str, others: list[str]
):
    for name in (ours, *others):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    with Workspace(tmp_path / target) as work:
        assert work.folder.parent == tmp_path
        assert not (tmp_path / ours).exists()
        assert all((tmp_path / name).exists() for name in others)


def test_two_runs_do_not_write_one_output(tmp_path: Path):
    with Workspace(tmp_path / "out.mkv") as first:
        with pytest.raises(UsageError, match="another run is writing"), Workspace(tmp_path / "out.mkv"):
            pass
        assert first.folder.exists()
    assert not list(tmp_path.iterdir())


def test_a_disk_without_room_is_told_before_any_work(
    pack: str, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
):
    monkeypatch.setattr("dva.dva_plugin.worklog.SPARE", 1 << 60)
    monkeypatch.setattr(jobs, "track_source", not_again)
    assert edit(pack, clip, tmp_path / "out.mkv") == 4
    assert "MB are free" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["clip.mkv"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such kill")
def test_an_edit_killed_without_warning_leaves_no_file_and_goes_on(
    pack: str, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """A child is killed while it writes its file; what it left beside it goes with the work."""
    script = (
        "import os, signal, sys\n"
        "from dva.dva_plugin import jobs, worklog\n"
        "from pathlib import Path\n"
        "from dva.model.video import VideoWriter, open_video\n"
        "source = open_video(sys.argv[1])\n"
        "with worklog.Workspace(Path(sys.argv[2])) as work, VideoWriter(sys.argv[2], source) as writer:\n"
        "    work.stash('code', 1).file('x').write_text('kept')\n"
        "    for frame in source:\n"
        "        writer.write(frame)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    out = tmp_path / "out.mkv"
    done = subprocess.run([sys.executable, "-c", script, str(clip), str(out)], cwd=tmp_path, check=False)
    assert done.returncode == -9
    assert not out.exists()
    assert len([path for path in tmp_path.iterdir() if ".part" in path.name]) == 1
    assert edit(pack, clip, out) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clip.mkv", "out.mkv"]
