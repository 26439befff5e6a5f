"""What artists drop on a tool by mistake, and what others hand them on purpose: one sentence, exit code 4, no file."""

import os
import re
import socket
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from tiny import write_tiny_pack

from dva.dva_plugin.cli import main
from dva.model.video import container

PROJECT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_tiny_pack(tmp_path_factory.mktemp("packs") / "tiny"))


def write_clip(path: Path, size: tuple[int, int] = (48, 64), count: int = 30, pixels: str = "yuv420p") -> Path:
    """Noise, so that packets are long enough to be hurt."""
    rng = np.random.default_rng(0)
    with av.open(str(path), "w") as target:
        codec, options = ("ffv1", {"level": "3", "slicecrc": "1"}) if path.suffix == ".mkv" else ("libx264", {})
        stream = target.add_stream(codec, rate=25, options=options)
        stream.height, stream.width, stream.pix_fmt = *size, pixels
        for _ in range(count):
            image = rng.integers(0, 256, (*size, 3), np.uint8)
            target.mux(stream.encode(av.VideoFrame.from_ndarray(image).reformat(format=pixels)))
        target.mux(stream.encode(None))
    return path


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(width: int, height: int, rows: bytes, colour_type: int = 0) -> bytes:
    palette = chunk(b"PLTE", bytes(range(192))) if colour_type == 3 else b""
    head = struct.pack(">IIBBBBB", width, height, 8, colour_type, 0, 0, 0)
    data = chunk(b"IDAT", zlib.compress(rows))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + palette + data + chunk(b"IEND", b"")


def truncated(folder: Path, suffix: str) -> Path:
    path = write_clip(folder / f"cut{suffix}")
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    return path


def corrupt(folder: Path, suffix: str) -> Path:
    path = write_clip(folder / f"bad{suffix}")
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 900] = np.random.default_rng(1).bytes(900)
    path.write_bytes(data)
    return path


def sound_only(folder: Path) -> Path:
    with av.open(str(folder / "sound.mp4"), "w") as target:
        stream = target.add_stream("aac", rate=48000)
        frame = av.AudioFrame.from_ndarray(np.zeros((2, 1024), np.float32), format="fltp", layout="stereo")
        frame.sample_rate = 48000
        target.mux([*stream.encode(frame), *stream.encode(None)])
    return folder / "sound.mp4"


def without_rate(folder: Path) -> Path:
    """All frames last 0 ticks: the table of durations (stts) says so."""
    path = write_clip(folder / "still.mov")
    data = bytearray(path.read_bytes())
    at = data.find(b"stts")
    data[at + 16 : at + 20] = bytes(4)
    path.write_bytes(data)
    return path


def pictures(folder: Path, numbers: tuple[int, ...], colour_type: int = 0) -> Path:
    (folder / "plates").mkdir()
    for number in numbers:
        rows = b"".join(b"\0" + bytes(range(64)) for _ in range(48))
        (folder / "plates" / f"plate.{number:04d}.png").write_bytes(png(64, 48, rows, colour_type))
    return folder / "plates"


def text(folder: Path, content: str, name: str = "clip.mp4") -> Path:
    (folder / name).write_text(content)
    return folder / name


def raw(folder: Path, content: bytes, name: str = "clip.mp4") -> Path:
    (folder / name).write_bytes(content)
    return folder / name


def made(folder: Path, name: str) -> Path:
    (folder / name).mkdir()
    return folder / name


BAD_INPUTS: dict[str, tuple[Callable[[Path], Path | str], str]] = {
    "a file that is not there": (lambda f: f / "absent.mp4", "there is no file"),
    "an empty file": (lambda f: raw(f, b""), "is empty"),
    "random bytes": (lambda f: raw(f, np.random.default_rng(0).bytes(4000)), "cannot be read as video"),
    "a text": (lambda f: text(f, "notes for the shot\n" * 400), "is a text and no video"),
    "an archive": (lambda f: raw(f, b"PK\x03\x04" + bytes(200)), "is a ZIP archive and no video"),
    "a drawing": (lambda f: text(f, "<svg xmlns='http://www.w3.org/2000/svg'/>"), "is a drawing .SVG. and no video"),
    "sound in a RIFF": (lambda f: raw(f, b"RIFF\0\0\0\0WAVEfmt " + bytes(99)), "is sound and no video"),
    "a declared size": (
        lambda f: raw(f, b"YUV4MPEG2 W100000 H100000 F25:1 Ip A1:1 C420\nFRAME\n" + bytes(50)), "read as video: it is",
    ),
    "a cut mp4": (lambda f: truncated(f, ".mp4"), r"is cut short: it lacks the index \(moov\)"),
    "a cut mkv": (lambda f: truncated(f, ".mkv"), "is cut short"),
    "a damaged packet in mp4": (lambda f: corrupt(f, ".mp4"), "is damaged|cannot be decoded"),
    "a damaged packet in mkv": (lambda f: corrupt(f, ".mkv"), "is damaged|cannot be decoded"),
    "sound only": (sound_only, "has no video stream"),
    "no frame rate": (without_rate, "0 frames a second"),
    "one pixel": (lambda f: write_clip(f / "one.mkv", (1, 1), 2, pixels="yuv444p"), "no face found"),
    "one frame": (lambda f: write_clip(f / "one.mkv", count=1), "no face found in the one frame"),
    "grey": (lambda f: write_clip(f / "grey.mkv", count=2, pixels="gray"), "no face found"),
    "grey pictures": (lambda f: pictures(f, (1, 2, 3)), "no face found"),
    "palette pictures": (lambda f: pictures(f, (1, 2), 3), "no face found"),
    "palette pictures with a hole": (lambda f: pictures(f, (1, 2, 4), 3), "has holes: 3 missing"),
    "one picture": (lambda f: pictures(f, (1,)) / "plate.0001.png", "is one picture"),
    "a picture cut short": (
        lambda f: raw(pictures(f, (1,)), png(64, 48, bytes(65 * 48))[:-30], "plate.0001.png").parent, "cannot be read",
    ),
    "a picture of a declared size": (
        lambda f: raw(pictures(f, (1,)), png(100_000, 100_000, bytes(5000)), "plate.0001.png").parent,
        "says that it is 100000x100000 pixels",
    ),
    "an empty folder": (lambda f: made(f, "plates"), "is a folder without numbered pictures"),
    "a folder called as a film": (lambda f: made(f, "clip.mp4"), "is a folder without numbered pictures"),
    "an address": (lambda _: "http://127.0.0.1:9/clip.mp4", "addresses are never opened"),
    "a stream": (lambda _: "rtsp://127.0.0.1:9/clip", "addresses are never opened"),
    "a device": (lambda _: "/dev/zero", "is not a file|there is no file"),
}  # fmt: skip


@pytest.mark.parametrize("kind", BAD_INPUTS)
def test_a_bad_input_is_one_sentence_and_leaves_nothing(
    pack: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    make, words = BAD_INPUTS[kind]
    source = make(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    out = tmp_path / ("out/%04d.png" if "picture" in kind or "damaged" in kind else "out.mkv")
    assert main(["edit", str(source), "-o", str(out), "--attribute", "Eyeglasses=1", "--pack", pack]) == 4
    told = capsys.readouterr().err.replace("\r", "\n").splitlines()
    (said,) = [line for line in told if line.startswith("dva: ")]
    assert re.search(words, said), said
    assert "Traceback" not in "".join(told)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    "content",
    ["#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:{port}/real.mp4\n#EXT-X-ENDLIST\n",
     "ffconcat version 1.0\nfile 'http://127.0.0.1:{port}/real.mp4'\nfile 'real.mp4'\n",
     "\ufeff\n #EXTM3U\n#EXTINF:1,\nreal.mp4\n",
     "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video {port} RTP/AVP 96\n",
     "<?xml version='1.0'?><MPD><BaseURL>http://127.0.0.1:{port}/</BaseURL></MPD>",
     "[playlist]\nFile1=http://127.0.0.1:{port}/real.mp4\n", "[Reference]\nRef1=http://127.0.0.1:{port}/real.mp4\n",
     "# a comment first\nffconcat version 1.0\nfile real.mp4\n"],
)  # fmt: skip
@pytest.mark.parametrize("through_libav", [False, True])
def test_a_playlist_opens_nothing_else(
    pack: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
    content: str, through_libav: bool,
) -> None:  # fmt: skip
    """Neither by our own look at the first bytes, nor by libav where that look would miss one."""
    if through_libav:
        monkeypatch.setattr(container, "POINTERS", {})
    write_clip(tmp_path / "real.mp4")
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0)
        text(tmp_path, content.format(port=server.getsockname()[1]), "disguised.mp4")
        for suffix in (".mp4", ".mkv"):
            source = (tmp_path / "disguised.mp4").rename(tmp_path / f"disguised{suffix}")
            code = main(
                ["edit", str(source), "-o", str(tmp_path / "out.mkv"), "--attribute", "Eyeglasses=1", "--pack", pack]
            )
            assert code == 4
            (tmp_path / f"disguised{suffix}").rename(tmp_path / "disguised.mp4")
        with pytest.raises(BlockingIOError):
            server.accept()
    assert "real" not in capsys.readouterr().err
    assert not (tmp_path / "out.mkv").exists()


JPEG_SCAN = bytes.fromhex("ffda0008010100003f00")
HUGE = {
    "a.1.png": png(100_000, 100_000, bytes(5000)),
    "b.1.png": png(16_000, 16_000, bytes(5000)),
    "c.1.jpg": b"\xff\xd8\xff\xc0\x00\x0b\x08\xff\xff\xff\xff\x01\x01\x11\x00" + JPEG_SCAN + bytes(99) + b"\xff\xd9",
    "d.mp4": b"YUV4MPEG2 W100000 H100000 F25:1 Ip A1:1 C420\nFRAME\n" + bytes(5000),
}  # fmt: skip


def test_a_size_that_is_only_declared_takes_no_memory(tmp_path: Path) -> None:
    """In a process of its own, which says how much it had at most, in MiB."""
    for name, data in HUGE.items():
        folder = made(tmp_path, name[0])
        raw(folder, data, name)
    wide = write_clip(tmp_path / "e.mkv", (300, 300), count=2)
    data = wide.read_bytes()
    assert data.count(b"\xb0\x82\x01\x2c\xba\x82\x01\x2c") == 1
    wide.write_bytes(data.replace(b"\xb0\x82\x01\x2c\xba\x82\x01\x2c", b"\xb0\x82\xff\xff\xba\x82\xff\xff"))
    program = """
import resource, sys
from dva.model.errors import InputError
from dva.model.video import open_video
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
start = peak()
for path in sys.argv[1:]:
    try:
        list(open_video(path))
    except InputError as error:
        print(path, error)
    else:
        sys.exit(f"{path} was read")
sys.exit(f"took {peak() - start} MiB" if peak() - start > 100 else 0)
"""
    pytest.importorskip("resource")
    paths = [str(tmp_path / name) for name in ("a", "b", "c", "d/d.mp4", "e.mkv")]
    environment = {**os.environ, "PYTHONPATH": str(PROJECT.parent)}
    done = subprocess.run(
        [sys.executable, "-c", program, *paths], capture_output=True, text=True, check=False, env=environment
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout.splitlines()) == len(paths)
