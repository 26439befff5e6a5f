"""Numbered pictures as clips, in and out; the pictures themselves are written and read by libav alone."""

from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.codec.context import CodecContext
from numpy.typing import NDArray
from PIL import Image, ImageOps

from dva.model.errors import DvaError, InputError, UsageError
from dva.model.video import ArraySource, Frame, SequenceSource, is_sequence, open_video, write_video

KINDS = {"gray16be": ">u2", "rgb48be": ">u2", "rgba64be": ">u2", "ya16be": ">u2"}
CHANNELS = {"gray": 1, "ya": 2, "rgba": 4, "rgb": 3}
SIZE = (16, 20)


def still(codec: str, pixels: str, planes: list[NDArray], **options: str) -> bytes:
    """One picture, encoded. planes: as libav lays them out."""
    context = CodecContext.create(codec, "w")
    context.height, context.width = planes[0].shape[0], options.pop("width", None) or SIZE[1]
    context.pix_fmt, context.time_base, context.options = pixels, Fraction(1), options
    picture = av.VideoFrame(context.width, context.height, pixels)
    for target, samples in zip(picture.planes, planes, strict=True):
        np.frombuffer(target, samples.dtype).reshape(samples.shape[0], -1)[:, : samples.shape[1]] = samples
    return b"".join(bytes(packet) for packet in [*context.encode(picture), *context.encode(None)])


def random_pixels(pixels: str, seed: int = 0) -> NDArray:
    """[H, W, N] random codes of a packed format."""
    channels = next(n for name, n in CHANNELS.items() if pixels.startswith(name))
    kind = np.dtype(KINDS.get(pixels, "u1"))
    peak = 256 if kind == np.uint8 else 65536
    return np.random.default_rng(seed).integers(0, peak, (*SIZE, channels)).astype(kind)


def write_pngs(folder: Path, numbers: list[int], name: str = "shot.{:04d}.png", pixels: str = "rgb24") -> list[NDArray]:
    folder.mkdir(exist_ok=True)
    pictures = [random_pixels(pixels, number) for number in numbers]
    for number, picture in zip(numbers, pictures, strict=True):
        (folder / name.format(number)).write_bytes(still("png", pixels, [picture.reshape(SIZE[0], -1)]))
    return pictures


@pytest.mark.parametrize("pixels", ["gray", "ya8", "rgb24", "rgba", "gray16be", "ya16be", "rgb48be", "rgba64be"])
def test_png_pictures_are_read_code_by_code(tmp_path: Path, pixels: str) -> None:
    pictures = write_pngs(tmp_path, [0, 1], pixels=pixels)
    source = open_video(tmp_path)
    channels = {1: (0,), 2: (0, 0, 0, 1), 3: (1, 2, 0), 4: (1, 2, 0, 3)}[pictures[0].shape[-1]]
    assert source.format.bits == (16 if pixels in KINDS else 8)
    assert source.format.has_alpha == (len(channels) == 4)
    for frame, picture in zip(source, pictures, strict=True):
        assert all(np.array_equal(plane, picture[..., c]) for plane, c in zip(frame.planes, channels, strict=True))


def test_a_palette_is_looked_up(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    palette, picture = rng.integers(0, 256, (256, 4)).astype(np.uint8), rng.integers(0, 256, SIZE).astype(np.uint8)
    palette[:, 3] = 255
    bgra = palette[:, [2, 1, 0, 3]]
    (tmp_path / "a1.png").write_bytes(still("png", "pal8", [picture, bgra.reshape(1, -1)]))
    (frame,) = open_video(tmp_path)
    assert np.array_equal(np.stack(frame.planes, -1), palette[picture][..., [1, 2, 0, 3]])


def test_jpeg_pictures_are_full_range_bt601(tmp_path: Path) -> None:
    """JFIF says so, whatever the size."""
    ramp = np.linspace(0, 255, 720 * 96).reshape(720, 96).astype(np.uint8)
    grey = np.full((360, 48), 128, np.uint8)
    (tmp_path / "a.0007.jpg").write_bytes(still("mjpeg", "yuvj420p", [ramp, grey, grey], width=96))
    source = open_video(tmp_path)
    assert (source.format.name, source.colour.matrix, source.colour.full_range) == ("yuv420p", "bt601", True)
    assert np.abs(next(iter(source)).planes[0].astype(int) - ramp).max() < 12


@pytest.mark.parametrize("number", range(1, 9))
@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_exif_turns_pictures_as_pillow_does(tmp_path: Path, suffix: str, number: int) -> None:
    rng = np.random.default_rng(0)
    picture = Image.fromarray(rng.integers(0, 256, (2, 3, 3), np.uint8).repeat(16, 0).repeat(16, 1))
    exif = Image.Exif()
    exif[0x0112] = number
    picture.save(tmp_path / f"a1.{suffix}", exif=exif, quality=98, subsampling=0)
    (frame,) = open_video(tmp_path)
    with Image.open(tmp_path / f"a1.{suffix}") as stored:
        upright = np.asarray(ImageOps.exif_transpose(stored))
    assert np.abs(frame.to_rgb8().astype(int) - upright).max() <= 6


@pytest.mark.parametrize("depth", ["float", "half"])
def test_exr_is_brought_from_linear_light_to_the_curve_of_srgb(tmp_path: Path, depth: str) -> None:
    """Known pairs of IEC 61966-2-1; light above white is kept."""
    pairs = {0.0: 0.0, 0.0030: 0.0388, 0.18: 0.4614, 0.5: 0.7354, 1.0: 1.0, 4.0: 1.8249, -0.18: -0.4614}
    light = np.tile(np.array(list(pairs), np.float32), (4, 1))
    (tmp_path / "a.1001.exr").write_bytes(still("exr", "gbrpf32le", [light] * 3, width=len(pairs), format=depth))
    source = open_video(tmp_path)
    (frame,) = source
    assert (source.format.bits, source.colour.tags.transfer) == (32, 13)
    for plane in frame.planes:
        np.testing.assert_allclose(plane[0], list(pairs.values()), atol=1e-3)
    assert frame.to_rgb().max() == 1


def test_exr_colours_are_divided_by_their_alpha(tmp_path: Path) -> None:
    """A half-covered white pixel is stored as 0.5, 0.5, 0.5, 0.5; what shines without covering keeps its light."""
    colour = np.array([[0.5, 1.0, 0.25, 0.0]], np.float32).repeat(2, 0)
    alpha = np.array([[0.5, 1.0, 0.0, 0.0]], np.float32).repeat(2, 0)
    (tmp_path / "a.0.exr").write_bytes(still("exr", "gbrapf32le", [colour] * 3 + [alpha], width=4, format="float"))
    (frame,) = open_video(tmp_path)
    np.testing.assert_allclose(frame.planes[0][0], [1, 1, 0.5371, 0], atol=1e-3)
    assert np.array_equal(frame.planes[3][0], [0.5, 1, 0, 0])
    write_video(tmp_path / "out" / "%d.png", open_video(tmp_path), [frame])
    with av.open(str(tmp_path / "out" / "0.png")) as container:
        picture = next(container.decode(video=0))
        codes = np.frombuffer(picture.planes[0], ">u2").reshape(2, -1)[0, :16].reshape(4, 4)
    assert picture.format.name == "rgba64be"
    assert codes[:, 3].tolist() == [32768, 65535, 0, 0]
    assert codes[:2, 0].tolist() == [65535, 65535]


def test_an_exr_picture_that_is_not_numbers_is_refused(tmp_path: Path) -> None:
    light = np.full(SIZE, np.nan, np.float32)
    (tmp_path / "a.1.exr").write_bytes(still("exr", "gbrpf32le", [light] * 3, format="float"))
    with pytest.raises(InputError, match=r"a\.1\.exr: .*not numbers"):
        open_video(tmp_path)


@pytest.mark.parametrize("named", [".", "shot.%04d.png", "shot.####.png"])
def test_a_folder_and_a_pattern_name_the_same_clip(tmp_path: Path, named: str) -> None:
    pictures = write_pngs(tmp_path, [998, 999, 1000, 1001])
    (tmp_path / "notes.txt").write_text("not a picture")
    source = open_video(tmp_path / named, frame_rate=Fraction(24000, 1001))
    assert isinstance(source, SequenceSource)
    assert (source.frame_count, source.first_number, source.frame_rate) == (4, 998, Fraction(24000, 1001))
    assert (source.variable_rate, source.has_audio, source.start_time) == (False, False, 0)
    for frame in source.frames(1, 3):
        assert np.array_equal(frame.to_rgb8(), pictures[frame.index])
        assert frame.pts * frame.time_base == frame.index * Fraction(1001, 24000)


def test_numbers_without_zeros_are_put_in_order(tmp_path: Path) -> None:
    pictures = write_pngs(tmp_path, [8, 9, 10, 11], name="f{}.png")
    for named in (tmp_path, tmp_path / "f%d.png"):
        assert all(np.array_equal(f.to_rgb8(), p) for f, p in zip(open_video(named), pictures, strict=True))


def test_pictures_are_24_a_second_unless_told_and_files_know_their_rate(make_clip: Callable, tmp_path: Path) -> None:
    write_pngs(tmp_path / "in", [0])
    assert open_video(tmp_path / "in").frame_rate == 24
    with pytest.raises(UsageError, match="has its own; leave it out"):
        open_video(make_clip().path, frame_rate=Fraction(25))


def test_what_is_a_sequence(tmp_path: Path) -> None:
    (tmp_path / "50%d.png").touch()
    assert is_sequence(tmp_path)
    assert is_sequence(tmp_path / "a.%04d.exr")
    for file in ("50%d.png", "a.mp4", "a.%04d.mp4", "a.png"):
        assert not is_sequence(tmp_path / file)


def test_the_hash_of_a_sequence_covers_every_picture(tmp_path: Path) -> None:
    write_pngs(tmp_path, [0, 1, 2])
    before = open_video(tmp_path).sha256()
    assert open_video(tmp_path / "shot.%04d.png").sha256() == before
    write_pngs(tmp_path, [2], pixels="gray")
    assert open_video(tmp_path).sha256() != before


def test_pictures_that_do_not_make_a_clip_are_refused_in_one_sentence(tmp_path: Path) -> None:
    def folder(name: str) -> Path:
        (tmp_path / name).mkdir()
        return tmp_path / name

    write_pngs(holes := folder("holes"), [1, 2, 5, 6, 8, 30])
    write_pngs(two := folder("two"), [1, 2])
    write_pngs(two, [1, 2], name="mask.{:04d}.png")
    write_pngs(mixed := folder("mixed"), [1], name="a{}.png")
    write_pngs(mixed, [2], name="a{:04d}.png")
    write_pngs(kinds := folder("kinds"), [1, 2])
    write_pngs(kinds, [2], pixels="gray")
    huge = folder("huge")
    write_pngs(huge, [1, 10**18], name="a{:019d}.png")
    for path, sentence in [
        (holes, r"shot\.%04d\.png has holes: 3-4, 7, 9-29 missing"), (two, r"more than one sequence; name one of"),
        (mixed, "with and without zeros in front"), (folder("empty"), "is a folder without numbered pictures"),
        (holes / "other.%04d.png", "there is no picture"), (tmp_path / "absent" / "%04d.png", "cannot be read"),
        (kinds, "changes from 20x16 gbrp to 20x16 gray at frame 1"), (huge, "has holes: 2-9+ missing"),
        (holes / "shot.%02d.png", "check the folder, the name and the number of digits"),
    ]:  # fmt: skip
        with pytest.raises(InputError, match=sentence) as caught:
            list(open_video(path))
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("codec", ["png", "exr", "mjpeg"])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.99])
def test_a_damaged_picture_is_named(tmp_path: Path, codec: str, share: float) -> None:
    """Never a picture with made-up rows."""
    rng = np.random.default_rng(0)
    if codec == "png":
        data = still("png", "rgb24", [rng.integers(0, 256, (16, 60)).astype(np.uint8)])
    elif codec == "exr":
        data = still("exr", "gbrpf32le", [rng.random(SIZE).astype(np.float32) for _ in range(3)])
    else:
        data = still("mjpeg", "yuvj444p", [rng.integers(0, 256, SIZE).astype(np.uint8) for _ in range(3)])
    for number in range(3):
        (tmp_path / f"a{number}.png").write_bytes(data)
    (tmp_path / "a1.png").write_bytes(data[: int(len(data) * share)])
    with pytest.raises(InputError, match=r"a1\.png .*(empty|damaged|cut short|cannot be read|is not a PNG)"):
        list(open_video(tmp_path))


def test_a_sequence_keeps_its_numbers_and_codes_from_end_to_end(tmp_path: Path) -> None:
    pictures = write_pngs(tmp_path / "in", [1001, 1002, 1003], pixels="rgb48be")
    source = open_video(tmp_path / "in")
    write_video(tmp_path / "out" / "edit_%04d.png", source, source)
    assert sorted(f.name for f in (tmp_path / "out").iterdir()) == [f"edit_{n}.png" for n in (1001, 1002, 1003)]
    for number, picture in zip((1001, 1002, 1003), pictures, strict=True):
        with av.open(str(tmp_path / "out" / f"edit_{number}.png")) as container:
            read = next(container.decode(video=0))
            assert read.format.name == "rgb48be"
            assert np.array_equal(
                np.frombuffer(read.planes[0], ">u2").reshape(SIZE[0], -1)[:, :60], picture.reshape(16, 60)
            )


def test_sequences_become_files_with_their_rate(tmp_path: Path) -> None:
    pictures = write_pngs(tmp_path / "in", [1, 2, 3], pixels="rgba")
    source = open_video(tmp_path / "in", frame_rate=Fraction(24000, 1001))
    write_video(tmp_path / "out.mkv", source, source)
    with av.open(str(tmp_path / "out.mkv")) as container:
        for picture, read in zip(pictures, container.decode(video=0), strict=True):
            assert np.array_equal(read.to_ndarray(format="rgba"), picture)
    assert open_video(tmp_path / "out.mkv").frame_rate == Fraction(24000, 1001)


def test_the_sound_lies_beside_the_pictures(make_clip: Callable, tmp_path: Path) -> None:
    for codec, name in [("aac", "sound.mov"), ("pcm_s16le", "sound.mov"), ("libopus", "sound.mka")]:
        source = open_video(make_clip(name=f"{codec}.mkv", audio=codec).path)
        write_video(tmp_path / codec / "%04d.png", source, source)
        copied, original = (b"".join(sound_of(path)) for path in (tmp_path / codec / name, source.path))
        assert copied == original
        again = open_video(tmp_path / codec)
        assert again.frame_count == 8


def sound_of(path: Path) -> list[bytes]:
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(audio=0) if packet.size]


def test_the_folder_appears_whole_or_not_at_all(make_clip: Callable, tmp_path: Path) -> None:
    source = open_video(make_clip(audio="aac").path)

    def watched() -> Iterator[Frame]:
        for frame in source:
            assert not (tmp_path / "out").exists()
            yield frame

    def failing() -> Iterator[Frame]:
        yield from source.frames(0, 3)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_video(tmp_path / "out" / "%04d.png", source, failing())
    assert [path.name for path in tmp_path.iterdir()] == ["clip.mkv"]
    write_video(tmp_path / "out" / "%04d.png", source, watched())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clip.mkv", "out"]
    assert len(list((tmp_path / "out").iterdir())) == 9


def test_an_earlier_sequence_is_replaced_as_a_whole(tmp_path: Path) -> None:
    write_pngs(tmp_path / "out", list(range(12)))
    clip = ArraySource(np.zeros((3, 8, 8, 3), np.uint8), Fraction(24))
    write_video(tmp_path / "out" / "shot.%04d.png", clip, clip)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [f"shot.000{n}.png" for n in range(3)]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_finished_pictures_are_kept_where_their_folder_is_in_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Windows moves no folder of which a program holds a file open; the earlier pictures stay as they were."""
    earlier = write_pngs(tmp_path / "out", [0])
    clip = ArraySource(np.zeros((3, 8, 8, 3), np.uint8), Fraction(24))
    rename = Path.rename

    def in_use(path: Path, target: Path) -> Path:
        if path.name == "out":
            raise PermissionError(13, "in use", str(path))
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", in_use)
    with pytest.raises(InputError, match=r"in use by another program; the finished pictures were kept in .*out\."):
        write_video(tmp_path / "out" / "shot.%04d.png", clip, clip)
    (kept,) = (path for path in tmp_path.iterdir() if path.name != "out")
    assert len(list(open_video(kept))) == 3
    assert np.array_equal(next(iter(open_video(tmp_path / "out"))).to_rgb8(), earlier[0])


def test_a_folder_that_cannot_be_taken_is_refused_before_any_work(make_clip: Callable, tmp_path: Path) -> None:
    write_pngs(tmp_path / "in", [0, 1])
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "todo.txt").touch()
    (tmp_path / "file").touch()
    source = open_video(tmp_path / "in")
    varying = open_video(
        make_clip(
            name="vfr.mp4", codec="libx264", pts=[0, 40, 80, 200, 230, 400, 410, 500], time_base=Fraction(1, 1000)
        ).path
    )
    before = sorted(tmp_path.rglob("*"))
    for target, like, sentence in [
        ("in/shot.%04d.png", source, "is the source itself"), ("notes/%04d.png", source, r"holds other.*\(todo.txt\)"),
        ("in/other.%04d.png", varying, "holds other things too"), ("file/%04d.png", source, "is a file"),
        ("absent/out/%04d.png", source, "there is no folder"), ("out/still.png", source, "a place for their number"),
        ("out/%d-%d.png", source, "a place for their number"), ("out/%04d.png", varying, "frame rate that varies"),
    ]:  # fmt: skip
        with pytest.raises(DvaError, match=sentence):
            write_video(tmp_path / target, like, like)
    assert sorted(tmp_path.rglob("*")) == before
