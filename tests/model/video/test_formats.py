"""What is written, read back by libav alone: samples, alpha, depth, tags, times, timecode and sound of every format."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import get_args

import av
import numpy as np
import pytest

from dva.dva_plugin.video_options import CODECS
from dva.model.errors import InputError, UsageError
from dva.model.video import ArraySource, CodecChoice, open_video, write_video
from dva.model.video.encoding import CODECS_OF_SUFFIX

VIDEO_TARGETS = [(suffix, codec) for suffix, codecs in CODECS_OF_SUFFIX.items() if suffix != ".png" for codec in codecs]
INTERLEAVED = {"gray": 1, "rgb24": 3, "rgba": 4, "gray16be": 1, "rgb48be": 3, "rgba64be": 4}


def stored(path: Path) -> tuple[str, list[list[np.ndarray]]]:
    """The pixel format, and all planes of all frames as int64; pixels whose samples lie side by side as [H, W, N]."""
    frames, name = [], ""
    with av.open(str(path)) as container:
        for picture in container.decode(video=0):
            name = picture.format.name
            kind = ">u2" if name.endswith("be") else np.uint16 if picture.format.components[0].bits > 8 else np.uint8
            planes = []
            for plane in picture.planes:
                across = plane.width * INTERLEAVED.get(name, 1)
                samples = np.frombuffer(plane, kind).reshape(plane.height, -1)[:, :across].astype(np.int64)
                planes.append(samples.reshape(plane.height, plane.width, -1) if name in INTERLEAVED else samples)
            frames.append(planes)
    return name, frames


def packets(path: Path, kind: str) -> list[tuple[bytes, Fraction]]:
    """Every packet and when it is presented, in seconds."""
    with av.open(str(path)) as container:
        stream = getattr(container.streams, kind)[0]
        return [(bytes(p), p.pts * p.time_base) for p in container.demux(stream) if p.size]


def smooth(size: tuple[int, int], peak: int, channels: int = 3) -> np.ndarray:
    """[H, W, channels] ramps over the whole range; a lossy codec changes them by little."""
    rows, columns = np.mgrid[: size[0], : size[1]] / np.maximum(np.array(size) - 1, 1)[:, None, None]
    ramps = [rows, columns, 1 - rows, (rows + columns) / 2]
    return np.rint(np.stack(ramps[:channels], -1) * peak).astype(np.uint8 if peak == 255 else np.uint16)


def test_the_command_line_offers_what_can_be_written() -> None:
    assert get_args(CodecChoice) == CODECS
    assert {codec for codecs in CODECS_OF_SUFFIX.values() for codec in codecs} == set(CODECS) - {"auto"}


@pytest.mark.parametrize(
    ("pixels", "written"),
    [("yuv420p", "yuv422p10le"), ("yuv422p10le", "yuv422p10le"), ("yuv411p", "yuv422p10le"), ("gray", "yuv422p10le"),
     ("yuv444p", "yuv444p12le"), ("yuv444p12le", "yuv444p12le"), ("gbrp10le", "yuv444p12le"),
     ("yuv440p", "yuv444p12le"),
     ("yuva420p", "yuva444p12le"), ("yuva444p12le", "yuva444p12le"), ("gbrap16le", "yuva444p12le")],
)  # fmt: skip
@pytest.mark.parametrize("size", [(19, 27)])
def test_prores_has_two_profiles(
    make_clip: Callable, tmp_path: Path, pixels: str, written: str, size: tuple[int, int]
) -> None:
    """4444 is decoded with 12 bits by libavcodec, though it was given 10."""
    source = open_video(make_clip(pixels=pixels, size=size, count=2).path)
    write_video(tmp_path / "a.mov", source, source, "prores")
    name, frames = stored(tmp_path / "a.mov")
    assert (name, len(frames)) == (written, 2)
    with av.open(str(tmp_path / "a.mov")) as container:
        assert container.streams.video[0].profile == ("HQ" if written == "yuv422p10le" else "4444")


@pytest.mark.parametrize(("pixels", "bits"), [("yuva420p", 8), ("yuva444p10le", 10), ("gbrap10le", 10)])
@pytest.mark.parametrize("outer", ["a.mov", "a.mkv"])
def test_prores_keeps_alpha_of_8_and_10_bits_code_by_code(
    make_clip: Callable, tmp_path: Path, outer: str, pixels: str, bits: int
) -> None:
    clip = make_clip(pixels=pixels, size=(40, 70), count=2)
    source = open_video(clip.path)
    write_video(tmp_path / outer, source, source, "prores")
    for before, after in zip(clip.planes, stored(tmp_path / outer)[1], strict=True):
        assert np.array_equal(np.rint(after[3] * ((1 << bits) - 1) / 4095), before[3])


def test_prores_luma_is_the_source_moved_by_two_bits(tmp_path: Path) -> None:
    """A flat 8-bit code c of limited range comes back as 4 c: black 64, white 940."""
    for code in (16, 81, 235):
        with av.open(str(tmp_path / "flat.mkv"), "w") as container:
            stream = container.add_stream("ffv1", rate=25)
            stream.width, stream.height, stream.pix_fmt = 32, 16, "yuv420p"
            picture = av.VideoFrame(32, 16, "yuv420p")
            for plane, value in zip(picture.planes, (code, 90, 200), strict=True):
                plane.update(bytes([value]) * plane.buffer_size)
            container.mux([*stream.encode(picture), *stream.encode(None)])
        source = open_video(tmp_path / "flat.mkv")
        write_video(tmp_path / "flat.mov", source, source, "prores")
        (planes,) = stored(tmp_path / "flat.mov")[1]
        assert [int(plane[8, 8]) for plane in planes] == [4 * code, 360, 800]


def test_prores_of_full_range_is_limited(tmp_path: Path) -> None:
    """The codec has no tag for the range, so 255 must become 940 and 0 must become 64."""
    picture = smooth((32, 256), 255)
    source = ArraySource(np.repeat(picture[None, :, :, 1:2], 3, -1), Fraction(25))
    write_video(tmp_path / "grey.mov", source, source, "prores")
    (planes,) = stored(tmp_path / "grey.mov")[1]
    expected = (64 + picture[..., 1].astype(float) * 876 / 255) * 4
    assert np.abs(planes[0] - expected).max() < 40
    assert np.abs(planes[1] - 2048).max() <= 8


@pytest.mark.parametrize(("suffix", "codec"), VIDEO_TARGETS)
def test_pictures_look_the_same_in_every_format(tmp_path: Path, suffix: str, codec: CodecChoice) -> None:
    images = np.stack([smooth((64, 96), 255), smooth((64, 96), 255)[::-1]])
    for name, array in [("a", images), ("b", images.astype(np.float32) / 255)]:
        source = ArraySource(array, Fraction(24))
        write_video(tmp_path / f"{name}{suffix}", source, source, codec)
        with av.open(str(tmp_path / f"{name}{suffix}")) as container:
            for image, picture in zip(images, container.decode(video=0), strict=True):
                assert np.abs(picture.to_ndarray(format="rgb24").astype(int) - image).mean() < 3


@pytest.mark.parametrize(
    ("pixels", "written"),
    [("yuv420p", "yuv420p"), ("yuv422p10le", "yuv422p10le"), ("yuv444p12le", "yuv444p12le"), ("gray", "gray"),
     ("gbrp", "yuv420p"), ("gbrp10le", "yuv420p10le"), ("gbrp16le", "yuv420p10le"), ("yuv411p", "yuv444p")],
)  # fmt: skip
def test_hevc_keeps_depth_and_chroma(make_clip: Callable, tmp_path: Path, pixels: str, written: str) -> None:
    source = open_video(make_clip(name="in.nut", codec="rawvideo", pixels=pixels, size=(64, 64), count=2).path)
    write_video(tmp_path / "a.mov", source, source, "hevc")
    assert stored(tmp_path / "a.mov")[0] == written
    with av.open(str(tmp_path / "a.mov")) as container:
        assert container.streams.video[0].codec_context.codec_tag == "hvc1"


@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_alpha_that_players_cannot_hold_is_refused_with_what_can(
    make_clip: Callable, tmp_path: Path, codec: CodecChoice
) -> None:
    source = open_video(make_clip(pixels="yuva420p").path)
    with pytest.raises(InputError, match=f"{codec} cannot carry yuva420p.*alpha.*write .mkv.*or prores into .mov"):
        write_video(tmp_path / "a.mov", source, source, codec)
    assert [path.name for path in tmp_path.iterdir()] == ["clip.mkv"]


@pytest.mark.parametrize(
    ("pixels", "codec", "written"),
    [("gbrp", "auto", "rgb24"), ("gbrap", "auto", "rgba"), ("gray", "auto", "gray"), ("gbrp10le", "auto", "rgb48be"),
     ("gbrap16le", "auto", "rgba64be"), ("gray16le", "auto", "gray16be"), ("gbrp", "png16", "rgb48be"),
     ("gbrap12le", "png16", "rgba64be"), ("gbrap16le", "png8", "rgba")],
)  # fmt: skip
@pytest.mark.parametrize("size", [(19, 27)])
def test_png_holds_every_code_of_rgb_and_gray(
    make_clip: Callable, tmp_path: Path, pixels: str, codec: CodecChoice, written: str, size: tuple[int, int]
) -> None:
    clip = make_clip(name="in.nut", codec="rawvideo", pixels=pixels, size=size, count=3)
    source = open_video(clip.path)
    write_video(tmp_path / "out" / "%04d.png", source, source, codec)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["0000.png", "0001.png", "0002.png"]
    old_peak, peak = source.format.peak, 65535 if "16" in written or "48" in written or "64" in written else 255
    for index, planes in enumerate(clip.planes):
        name, ((pixels_read,),) = stored(tmp_path / "out" / f"{index:04d}.png")
        assert name == written
        order = (0,) if "gray" in written else (2, 0, 1, 3)[: pixels_read.shape[-1]]
        for channel, number in enumerate(order):
            assert np.array_equal(pixels_read[..., channel], np.rint(planes[number].astype(float) * peak / old_peak))
            if peak >= old_peak:  # and nothing is lost on the way up
                assert np.array_equal(np.rint(pixels_read[..., channel] * old_peak / peak), planes[number])


@pytest.mark.parametrize("depth", [("png8", 1.01), ("png16", 0.51)])
def test_png_of_yuv_is_what_the_matrix_says(
    make_clip: Callable, tmp_path: Path, depth: tuple[CodecChoice, float]
) -> None:
    """BT.601 written out: R = 1.164 (Y - 16) + 1.596 (Cr - 128), and so on."""
    codec, tolerance = depth
    source = open_video(make_clip(pixels="yuv444p", count=1).path)
    write_video(tmp_path / "out" / "%d.png", source, source, codec)
    (frame,) = source
    y, cb, cr = (plane.astype(float) for plane in frame.planes)
    y, cb, cr = (y - 16) * 255 / 219, (cb - 128) * 255 / 224, (cr - 128) * 255 / 224
    rgb = np.stack([y + 1.402 * cr, y - 0.344136 * cb - 0.714136 * cr, y + 1.772 * cb], -1).clip(0, 255)
    ((pixels,),) = stored(tmp_path / "out" / "0.png")[1]
    assert np.abs(pixels * (255 / (65535 if codec == "png16" else 255)) - rgb).max() < tolerance


def test_png_of_floats_has_16_bits(tmp_path: Path) -> None:
    images = np.linspace(-0.5, 1.5, 12, dtype=np.float32).reshape(1, 2, 2, 3)
    source = ArraySource(images, Fraction(24))
    write_video(tmp_path / "out" / "%d.png", source, source)
    name, (((pixels),),) = stored(tmp_path / "out" / "0.png")
    assert name == "rgb48be"
    assert np.array_equal(pixels, np.rint(images[0].clip(0, 1) * np.float32(65535)))


def test_ffv1_of_floats_has_16_bits(tmp_path: Path) -> None:
    images = np.linspace(-0.5, 1.5, 12, dtype=np.float32).reshape(1, 2, 2, 3)
    source = ArraySource(images, Fraction(24))
    write_video(tmp_path / "a.mkv", source, source)
    name, (planes,) = stored(tmp_path / "a.mkv")
    assert name == "gbrp16le"
    assert np.array_equal(np.stack(planes, -1), np.rint(images[0].clip(0, 1) * np.float32(65535))[..., [1, 2, 0]])


@pytest.mark.parametrize(
    "pixels", ["yuva422p10le", "yuva444p16le", "gbrap16le", "gbrap10le", "gbrp14le", "yuv420p16le"]
)
def test_ffv1_keeps_depth_and_alpha(make_clip: Callable, tmp_path: Path, pixels: str) -> None:
    clip = make_clip(name="in.mkv", pixels=pixels, size=(19, 27), count=2)
    source = open_video(clip.path)
    write_video(tmp_path / "out.mkv", source, source)
    for before, after in zip(clip.planes, stored(tmp_path / "out.mkv")[1], strict=True):
        # libav hands 16-bit RGB out with its pixels' samples side by side or in planes; both are read into planes
        assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))


@pytest.mark.parametrize(("suffix", "codec"), VIDEO_TARGETS)
def test_times_and_sound_are_the_source_s(make_clip: Callable, tmp_path: Path, suffix: str, codec: CodecChoice) -> None:
    """A varying rate on the ticks of phones; Matroska rounds to milliseconds."""
    pts = [0, 3000, 6003, 9005, 15010, 18010, 21300, 24001]
    tick = Fraction(1, 90000)
    source = open_video(
        make_clip(name="vfr.mov", codec="libx264", pts=pts, time_base=tick, audio="aac", size=(64, 64)).path
    )
    write_video(tmp_path / f"out{suffix}", source, source, codec)
    tolerance = Fraction(1, 2000) if suffix == ".mkv" else 0
    times = sorted(time for _, time in packets(tmp_path / f"out{suffix}", "video"))
    expected = sorted(time for _, time in packets(source.path, "video"))
    assert all(abs(a - b) <= tolerance for a, b in zip(times, expected, strict=True))
    heard, original = packets(tmp_path / f"out{suffix}", "audio"), packets(source.path, "audio")
    assert [data for data, _ in heard] == [data for data, _ in original]
    assert all(abs(a - b) <= tolerance for (_, a), (_, b) in zip(heard, original, strict=True))


@pytest.mark.parametrize(("suffix", "codec"), VIDEO_TARGETS)
@pytest.mark.parametrize("rate", ["24000/1001", "25"])
def test_a_constant_rate_is_exact(
    make_clip: Callable, tmp_path: Path, suffix: str, codec: CodecChoice, rate: str
) -> None:
    source = open_video(make_clip(name="a.mov", codec="libx264", rate=Fraction(rate), size=(64, 64), count=12).path)
    write_video(tmp_path / f"out{suffix}", source, source, codec)
    tolerance = Fraction(1, 2000) if suffix == ".mkv" else 0
    times = sorted(time for _, time in packets(tmp_path / f"out{suffix}", "video"))
    assert all(abs(time - index / Fraction(rate)) <= tolerance for index, time in enumerate(times))
    assert open_video(tmp_path / f"out{suffix}").frame_rate == Fraction(rate)


@pytest.mark.parametrize(("suffix", "codec"), VIDEO_TARGETS)
@pytest.mark.parametrize("tags", [(1, 1, 1, 1), (9, 1, 9, 16)])
def test_colour_tags_are_kept_by_every_codec(
    make_clip: Callable, tmp_path: Path, suffix: str, codec: CodecChoice, tags: tuple[int, ...]
) -> None:
    source = open_video(make_clip(name="a.mov", codec="libx264", tags=tags, size=(64, 64), count=2).path)
    write_video(tmp_path / f"out{suffix}", source, source, codec)
    with av.open(str(tmp_path / f"out{suffix}")) as container:
        next(container.decode(video=0))
        context = container.streams.video[0].codec_context
        read = (context.colorspace, context.color_range, context.color_primaries, context.color_trc)
    assert read == tags


@pytest.mark.parametrize(("suffix", "codec"), VIDEO_TARGETS)
@pytest.mark.parametrize(
    ("inner", "rate", "timecode"), [("in.mov", "25", "10:11:12:13"), ("in.mkv", "30000/1001", "01:00:00;02")]
)
def test_the_timecode_is_kept(
    tmp_path: Path, suffix: str, codec: CodecChoice, inner: str, rate: str, timecode: str
) -> None:
    write_with_timecode(tmp_path / inner, Fraction(rate), timecode)
    source = open_video(tmp_path / inner)
    write_video(tmp_path / f"out{suffix}", source, source, codec)
    assert timecode_of(tmp_path / f"out{suffix}") == timecode


@pytest.mark.parametrize(
    ("rate", "timecode"), [("25", "99:99:99:99"), ("25", "01:00:00;00"), ("25", "no"), ("1/2", "00:00:00:01")]
)
def test_a_timecode_that_no_file_can_hold_stops_nothing(tmp_path: Path, rate: str, timecode: str) -> None:
    write_with_timecode(tmp_path / "in.mkv", Fraction(rate), timecode)
    source = open_video(tmp_path / "in.mkv")
    write_video(tmp_path / "out.mov", source, source)
    assert timecode_of(tmp_path / "out.mov") is None


def write_with_timecode(path: Path, rate: Fraction, timecode: str) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=rate)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        stream.metadata["timecode"] = timecode
        for _ in range(3):
            container.mux(stream.encode(av.VideoFrame(64, 64, "yuv420p")))
        container.mux(stream.encode(None))


def timecode_of(path: Path) -> str | None:
    with av.open(str(path)) as container:
        metadata = {**container.metadata, **container.streams.video[0].metadata}
    return {key.lower(): text for key, text in metadata.items()}.get("timecode")


@pytest.mark.parametrize(("suffix", "codec"), [(".mov", "prores"), (".mkv", "prores"), (".mp4", "hevc")])
def test_the_shape_of_pixels_is_kept(make_clip: Callable, tmp_path: Path, suffix: str, codec: CodecChoice) -> None:
    aspect = Fraction(16, 11)
    source = open_video(make_clip(name="a.mp4", codec="libx264", size=(64, 64), aspect=aspect, count=2).path)
    write_video(tmp_path / f"out{suffix}", source, source, codec)
    assert open_video(tmp_path / f"out{suffix}").pixel_aspect == aspect


def test_sound_is_refused_with_a_container_that_holds_it_and_the_picture(make_clip: Callable, tmp_path: Path) -> None:
    opus = open_video(make_clip(name="opus.mkv", audio="libopus").path)
    with pytest.raises(InputError, match=r"opus sound .* cannot be copied into \.mov; write \.mkv$"):
        write_video(tmp_path / "out.mov", opus, opus, "prores")
    pcm = open_video(make_clip(name="pcm.mkv", audio="pcm_s16le").path)
    with pytest.raises(InputError, match=r"cannot be copied into \.mp4; write \.mov or \.mkv$"):
        write_video(tmp_path / "out.mp4", pcm, pcm, "hevc")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["opus.mkv", "pcm.mkv"]


@pytest.mark.parametrize(("codec", "inner"), [("ffv1", "out.mov"), ("prores", "out.mp4"), ("png8", "out.mkv")])
def test_a_codec_in_the_wrong_container_names_the_right_one(
    make_clip: Callable, tmp_path: Path, codec: CodecChoice, inner: str
) -> None:
    source = open_video(make_clip().path)
    with pytest.raises(UsageError, match="name the file"):
        write_video(tmp_path / inner, source, source, codec)
