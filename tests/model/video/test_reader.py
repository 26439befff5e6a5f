"""Reading files: what comes out is what libav was given, upright, counted and in time; what cannot be read is said."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from dva.model.errors import InputError
from dva.model.video import ArraySource, open_video, write_video

ODD, EVEN = (19, 27), (32, 48)


def same(planes: list[np.ndarray], others: list[np.ndarray]) -> bool:
    return len(planes) == len(others) and all(np.array_equal(a, b) for a, b in zip(planes, others, strict=True))


@pytest.mark.parametrize("size", [EVEN, ODD])
@pytest.mark.parametrize("pixels", ["yuv420p", "yuv422p10le", "yuv444p", "yuv420p12le", "yuva420p", "gray", "gbrp10le"])
def test_frames_hold_the_samples_that_were_encoded(make_clip: Callable, pixels: str, size: tuple[int, int]) -> None:
    clip = make_clip(pixels=pixels, size=size)
    source = open_video(clip.path)
    assert (source.size, source.format.name, source.frame_count) == (size, pixels, len(clip.planes))
    for frame, planes in zip(source, clip.planes, strict=True):
        assert same(frame.planes, planes)


@pytest.mark.parametrize("rate", ["24000/1001", "25", "30000/1001", "60000/1001", "120000/1001", "25/2", "2997/100"])
@pytest.mark.parametrize(("name", "codec"), [("a.mp4", "libx264"), ("a.mkv", "ffv1"), ("a.avi", "ffv1")])
def test_the_frame_rate_is_the_exact_fraction(make_clip: Callable, name: str, codec: str, rate: str) -> None:
    source = open_video(make_clip(name=name, codec=codec, rate=Fraction(rate), count=20).path)
    assert (source.frame_rate, source.variable_rate, source.frame_count) == (Fraction(rate), False, 20)


def test_a_varying_rate_is_noticed_and_its_times_kept(make_clip: Callable) -> None:
    pts = [0, 40, 80, 200, 230, 400, 410, 500]
    clip = make_clip(name="vfr.mp4", codec="libx264", pts=pts, time_base=Fraction(1, 1000))
    source = open_video(clip.path)
    assert source.variable_rate
    assert [frame.pts * frame.time_base for frame in source] == [Fraction(time, 1000) for time in pts]


def test_every_reading_gives_the_same_frames_from_any_start(make_clip: Callable) -> None:
    """With B-frames, so that packets and frames stand in different order."""
    source = open_video(make_clip(name="b.mp4", codec="libx264", count=60).path)
    whole = list(source)
    assert [frame.index for frame in whole] == list(range(60))
    for start, stop in [(0, None), (1, 4), (30, 31), (59, 60), (41, None), (60, None)]:
        part = list(source.frames(start, stop))
        assert [frame.index for frame in part] == list(range(60)[start:stop])
        assert all(same(frame.planes, whole[frame.index].planes) for frame in part)


@pytest.mark.parametrize(
    ("name", "codec"),
    [("a.avi", "libx264"), ("a.ts", "libx264"), ("a.mpg", "mpeg2video"), ("a.h264", "libx264"), ("a.webm", "libvpx")],
)
def test_containers_without_an_index_are_counted_and_read_from_any_start_too(
    make_clip: Callable, name: str, codec: str
) -> None:
    source = open_video(make_clip(name=name, codec=codec, count=60).path)
    whole = list(source)
    assert (source.frame_count, source.frame_rate, len(whole)) == (60, 25, 60)
    assert all(same(frame.planes, whole[frame.index].planes) for frame in source.frames(40, 43))


@pytest.mark.parametrize(("codec", "options"), [("libvpx-vp9", {"lossless": "1"}), ("libvpx", {})])
def test_alpha_of_webm_is_kept(tmp_path: Path, codec: str, options: dict[str, str]) -> None:
    rng = np.random.default_rng(0)
    alphas = [rng.integers(0, 2, (6, 8)).repeat(8, 0).repeat(8, 1).astype(np.uint8) * 255 for _ in range(20)]
    with av.open(str(tmp_path / "a.webm"), "w") as container:
        stream = container.add_stream(codec, rate=24, options={**options, "auto-alt-ref": "0"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuva420p"
        stream.metadata["alpha_mode"] = "1"
        for alpha in alphas:
            picture = av.VideoFrame(64, 48, "yuva420p")
            for plane in picture.planes:
                plane.update(bytes([90]) * plane.buffer_size)
            np.frombuffer(picture.planes[3], np.uint8).reshape(48, -1)[:, :64] = alpha
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    source = open_video(tmp_path / "a.webm")
    assert source.format.name == "yuva420p"
    tolerance = 0 if codec == "libvpx-vp9" else 90
    for frame, alpha in zip(source, alphas, strict=True):
        assert np.abs(frame.planes[3].astype(int) - alpha).max() <= tolerance
    assert [frame.index for frame in source.frames(17, 20)] == [17, 18, 19]


def test_chunks_are_the_frames_in_order(make_clip: Callable) -> None:
    chunks = list(open_video(make_clip().path).chunks(3))
    assert [[frame.index for frame in chunk] for chunk in chunks] == [[0, 1, 2], [3, 4, 5], [6, 7]]


@pytest.mark.parametrize("degrees", [90, 180, -90])
@pytest.mark.parametrize("pixels", ["yuv420p", "yuv444p", "yuv422p"])
def test_a_rotation_tag_is_applied(make_clip: Callable, degrees: int, pixels: str) -> None:
    """The tag counts counter-clockwise, as numpy's rot90 does."""
    clip = make_clip(name="turned.mov", codec="libx264", pixels=pixels, rotation=degrees)
    flat = open_video(make_clip(name="flat.mov", codec="libx264", pixels=pixels).path)
    source = open_video(clip.path)
    assert source.size == (flat.size if degrees == 180 else flat.size[::-1])
    assert source.rotation == -degrees % 360
    for frame, lying in zip(source, flat, strict=True):
        assert same(frame.planes, [np.rot90(plane, degrees // 90) for plane in lying.planes])


@pytest.mark.parametrize(("number", "size"), [(1, EVEN), (6, EVEN[::-1]), (3, EVEN), (8, EVEN[::-1])])
def test_motion_jpeg_with_exif_is_read_upright(tmp_path: Path, number: int, size: tuple[int, int]) -> None:
    """As cameras write it; PyAV 18.1 cannot list a frame's side data where EXIF is among it."""
    exif = Image.Exif()
    exif[0x0112] = number
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (*EVEN, 3), np.uint8))
    (tmp_path / "still").mkdir()
    picture.save(tmp_path / "still" / "a1.jpg", exif=exif, subsampling=0)
    with av.open(str(tmp_path / "a.avi"), "w") as container:
        stream = container.add_stream("mjpeg", rate=25)
        stream.height, stream.width, stream.pix_fmt = *EVEN, "yuvj444p"
        packet = av.Packet((tmp_path / "still" / "a1.jpg").read_bytes())
        packet.stream, packet.pts, packet.dts, packet.time_base = stream, 0, 0, Fraction(1, 25)
        container.mux(packet)
    (moving,), (still,) = open_video(tmp_path / "a.avi"), open_video(tmp_path / "still")
    assert moving.size == size
    assert same(moving.planes, still.planes)


def test_a_skew_rotation_is_refused(make_clip: Callable) -> None:
    with pytest.raises(InputError, match="only right angles"):
        open_video(make_clip(name="skew.mov", codec="libx264", rotation=30).path)


def test_an_odd_size_that_would_shift_its_chroma_is_refused(make_clip: Callable) -> None:
    clip = make_clip(name="odd.mkv", pixels="yuv420p", size=ODD, rotation=180)
    with pytest.raises(InputError, match="odd size 27x19"):
        open_video(clip.path)


@pytest.mark.parametrize(
    ("tags", "matrix", "full"),
    [((2, 0, 2, 2), "bt601", False), ((1, 1, 1, 1), "bt709", False), ((6, 2, 6, 6), "bt601", True),
     ((9, 1, 9, 16), "bt2020", False)],
)  # fmt: skip
def test_colour_tags_are_read(make_clip: Callable, tags: tuple[int, ...], matrix: str, full: bool) -> None:
    colour = open_video(make_clip(name="tags.mp4", codec="libx264", tags=tags).path).colour
    assert (colour.matrix, colour.full_range) == (matrix, full)
    kept = colour.tags
    assert (kept.matrix, kept.range, kept.primaries, kept.transfer) == tags


def test_full_range_under_its_old_name(make_clip: Callable) -> None:
    source = open_video(make_clip(name="old.avi", codec="mjpeg", pixels="yuvj420p", tags=(2, 2, 2, 2)).path)
    assert (source.format.name, source.colour.full_range) == ("yuv420p", True)


def test_exotic_formats_are_refused_by_name(make_clip: Callable) -> None:
    with pytest.raises(InputError, match="pixel format monob is not supported; convert"):
        open_video(make_clip(name="bits.nut", codec="rawvideo", pixels="monob").path)


def test_exotic_matrices_are_refused_by_name(make_clip: Callable) -> None:
    clip = make_clip(name="ycgco.mp4", codec="libx264", pixels="yuv444p", tags=(8, 1, 2, 2))
    with pytest.raises(InputError, match="YCgCo"):
        open_video(clip.path)


def test_a_playlist_opens_nothing(make_clip: Callable, tmp_path: Path) -> None:
    clip = make_clip(name="real.mp4", codec="libx264")
    for text in (
        f"#EXTM3U\n#EXTINF:1,\n{clip.path}\n#EXT-X-ENDLIST\n",
        f"ffconcat version 1.0\nfile '{clip.path}'\n",
        f"\n\n  #EXTM3U\n#EXTINF:1,\n{clip.path}\n",
        f"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nm=video 5004 RTP/AVP 96\n# {clip.path}\n",
    ):
        disguised = tmp_path / "disguised.mp4"
        disguised.write_text(text)
        with pytest.raises(InputError, match="points at other files"):
            open_video(disguised)


def test_libav_itself_is_barred_from_other_demuxers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A still picture would be taken by one of the image demuxers, which also follow numbered names."""
    monkeypatch.setattr("dva.model.video.container.PICTURES", ())
    picture = tmp_path / "frame%03d.png"
    with av.open(str(tmp_path / "x.png"), "w", format="image2pipe") as container:
        stream = container.add_stream("png", rate=1)
        stream.width = stream.height = 8
        stream.pix_fmt = "rgb24"
        container.mux(stream.encode(av.VideoFrame(8, 8, "rgb24")))
        container.mux(stream.encode(None))
    (tmp_path / "x.png").rename(picture)
    with pytest.raises(InputError, match="its kind is none of"):
        open_video(picture)


def test_a_path_that_looks_like_an_address_is_a_file(make_clip: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    clip = make_clip(name="real.mkv")
    monkeypatch.chdir(clip.path.parent)
    clip.path.rename("concat:real.mkv")
    assert open_video("concat:real.mkv").frame_count == len(clip.planes)
    with pytest.raises(InputError, match="there is no file"):
        open_video("http://127.0.0.1:9/real.mkv")


def test_what_is_not_a_video_is_said_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "noise.mp4").write_bytes(np.random.default_rng(0).bytes(4000))
    with av.open(str(tmp_path / "sound.m4a"), "w") as container:
        stream = container.add_stream("aac", rate=48000)
        frame = av.AudioFrame.from_ndarray(np.zeros((2, 1024), np.float32), format="fltp", layout="stereo")
        frame.sample_rate = 48000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    for name, sentence in [
        ("absent.mp4", "there is no file"), (".", "is a folder without numbered pictures"), ("empty.mp4", "is empty"),
        ("noise.mp4", "cannot be read as video"), ("sound.m4a", "has no video stream"),
    ]:  # fmt: skip
        with pytest.raises(InputError, match=sentence) as caught:
            open_video(tmp_path / name)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("name", "codec"), [("cut.mkv", "ffv1"), ("cut.mp4", "libx264")])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_a_truncated_file_is_refused(make_clip: Callable, name: str, codec: str, share: float) -> None:
    clip = make_clip(name=name, codec=codec, count=30)
    if name == "cut.mp4":  # with its index in front, as downloads have it
        front = clip.path.with_name("front.mp4")
        with av.open(str(clip.path)) as whole, av.open(str(front), "w", options={"movflags": "faststart"}) as moved:
            stream = moved.add_stream_from_template(whole.streams.video[0])
            for packet in whole.demux(video=0):
                if packet.size:
                    packet.stream = stream
                    moved.mux(packet)
        front.replace(clip.path)
    data = clip.path.read_bytes()
    clip.path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(InputError):
        for _ in open_video(clip.path):
            pass


@pytest.mark.parametrize(("name", "codec"), [("bad.mkv", "ffv1"), ("bad.mp4", "libx264")])
def test_damage_in_the_middle_is_an_error_that_names_the_frame(make_clip: Callable, name: str, codec: str) -> None:
    clip = make_clip(name=name, codec=codec, count=30)
    data = bytearray(clip.path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 2000] = np.random.default_rng(1).bytes(2000)
    clip.path.write_bytes(data)
    with pytest.raises(InputError, match=r"frame|frames"):
        for _ in open_video(clip.path):
            pass


def test_damage_that_libav_covers_up_is_found_by_its_checksum(make_clip: Callable, tmp_path: Path) -> None:
    """One byte of one frame: libav repeats the picture before, and calls it whole."""
    clip = make_clip(name="in.mkv", pixels="yuv420p", size=(64, 96), count=12)
    write_video(tmp_path / "sums.mkv", open_video(clip.path), open_video(clip.path))
    data = bytearray((tmp_path / "sums.mkv").read_bytes())
    data[len(data) // 2] ^= 0x10
    (tmp_path / "hurt.mkv").write_bytes(data)
    with av.open(str(tmp_path / "hurt.mkv")) as container:
        pictures = list(container.decode(video=0))
    assert len(pictures) == 12
    assert not any(picture.is_corrupt for picture in pictures)
    assert len(list(open_video(tmp_path / "sums.mkv"))) == 12
    with pytest.raises(InputError, match=r"checksum of the frame at 0\.\d\d s does not fit"):
        list(open_video(tmp_path / "hurt.mkv"))


def test_frames_of_an_array_are_its_images() -> None:
    images = np.random.default_rng(0).integers(0, 256, (5, 4, 6, 3), np.uint8)
    source = ArraySource(images, Fraction(24))
    assert (source.frame_count, source.size, source.has_audio) == (5, (4, 6), False)
    assert all(np.array_equal(frame.to_rgb8(), images[frame.index]) for frame in source)
    assert [len(chunk) for chunk in source.chunks(2)] == [2, 2, 1]
    assert [frame.index for frame in source.frames(1, 3)] == [1, 2]


def test_real_clips_count_right_and_seek_right(real_clip: Path) -> None:
    source = open_video(real_clip)
    with av.open(str(real_clip)) as container:
        assert source.frame_count == container.streams.video[0].frames
        assert source.frame_rate == container.streams.video[0].average_rate
    start = source.frame_count // 3
    late = next(source.frames(start, start + 1))
    *_, frame = source.frames(0, start + 1)
    assert same(frame.planes, late.planes)
