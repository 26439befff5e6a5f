"""Still pictures: one file, one frame, no container. The decoder gets the file's bytes and never a name."""

from dataclasses import dataclass, replace
from fractions import Fraction
from io import BytesIO
from pathlib import Path

import av
from av.codec.context import CodecContext
from av.error import FFmpegError
from av.video.codeccontext import VideoCodecContext
from PIL import Image

from ..errors import InputError
from .colour import ColourTags
from .container import MAX_PIXELS, MAX_SIDE
from .exr import is_whole, shown_planes
from .formats import PixelFormat, Plane, read_planes
from .orientation import Orientation, exif_orientation

DECODER_OF_HEAD = {b"\x89PNG\r\n\x1a\n": "png", b"\xff\xd8\xff": "mjpeg", b"\x76\x2f\x31\x01": "exr"}
"""libavcodec's decoder by the first bytes of a file; its suffix says nothing about what is in it."""

OPTIONS = {"max_pixels": str(MAX_PIXELS), "err_detect": "crccheck+explode"}
"""No memory for a size that is only declared; no picture made up where a checksum does not fit."""

SRGB = 13
"""ITU-T H.273's number of the transfer curve of IEC 61966-2-1."""

EXIF_MARKS, EXIF_ORIENTATION = (b"Exif\0", b"eXIf"), 0x0112

JPEG_SCAN, JPEG_END = b"\xff\xda", b"\xff\xd9"


@dataclass(frozen=True)
class Still:
    """One decoded picture file."""

    planes: tuple[Plane, ...]
    """As stored, not turned; linear light already on the sRGB curve, as float32."""
    format: PixelFormat
    tags: ColourTags
    pixel_aspect: Fraction
    orientation: Orientation


def read_still(path: Path) -> Still:
    """Decode a PNG, JPEG or EXR file; InputError where it is none of them, damaged, or larger than 16K."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    if not data:
        raise InputError(f"{path} is empty; write it again")
    name = next((name for head, name in DECODER_OF_HEAD.items() if data.startswith(head)), None)
    if name is None:
        raise InputError(f"{path} is not a PNG, JPEG or EXR picture; convert it to one of these")
    # These decode without an error where the file ends early, and the rows that are missing are made up.
    is_cut = (name == "mjpeg" and data.rfind(JPEG_END) < data.rfind(JPEG_SCAN)) or (
        name == "exr" and not is_whole(data)
    )
    if is_cut:
        raise InputError(f"{path} is cut short; write it again")
    if name == "png":
        _check_declared(path, int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big"))
    context = CodecContext.create(name, "r")
    assert isinstance(context, VideoCodecContext)
    context.options, context.thread_type = OPTIONS, "NONE"
    try:
        pictures = [*context.decode(av.Packet(data)), *context.decode(None)]
    except (FFmpegError, ValueError) as error:
        raise InputError(
            f"{path} cannot be read as a picture: it is damaged, or larger than 16K; write it again"
        ) from error
    if len(pictures) != 1 or pictures[0].is_corrupt or max(pictures[0].width, pictures[0].height) > MAX_SIDE:
        raise InputError(f"{path} cannot be read as one picture of at most {MAX_SIDE} pixels a side; write it again")
    try:
        return _described(pictures[0], context, _orientation(data))
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def _check_declared(path: Path, width: int, height: int) -> None:
    if max(width, height) > MAX_SIDE or width * height > MAX_PIXELS:
        raise InputError(
            f"{path} says that it is {width}x{height} pixels; 1 to {MAX_SIDE} a side and up to {MAX_PIXELS} can be read"
        )


def _described(picture: av.VideoFrame, context: VideoCodecContext, orientation: Orientation) -> Still:
    is_linear = context.name == "exr"
    planes, layout = shown_planes(picture) if is_linear else read_planes(picture)
    tags = ColourTags(context.colorspace, context.color_range, context.color_primaries, context.color_trc)
    if is_linear:
        tags = replace(tags, transfer=SRGB)
    return Still(planes, layout, tags, Fraction(context.sample_aspect_ratio or 1), orientation)


def _orientation(data: bytes) -> Orientation:
    """From the EXIF tags of a JPEG or PNG, which FFmpeg reports since version 8 only."""
    if not any(mark in data for mark in EXIF_MARKS):
        return Orientation()
    try:
        with Image.open(BytesIO(data), formats=("JPEG", "PNG")) as picture:
            return exif_orientation(picture.getexif().get(EXIF_ORIENTATION, 1))
    except (OSError, ValueError, SyntaxError):  # tags that cannot be read say nothing; the picture itself was decoded
        return Orientation()
