"""The demo clips: what comes along, what is made of it, and that the code draws it."""

import sys
from pathlib import Path

import av
import numpy as np
import pytest

from dva.model.demo import drawing
from dva.model.demo.clips import DEMO_KINDS, SAMPLES, DemoClip, DemoKind, demo_clip, demo_file, write_demo
from dva.model.errors import DvaError, UsageError
from dva.model.types import ByteArray, Progress
from dva.model.video import open_video


def noise_ratio(one: ByteArray, other: ByteArray) -> float:
    """PSNR in decibels."""
    return float(10 * np.log10(255**2 / np.mean((one.astype(float) - other) ** 2)))


def test_every_kind_comes_along_and_all_together_are_small() -> None:
    files = {demo_file(kind) for kind in DEMO_KINDS}
    assert files == set(Path(drawing.__file__).parent.glob("*.mp4"))
    assert sum(file.stat().st_size for file in files) < 500_000


def test_a_longer_clip_runs_forth_and_back_with_its_sound() -> None:
    one, three = demo_clip("one person", 36), demo_clip("one person", 108)
    assert np.array_equal(three.frames[:72], three.frames[:72][::-1])
    assert np.array_equal(three.frames[72:], one.frames) and np.array_equal(three.frames[:36], one.frames)
    assert np.array_equal(three.sound[: 72 * SAMPLES], three.sound[: 72 * SAMPLES][::-1])
    assert len(three.sound) == 108 * SAMPLES


def test_what_is_written_is_the_beginning_of_the_clip_with_its_sound_in_step(tmp_path: Path) -> None:
    told: list[Progress] = []
    path = write_demo(tmp_path, "photograph", 0.5, told.append)
    before = demo_clip("photograph", 12)
    assert noise_ratio(np.stack([frame.to_rgb8() for frame in open_video(path)]), before.frames) > 40
    with av.open(str(path)) as container:
        sound = np.concatenate([block.to_ndarray()[0] for block in container.decode(audio=0)])[: 12 * SAMPLES]
    assert np.corrcoef(sound, before.sound)[0, 1] > 0.99
    assert [progress.done for progress in told] == list(range(1, 13))
    again = write_demo(tmp_path / "again", "photograph", 0.5)
    assert path.read_bytes() == again.read_bytes()


def test_a_stopped_clip_leaves_nothing_and_a_length_has_its_limits(tmp_path: Path) -> None:
    def stop(_: Progress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_demo(tmp_path, "photograph", 0.5, stop)
    with pytest.raises(UsageError, match=r"0\.5 to 10 seconds, not 60"):
        write_demo(tmp_path, "photograph", 60)
    assert list(tmp_path.iterdir()) == []


def test_what_drawing_lacks_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "numba", None)
    monkeypatch.setitem(sys.modules, "skimage", None)
    with pytest.raises(DvaError, match=r"-m pip install numba scikit-image`, or use those that come along"):
        drawing.write_drawn(tmp_path)


def test_what_is_drawn_bears_the_names_of_what_comes_along(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clip = DemoClip(np.zeros((2, 32, 32, 3), np.uint8), np.zeros(2 * SAMPLES, np.float32))
    monkeypatch.setattr(drawing, "draw_demo", lambda *_: clip)
    files = drawing.write_drawn(tmp_path / "clips")
    assert [file.name for file in files] == [demo_file(kind).name for kind in DEMO_KINDS]
    assert all(open_video(file).frame_count == 2 for file in files)


def test_the_photograph_that_comes_along_is_the_one_that_is_drawn() -> None:
    pytest.importorskip("skimage")
    drawn = drawing.draw_demo("photograph", drawing.FRAMES)
    shipped = demo_clip("photograph", drawing.FRAMES)
    assert noise_ratio(shipped.frames, drawn.frames) > 35


@pytest.mark.parametrize("kind", ["one person", "two people"])
def test_the_people_who_come_along_are_those_who_are_drawn(kind: DemoKind) -> None:
    """One frame has a motion of its own, but light, background and clothes are those of the whole clip."""
    pytest.importorskip("numba")
    pytest.importorskip("skimage")
    drawn, shipped = drawing.draw_demo(kind, 1).frames[0], demo_clip(kind, 1).frames[0]
    still = np.s_[300:], np.s_[:100, :80]
    assert all(noise_ratio(shipped[part], drawn[part]) > 25 for part in still)
