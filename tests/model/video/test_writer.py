"""Writing files: read back by libav, everything that was not edited is what it was; and no half file is ever left."""

from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from dva.model.errors import DvaError, InputError, UsageError
from dva.model.video import ArraySource, Frame, VideoSource, open_video, write_video


def decoded(path: Path) -> list[list[np.ndarray]]:
    """All planes of all frames, by libav alone."""
    frames = []
    with av.open(str(path)) as container:
        for picture in container.decode(video=0):
            dtype = np.uint8 if picture.format.components[0].bits == 8 else np.uint16
            frames.append(
                [
                    np.frombuffer(plane, dtype).reshape(plane.height, -1)[:, : plane.width].copy()
                    for plane in picture.planes
                ]
            )
    return frames


def sound(path: Path) -> list[bytes]:
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(audio=0) if packet.size]


def lag(path: Path) -> float:
    """Seconds from the first packet of sound to the first picture."""
    with av.open(str(path)) as container:
        wave = next(container.demux(audio=0))
        container.seek(0)
        return next(container.decode(video=0)).time - wave.pts * wave.time_base


def leftovers(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if "part" in path.name]


@pytest.mark.parametrize("size", [(32, 48), (19, 27)])
@pytest.mark.parametrize(
    "pixels", ["yuv420p", "yuv422p10le", "yuv444p", "yuv420p10le", "yuva420p", "yuv440p", "gray", "gbrp10le"]
)
def test_ffv1_keeps_every_sample(make_clip: Callable, tmp_path: Path, pixels: str, size: tuple[int, int]) -> None:
    clip = make_clip(name="in.mkv", pixels=pixels, size=size)
    source = open_video(clip.path)
    write_video(tmp_path / "out.mkv", source, source)
    assert open_video(tmp_path / "out.mkv").format == source.format
    for before, after in zip(clip.planes, decoded(tmp_path / "out.mkv"), strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))


def test_ffv1_keeps_8_bit_rgb(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (4, 19, 27, 3), np.uint8)
    write_video(tmp_path / "rgb.mkv", ArraySource(images, Fraction(24)), ArraySource(images, Fraction(24)))
    with av.open(str(tmp_path / "rgb.mkv")) as container:
        for image, picture in zip(images, container.decode(video=0), strict=True):
            assert np.array_equal(picture.to_ndarray(format="rgb24"), image)
    assert all(np.array_equal(f.to_rgb8(), images[f.index]) for f in open_video(tmp_path / "rgb.mkv"))


@pytest.mark.parametrize(("size", "pixels"), [((64, 96), "yuv420p"), ((65, 97), "yuv444p")])
def test_rgb_becomes_video_that_looks_the_same(tmp_path: Path, size: tuple[int, int], pixels: str) -> None:
    ramp = np.linspace(0, 255, size[0] * size[1]).reshape(size)
    image = np.stack([ramp, ramp[::-1], np.full(size, 90.0)], -1).astype(np.uint8)
    source = ArraySource(np.stack([image] * 3), Fraction(24))
    write_video(tmp_path / "a.mp4", source, source)
    with av.open(str(tmp_path / "a.mp4")) as container:
        assert container.streams.video[0].pix_fmt == pixels
        for picture in container.decode(video=0):
            assert np.abs(picture.to_ndarray(format="rgb24").astype(int) - image).mean() < 3


@pytest.mark.parametrize("rate", ["24000/1001", "30000/1001", "60000/1001", "25", "25/2"])
@pytest.mark.parametrize("inner", [("a.mp4", "libx264"), ("a.mkv", "ffv1")])
@pytest.mark.parametrize("outer", ["b.mp4", "b.mov", "b.mkv"])
def test_the_exact_rate_survives_any_container(
    make_clip: Callable, tmp_path: Path, inner: tuple[str, str], outer: str, rate: str
) -> None:
    name, codec = inner
    source = open_video(make_clip(name=name, codec=codec, rate=Fraction(rate), count=20).path)
    write_video(tmp_path / outer, source, source)
    copy = open_video(tmp_path / outer)
    assert (copy.frame_rate, copy.variable_rate, copy.frame_count) == (Fraction(rate), False, 20)
    if outer != "b.mkv":
        with av.open(str(tmp_path / outer)) as container:
            assert container.streams.video[0].average_rate == Fraction(rate)


@pytest.mark.parametrize("outer", ["b.mp4", "b.mkv"])
def test_a_varying_rate_keeps_its_times(make_clip: Callable, tmp_path: Path, outer: str) -> None:
    pts = [0, 40, 80, 200, 230, 400, 410, 500]
    source = open_video(make_clip(name="vfr.mp4", codec="libx264", pts=pts, time_base=Fraction(1, 1000)).path)
    write_video(tmp_path / outer, source, source)
    copy = open_video(tmp_path / outer)
    assert [frame.pts * frame.time_base for frame in copy] == [Fraction(time, 1000) for time in pts]


@pytest.mark.parametrize("outer", ["b.mp4", "b.mov", "b.mkv"])
@pytest.mark.parametrize("inner", ["a.mp4", "a.mkv"])
def test_sound_is_copied_bit_by_bit_and_in_step(make_clip: Callable, tmp_path: Path, inner: str, outer: str) -> None:
    source = open_video(make_clip(name=inner, codec="libx264", count=40, audio="aac").path)
    write_video(tmp_path / outer, source, source)
    assert sound(tmp_path / outer) == sound(source.path)
    assert lag(tmp_path / outer) == pytest.approx(lag(source.path), abs=0.002)


def test_sound_that_does_not_fit_is_refused_before_any_work(make_clip: Callable, tmp_path: Path) -> None:
    source = open_video(make_clip(name="pcm.mkv", audio="pcm_s16le").path)
    with pytest.raises(InputError, match=r"pcm_s16le sound .* cannot be copied into \.mp4; write \.mov or \.mkv"):
        write_video(tmp_path / "out.mp4", source, source)
    write_video(tmp_path / "out.mov", source, source)
    # Containers cut raw samples into packets as they like; the samples are what stays.
    assert b"".join(sound(tmp_path / "out.mov")) == b"".join(sound(source.path))


@pytest.mark.parametrize("outer", ["b.mp4", "b.mov", "b.mkv"])
@pytest.mark.parametrize("tags", [(2, 0, 2, 2), (1, 1, 1, 1), (6, 2, 6, 6), (9, 1, 9, 16)])
def test_colour_tags_are_written(make_clip: Callable, tmp_path: Path, outer: str, tags: tuple[int, ...]) -> None:
    source = open_video(make_clip(name="a.mp4", codec="libx264", tags=tags).path)
    write_video(tmp_path / outer, source, source)
    assert open_video(tmp_path / outer).colour == source.colour


@pytest.mark.parametrize("outer", ["b.mp4", "b.mkv"])
def test_ten_bits_stay_ten_bits(make_clip: Callable, tmp_path: Path, outer: str) -> None:
    source = open_video(make_clip(pixels="yuv420p10le").path)
    write_video(tmp_path / outer, source, source)
    copy = open_video(tmp_path / outer)
    assert (copy.format.name, next(iter(copy)).planes[0].dtype) == ("yuv420p10le", np.uint16)


@pytest.mark.parametrize("outer", ["b.mp4", "b.mkv"])
def test_turned_video_is_written_upright(make_clip: Callable, tmp_path: Path, outer: str) -> None:
    source = open_video(make_clip(name="turned.mov", codec="libx264", pixels="yuv422p", rotation=90).path)
    write_video(tmp_path / outer, source, source)
    copy = open_video(tmp_path / outer)
    assert (copy.size, copy.rotation) == ((48, 32), 0)
    if outer == "b.mkv":
        assert all(np.array_equal(a.planes[1], b.planes[1]) for a, b in zip(source, copy, strict=True))


def test_odd_sizes_reach_mp4_with_their_chroma(make_clip: Callable, tmp_path: Path) -> None:
    source = open_video(make_clip(size=(19, 27)).path)
    write_video(tmp_path / "odd.mp4", source, source)
    copy = open_video(tmp_path / "odd.mp4")
    assert (copy.size, copy.format.name) == ((19, 27), "yuv444p")


def test_what_h264_would_throw_away_is_refused(make_clip: Callable, tmp_path: Path) -> None:
    for pixels in ("yuv420p12le", "yuva420p", "gbrp10le"):
        source = open_video(make_clip(pixels=pixels).path)
        with pytest.raises(InputError, match=f"h264 cannot carry .*{pixels}.*write .mkv"):
            write_video(tmp_path / "out.mp4", source, source)
        assert not (tmp_path / "out.mp4").exists()


def test_alpha_that_hides_nothing_does_not_keep_a_clip_out_of_mp4(tmp_path: Path) -> None:
    """As animated GIFs, which are read with alpha."""
    with av.open(str(tmp_path / "a.gif"), "w") as container:
        stream = container.add_stream("gif", rate=10)
        stream.width, stream.height, stream.pix_fmt = 32, 24, "rgb8"
        for index in range(4):
            picture = av.VideoFrame.from_ndarray(np.full((24, 32, 3), (224, 32 * index, 0), np.uint8)).reformat(
                format="rgb8"
            )
            picture.pts, picture.time_base = index, Fraction(1, 10)
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    source = open_video(tmp_path / "a.gif")
    assert source.format.has_alpha
    write_video(tmp_path / "a.mp4", source, source)
    before, after = (next(iter(clip)).to_rgb8().mean(axis=(0, 1)) for clip in (source, open_video(tmp_path / "a.mp4")))
    np.testing.assert_allclose(before, after, atol=4)


def test_only_the_edited_samples_differ_in_the_written_file(make_clip: Callable, tmp_path: Path) -> None:
    clip = make_clip()
    source = open_video(clip.path)
    delta = np.full((8, 8, 3), 0.25, np.float32)
    write_video(tmp_path / "out.mkv", source, (frame.add_rgb(delta, 4, 12) for frame in source))
    for before, after in zip(clip.planes, decoded(tmp_path / "out.mkv"), strict=True):
        rows, columns = np.nonzero(before[0] != after[0])
        assert (rows.min(), rows.max(), columns.min(), columns.max()) == (4, 11, 12, 19)
        assert np.array_equal(before[1], after[1])  # grey light has no colour difference
        assert np.array_equal(before[2], after[2])


@pytest.mark.parametrize(
    ("outer", "codec"), [("b.mkv", "ffv1"), ("b.mkv", "h264"), ("b.mp4", "h264"), ("b.mov", "h264")]
)
@pytest.mark.parametrize("size", [(32, 48), (576, 720)])
def test_pixel_aspect_and_title_are_kept(
    make_clip: Callable, tmp_path: Path, size: tuple[int, int], outer: str, codec: str
) -> None:
    aspect = Fraction(16, 11)
    wide = make_clip(name="a.mp4", codec="libx264", size=size, aspect=aspect, title="Shot 12", count=2, audio="aac")
    source = open_video(wide.path)
    write_video(tmp_path / outer, source, source, codec)  # type: ignore[arg-type]
    copy = open_video(tmp_path / outer)
    assert (copy.pixel_aspect, copy.frame_count, copy.size) == (aspect, 2, size)
    assert sound(tmp_path / outer) == sound(wide.path)
    with av.open(str(tmp_path / outer)) as container:
        assert {key.lower(): text for key, text in container.metadata.items()}["title"] == "Shot 12"
        assert "title" not in container.streams.video[0].metadata


def failing(source: VideoSource, error: BaseException) -> Iterator[Frame]:
    yield from source.frames(0, 3)
    raise error


@pytest.mark.parametrize("outer", ["out.mkv", "out.mp4"])
@pytest.mark.parametrize("error", [RuntimeError("boom"), KeyboardInterrupt()])
def test_a_crash_leaves_nothing(make_clip: Callable, tmp_path: Path, error: BaseException, outer: str) -> None:
    source = open_video(make_clip(codec="libx264", audio="aac").path)
    with pytest.raises(type(error)):
        write_video(tmp_path / outer, source, failing(source, error))
    assert not (tmp_path / outer).exists()
    assert leftovers(tmp_path) == []


def test_a_crash_leaves_the_file_that_was_there(make_clip: Callable, tmp_path: Path) -> None:
    source = open_video(make_clip().path)
    (tmp_path / "out.mkv").write_bytes(b"yesterday's")
    with pytest.raises(RuntimeError):
        write_video(tmp_path / "out.mkv", source, failing(source, RuntimeError()))
    assert (tmp_path / "out.mkv").read_bytes() == b"yesterday's"


def test_a_finished_clip_is_kept_where_its_name_is_in_use(
    make_clip: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Windows gives no file the name of one that a player holds open."""
    source, target = open_video(make_clip().path), tmp_path / "out.mkv"
    rename = Path.replace

    def in_use(path: Path, to: Path) -> Path:
        if to == target:
            raise PermissionError(13, "in use", str(to))
        return rename(path, to)

    monkeypatch.setattr(Path, "replace", in_use)
    with pytest.raises(InputError, match=r"in use by another program; the finished clip was kept as .*out\."):
        write_video(target, source, source)
    (kept,) = (p for p in tmp_path.iterdir() if p.suffix == ".mkv" and p != source.path)
    assert len(decoded(kept)) == len(list(source))


def test_while_it_is_written_the_file_is_not_there(make_clip: Callable, tmp_path: Path) -> None:
    source = open_video(make_clip().path)

    def watching() -> Iterator[Frame]:
        for frame in source:
            assert not (tmp_path / "out.mkv").exists()
            yield frame

    write_video(tmp_path / "out.mkv", source, watching())
    assert (tmp_path / "out.mkv").exists()
    assert leftovers(tmp_path) == []


def test_bad_targets_are_refused_before_any_frame_is_read(make_clip: Callable, tmp_path: Path) -> None:
    source = open_video(make_clip(name="in.mkv").path)

    def untouched() -> Iterator[Frame]:
        raise AssertionError("a frame was asked for")
        yield

    (tmp_path / "folder.mkv").mkdir()
    for target, codec, sentence in [
        ("absent/out.mkv", "auto", "there is no folder"), ("in.mkv", "auto", "is the source itself"),
        ("out.wmv", "auto", "the suffix must be one of .mp4, .mov, .mkv"), ("out", "auto", "the suffix must be"),
        ("out.mp4", "ffv1", "name the file .mkv"), ("folder.mkv", "auto", "it is a folder"),
    ]:  # fmt: skip
        with pytest.raises(UsageError, match=sentence):
            write_video(tmp_path / target, source, untouched(), codec)  # type: ignore[arg-type]
    deep = open_video(make_clip(name="deep.mkv", pixels="yuv420p12le").path)
    with pytest.raises(InputError, match=r"h264 cannot carry yuv420p12le"):
        write_video(tmp_path / "out.mp4", deep, untouched())


def test_no_frames_no_file(make_clip: Callable, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no frame to write"):
        write_video(tmp_path / "out.mkv", open_video(make_clip().path), [])
    assert not (tmp_path / "out.mkv").exists()


def test_frames_must_be_alike_and_in_order(make_clip: Callable, tmp_path: Path) -> None:
    source = open_video(make_clip().path)
    frames = list(source)
    small = Frame.from_rgb8(1, np.zeros((4, 4, 3), np.uint8), source.frame_rate)
    for wrong, sentence in [
        ([frames[0], small], "one file holds one size"),
        ([frames[1], frames[0]], "in their order"),
    ]:
        with pytest.raises(DvaError, match=sentence):
            write_video(tmp_path / "out.mkv", source, wrong)
    assert leftovers(tmp_path) == []


def test_real_clips_come_back_whole(real_clip: Path, tmp_path: Path) -> None:
    source = open_video(real_clip)
    write_video(tmp_path / "cut.mkv", source, source.frames(0, 12))
    copy = open_video(tmp_path / "cut.mkv")
    assert (copy.frame_rate, copy.colour, copy.format) == (source.frame_rate, source.colour, source.format)
    assert sound(tmp_path / "cut.mkv") == sound(real_clip) if source.has_audio else not copy.has_audio
    for before, after in zip(source.frames(0, 12), copy, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(before.planes, after.planes, strict=True))
