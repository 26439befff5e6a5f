"""Still pictures: one file, one frame, no container. The decoder gets the file's bytes and never a name."""

from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.codec.context import CodecContext
from av.error import FFmpegError
from av.video.codeccontext import VideoCodecContext
from numpy.typing import NDArray

from ..errors import InputError
from .colour import ColourTags
from .container import MAX_PIXELS, MAX_SIDE, reason
from .formats import FLOAT_RGB, FLOAT_RGBA, PixelFormat, Plane, freeze, read_planes
from .orientation import Orientation, read_orientation

DECODER_OF_HEAD = {b"\x89PNG\r\n\x1a\n": "png", b"\xff\xd8\xff": "mjpeg", b"\x76\x2f\x31\x01": "exr"}
"""libavcodec's decoder by the first bytes of a file; its suffix says nothing about what is in it."""

OPTIONS = {"max_pixels": str(MAX_PIXELS), "err_detect": "crccheck+explode"}
"""No memory for a size that is only declared; no picture made up where a checksum does not fit."""

SRGB_CURVE = 13
"""ITU-T H.273's number of the transfer curve of IEC 61966-2-1."""

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
    # A JPEG that ends early decodes without an error, and its last rows are made up.
    if name == "mjpeg" and data.rfind(JPEG_END) < data.rfind(JPEG_SCAN):
        raise InputError(f"{path} is cut short; write it again")
    context = CodecContext.create(name, "r")
    assert isinstance(context, VideoCodecContext)
    context.options, context.thread_type = OPTIONS, "NONE"
    try:
        pictures = [*context.decode(av.Packet(data)), *context.decode(None)]
    except (FFmpegError, ValueError) as error:
        raise InputError(
            f"{path} cannot be read as a picture ({reason(error)}): it is damaged, or larger than 16K; write it again"
        ) from error
    if len(pictures) != 1 or pictures[0].is_corrupt or max(pictures[0].width, pictures[0].height) > MAX_SIDE:
        raise InputError(f"{path} cannot be read as one picture of at most {MAX_SIDE} pixels a side; write it again")
    try:
        return _described(pictures[0], context)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def _described(picture: av.VideoFrame, context: VideoCodecContext) -> Still:
    is_linear = context.name == "exr"
    planes, layout = _shown_planes(picture) if is_linear else read_planes(picture)
    tags = ColourTags(context.colorspace, context.color_range, context.color_primaries, context.color_trc)
    if is_linear:
        tags = replace(tags, transfer=SRGB_CURVE)
    return Still(planes, layout, tags, Fraction(context.sample_aspect_ratio or 1), read_orientation(picture))


def _shown_planes(picture: av.VideoFrame) -> tuple[tuple[Plane, ...], PixelFormat]:
    """Linear light as a screen would get it: straight instead of multiplied by alpha, on the curve of sRGB.

    Networks, blending and every written format here know such values only. Light above white is kept as such, below
    black too; only rounding to codes clips it.
    """
    name = picture.format.name
    if not name.startswith(("gbrpf", "gbrapf", "grayf")):
        raise InputError(f"EXR pictures of {name} are not supported; write R, G, B (and A) as half or float")
    kind = np.dtype(np.float16 if name.endswith("f16le") else np.float32)
    planes = [
        np.frombuffer(memoryview(plane), kind).reshape(picture.height, -1)[:, : picture.width].astype(np.float32)
        for plane in picture.planes
    ]
    if not all(np.isfinite(plane).all() for plane in planes):
        raise InputError("an EXR picture holds samples that are not numbers (NaN or infinite); render it again")
    colours, alpha = (planes[:3], planes[3:]) if len(planes) > 1 else (planes * 3, [])
    if alpha:
        inverse = np.divide(1, alpha[0], out=np.ones_like(alpha[0]), where=alpha[0] > 0)
        colours = [colour * inverse for colour in colours]
        alpha = [np.clip(alpha[0], 0, 1)]
    shown = (*(freeze(srgb_of_linear(colour)) for colour in colours), *(freeze(plane) for plane in alpha))
    return shown, FLOAT_RGBA if alpha else FLOAT_RGB


def srgb_of_linear(light: NDArray[np.float32]) -> NDArray[np.float32]:
    """IEC 61966-2-1 in [0, 1], carried on above 1 and mirrored below 0 (the scRGB extension)."""
    amount = np.abs(light)
    curve = 1.055 * np.power(np.maximum(amount, 0.0031308), 1 / 2.4) - 0.055
    return np.copysign(np.where(amount <= 0.0031308, 12.92 * amount, curve), light).astype(np.float32)
