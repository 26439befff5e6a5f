"""What each container and codec can carry, and how a frame is brought into it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Literal

import av
import numpy as np

from ..errors import InputError, UsageError
from .colour import RANGE_LIMITED, TAG_OF_MATRIX, ColourSpace
from .formats import FLOAT_RGB, fill_picture, freeze, pixel_format
from .frame import Frame

Codec = Literal["h264", "ffv1"]
CodecChoice = Literal["auto", "h264", "ffv1"]

CODECS_OF_SUFFIX: dict[str, tuple[Codec, ...]] = {".mp4": ("h264",), ".mov": ("h264",), ".mkv": ("ffv1", "h264")}
"""The first is what "auto" means: ffv1 keeps every sample, h264 plays everywhere."""


@dataclass(frozen=True)
class Encoder:
    """A codec of libavcodec with our settings."""

    name: str
    options: Mapping[str, str]


ENCODERS: dict[Codec, Encoder] = {
    "h264": Encoder("libx264", {"crf": "14", "preset": "medium"}),
    "ffv1": Encoder("ffv1", {"level": "3", "slicecrc": "1", "g": "1"}),
}
PACKED_FOR_FFV1 = {"gbrp": "bgr0", "gbrap": "bgra"}
"""FFV1 takes 8-bit RGB in one plane only; the samples are the same."""


def choose_codec(path: Path, codec: CodecChoice) -> Codec:
    """UsageError where the file's suffix does not go with the codec."""
    suffix = path.suffix.lower()
    if suffix not in CODECS_OF_SUFFIX:
        known = ", ".join(CODECS_OF_SUFFIX)
        raise UsageError(f"{path.name} cannot be written: the suffix must be one of {known}, not '{path.suffix}'")
    choices = CODECS_OF_SUFFIX[suffix]
    if codec == "auto":
        return choices[0]
    if codec not in choices:
        fitting = [other for other, codecs in CODECS_OF_SUFFIX.items() if codec in codecs]
        raise UsageError(f"{codec} video does not go into {suffix}; name the file {' or '.join(fitting) or '.mp4'}")
    return codec


def encodable(frame: Frame, codec: Codec) -> Frame:
    """The frame in a pixel format that the codec carries; InputError where samples would have to be thrown away.

    FFV1 carries all of them. H.264 carries gray and YUV of 8 and 10 bits: alpha is dropped where it hides nothing, RGB
    of 8 bits or from memory is converted to YUV, and chroma that H.264 cannot place (odd sizes, 4:4:0, 4:1:1) is
    repeated to one sample a pixel.
    """
    if codec == "ffv1":
        _check_carried(frame, codec)
        return frame
    frame = _without_opaque_alpha(frame)
    is_rgb8 = frame.format.family == "rgb" and frame.format.bits == 8 and not frame.format.has_alpha
    if is_rgb8 or frame.format == FLOAT_RGB:
        frame = _yuv_of_rgb(frame)
    across, down = frame.format.chroma_shift
    odd = frame.size[0] % (1 << down) or frame.size[1] % (1 << across)
    if frame.format.family == "yuv" and (odd or (across, down) not in ((0, 0), (1, 0), (1, 1))):
        frame = _repeat_chroma(frame)
    _check_carried(frame, codec)
    return frame


def picture_of(frame: Frame, codec: Codec) -> av.VideoFrame:
    """The picture to give to the encoder; `frame` is encodable."""
    planes = frame.planes
    if pixel_name(frame, codec) != frame.format.name:
        green, blue, red, *alpha = planes
        packed = np.stack([blue, green, red, *(alpha or [np.zeros_like(red)])], axis=-1)
        planes = (packed.reshape(frame.size[0], -1),)
    return fill_picture(planes, pixel_name(frame, codec), frame.size)


def pixel_name(frame: Frame, codec: Codec) -> str:
    """FFmpeg's name of the format in which the encoder gets `frame`."""
    return PACKED_FOR_FFV1.get(frame.format.name, frame.format.name) if codec == "ffv1" else frame.format.name


@cache
def _carried_by(codec: Codec) -> frozenset[str]:
    return frozenset(layout.name for layout in av.Codec(ENCODERS[codec].name, "w").video_formats or ())


def _check_carried(frame: Frame, codec: Codec) -> None:
    if pixel_name(frame, codec) not in _carried_by(codec):
        other = "write .mkv, which keeps every sample" if codec == "h264" else "convert the video first"
        raise InputError(f"{codec} cannot carry {frame.format.name} ({frame.format.bits} bits); {other}")


def _without_opaque_alpha(frame: Frame) -> Frame:
    if not frame.format.has_alpha or (frame.planes[-1] != frame.format.peak).any():
        return frame
    layout = pixel_format(frame.format.name.replace("yuva", "yuv").replace("gbrap", "gbrp"))
    return replace(frame, planes=frame.planes[:-1], format=layout)


def _yuv_of_rgb(frame: Frame) -> Frame:
    """RGB as limited-range YUV: black plus the picture. 4:2:0, which every player shows, unless the size is odd."""
    height, width = frame.size
    layout = pixel_format("yuv444p" if height % 2 or width % 2 else "yuv420p")
    tags = replace(frame.colour.tags, matrix=TAG_OF_MATRIX[frame.colour.matrix], range=RANGE_LIMITED)
    shapes = layout.plane_shapes(frame.size)
    black = tuple(freeze(np.full(shape, code, np.uint8)) for shape, code in zip(shapes, (16, 128, 128), strict=True))
    colour = ColourSpace(frame.colour.matrix, full_range=False, tags=tags)
    return replace(frame, planes=black, format=layout, colour=colour).add_rgb(frame.to_rgb(), 0, 0)


def _repeat_chroma(frame: Frame) -> Frame:
    """Every pixel its own chroma sample: the one that spanned it."""
    across, down = frame.format.chroma_shift
    height, width = frame.size
    luma, *others = frame.planes
    chroma = (plane.repeat(1 << down, 0).repeat(1 << across, 1)[:height, :width] for plane in others[:2])
    layout = pixel_format("yuv444p" if frame.format.bits == 8 else f"yuv444p{frame.format.bits}le")
    if frame.format.has_alpha:
        raise InputError(f"h264 cannot carry the alpha of {frame.format.name}; write .mkv, which keeps every sample")
    return replace(frame, planes=(luma, *(freeze(plane) for plane in chroma)), format=layout)
