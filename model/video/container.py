"""Opening video files safely: local files of known containers only, each foreign error turned into one sentence."""

import errno
import re
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import av
from av.codec.context import CodecContext
from av.container import InputContainer
from av.error import FFmpegError, InvalidDataError
from av.stream import Disposition, Stream
from av.video.stream import VideoStream

from ..errors import InputError
from .mistaken import what_else

DEMUXERS = (
    "mov", "matroska", "webm", "avi", "mpegts", "mpeg", "mxf", "flv", "asf", "ogg", "nut", "gif", "yuv4mpegpipe",
    "h264", "hevc", "mpegvideo", "m4v", "ivf",
)  # fmt: skip
"""The only kinds of container that libavformat may take a file for; none of them names other files."""

POINTERS = {
    b"#EXTM3U": "an HLS playlist", b"ffconcat": "a concat script", b"<MPD": "a DASH manifest",
    b"<?xml": "an XML manifest", b"v=0": "an SDP description",
}  # fmt: skip

PICTURES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"\x76\x2f\x31\x01")
"""The first bytes of PNG, JPEG and OpenEXR."""

ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")
"""http:/x, as pathlib leaves of http://x; one letter before the colon is a drive."""

SAYS_NOTHING = (errno.EINVAL, errno.EBUSY)
"""Numbers of errors that libav reports, beside InvalidDataError, for a file that it does not know."""

MAX_SIDE = 16384
"""The largest width or height, in pixels, that memory is taken for."""

MAX_PIXELS = MAX_SIDE * 8704
"""The most pixels of one picture: 16K."""


@contextmanager
def open_container(path: Path) -> Generator[InputContainer]:
    """Open a video file for reading; InputError says what is wrong with it."""
    _check_file(path)
    try:
        # An absolute path, so that a file called "http:x" or "concat:x" stays a file.
        container = av.open(
            str(path.absolute()),
            options={"protocol_whitelist": "file", "format_whitelist": ",".join(DEMUXERS)},
            metadata_errors="replace",
        )
    except (FFmpegError, ValueError) as error:
        raise InputError(f"{path} {what_else(path) or _unreadable(error)}") from error
    with container:
        yield container


def _unreadable(error: Exception) -> str:
    is_plain = isinstance(error, InvalidDataError) or getattr(error, "errno", None) in SAYS_NOTHING
    said = "" if is_plain else f" ({reason(error)})"
    return (
        f"cannot be read as video{said}: it is damaged, or its kind is none of mp4, mov, mkv, webm, avi, ts, mpg, mxf,"
        " flv, wmv, ogv, gif; convert it to one of these"
    )


def video_stream(container: InputContainer, path: Path) -> VideoStream:
    """The first moving picture, not a cover image."""
    for stream in container.streams.video:
        if not stream.disposition & Disposition.attached_pic:
            break
    else:
        raise InputError(f"{path} has no video stream; give a file with a picture")
    if codec_name(stream) == "unknown":
        raise InputError(
            f"{path} is of a video codec that is not known here; convert it to H.264, HEVC, ProRes or FFV1"
        )
    height, width = stream.height, stream.width
    if not (0 < height <= MAX_SIDE and 0 < width <= MAX_SIDE and height * width <= MAX_PIXELS):
        raise InputError(
            f"{path} says that it is {width}x{height} pixels; 1 to {MAX_SIDE} a side and up to {MAX_PIXELS} can be read"
        )
    stream.thread_type = "AUTO"
    return stream


def codec_name(stream: Stream) -> str:
    """FFmpeg's name of the stream's codec; "unknown" where this build has no decoder for it."""
    context: CodecContext | None = getattr(stream, "codec_context", None)  # PyAV's stub denies that it may be None
    return context.codec.canonical_name if context is not None else "unknown"


def reason(error: Exception) -> str:
    """libav's own words, without its error number and file name."""
    return str(getattr(error, "strerror", None) or error).rstrip(".")


def _check_file(path: Path) -> None:
    if ADDRESS.match(str(path)) and not path.exists():
        raise InputError(f"there is no file {path}: addresses are never opened; download it and name the file")
    if not path.exists():
        raise InputError(f"there is no file {path}; check the path")
    if not path.is_file():
        raise InputError(f"{path} is not a file; give a video file, or a folder of numbered pictures")
    try:
        with path.open("rb") as file:
            head = file.read(256)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    if not head:
        raise InputError(f"{path} is empty; give a video file")
    if any(head.startswith(magic) for magic in PICTURES):
        raise InputError(f"{path} is one picture; give the folder of its sequence, or a pattern such as shot.%04d.png")
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    for magic, kind in POINTERS.items():
        if text.startswith(magic):
            raise InputError(f"{path} is {kind}: it points at other files, and those are never opened; give the video")
