"""What each container and codec can carry: tables first, then what follows from them."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import av
import numpy as np

from ..errors import InputError, UsageError
from .conversion import limited_yuv, repeat_chroma, rgb_codes, without_opaque_alpha
from .formats import fill_picture, pixel_format
from .frame import Frame

Codec = Literal["h264", "hevc", "prores", "ffv1", "png8", "png16"]
CodecChoice = Literal["auto", "h264", "hevc", "prores", "ffv1", "png8", "png16"]

CODECS_OF_SUFFIX: dict[str, tuple[Codec, ...]] = {
    ".mp4": ("h264", "hevc"),
    ".mov": ("h264", "hevc", "prores"),
    ".mkv": ("ffv1", "h264", "hevc", "prores"),
    ".png": ("png8", "png16"),
}
"""The first is what "auto" means, but for .png, where the depth of the source decides."""


@dataclass(frozen=True)
class Encoder:
    """A codec of libavcodec with our settings."""

    name: str
    options: Mapping[str, str]
    tag: str | None = None
    """The code that names it in mp4 and mov, where libavformat's own choice is not what players expect."""
    depths: tuple[int, ...] = ()
    """The bits a sample may have in gray and YUV without alpha; empty where the codec carries other formats too."""


ENCODERS: dict[Codec, Encoder] = {
    "h264": Encoder("libx264", {"crf": "14", "preset": "medium"}, depths=(8, 10)),
    # QuickTime and everything of Apple's plays hvc1 and not hev1, which is libavformat's choice.
    "hevc": Encoder(
        "libx265", {"crf": "16", "preset": "medium", "x265-params": "log-level=none"}, "hvc1", depths=(8, 10, 12)
    ),
    # The profile follows the pixels: 422 HQ, or 4444 with alpha of 16 bits.
    "prores": Encoder("prores_ks", {"alpha_bits": "16"}),
    "ffv1": Encoder("ffv1", {"level": "3", "slicecrc": "1", "g": "1"}),
    "png8": Encoder("png", {"pred": "up", "compression_level": "3"}),
    "png16": Encoder("png", {"pred": "up", "compression_level": "3"}),
}
PACKED_FOR_FFV1 = {"gbrp": "bgr0", "gbrap": "bgra"}
"""FFV1 takes 8-bit RGB in one plane only; the samples are the same."""

PNG_FORMATS = {
    "gray": "gray", "gbrp": "rgb24", "gbrap": "rgba",
    "gray16le": "gray16be", "gbrp16le": "rgb48be", "gbrap16le": "rgba64be",
}  # fmt: skip
"""What a frame's format is called in a PNG file: the same samples, those of a pixel side by side."""


def choose_codec(path: Path, codec: CodecChoice, bits: int = 8) -> Codec:
    """UsageError where the file's suffix does not go with the codec. bits: of the source's samples."""
    suffix = path.suffix.lower()
    if suffix not in CODECS_OF_SUFFIX:
        known = ", ".join(CODECS_OF_SUFFIX)
        raise UsageError(f"{path.name} cannot be written: the suffix must be one of {known}, not '{path.suffix}'")
    choices = CODECS_OF_SUFFIX[suffix]
    if codec == "auto":
        return "png16" if suffix == ".png" and bits > 8 else choices[0]
    if codec not in choices:
        fitting = [other for other, codecs in CODECS_OF_SUFFIX.items() if codec in codecs]
        raise UsageError(f"{codec} video does not go into {suffix}; name the file {' or '.join(fitting)}")
    return codec


def encodable(frame: Frame, codec: Codec) -> Frame:
    """The frame in a pixel format that the codec carries; InputError where samples would have to be thrown away.

    FFV1 carries all of them; floats become 16 bits. PNG holds gray and RGB, to which YUV is converted, and straight
    alpha. ProRes is YUV of 10 bits and limited range, 4:2:2 or, where the source has full chroma, RGB or alpha, 4:4:4.
    H.264 and HEVC carry gray and YUV: alpha is dropped where it hides nothing, RGB is converted to YUV (into H.264 from
    8 bits or from memory only), and chroma that they cannot place (odd sizes, 4:4:0, 4:1:1) is repeated to one sample a
    pixel.
    """
    match codec:
        case "ffv1":
            frame = rgb_codes(frame, 16) if frame.format.is_float else frame
        case "png8":
            frame = rgb_codes(frame, 8)
        case "png16":
            frame = rgb_codes(frame, 16)
        case "prores":
            frame = limited_yuv(frame, 10, _prores_chroma(frame))  # with alpha even where this frame's hides nothing
        case "h264" | "hevc":
            frame = _encodable_for_players(without_opaque_alpha(frame), codec)
    _check_carried(frame, codec)
    return frame


def picture_of(frame: Frame, codec: Codec) -> av.VideoFrame:
    """The picture to give to the encoder; `frame` is encodable. Tags are set for ProRes, which has its own place."""
    planes, name, tags = frame.planes, pixel_name(frame, codec), frame.colour.tags
    if frame.format.family == "rgb" and name != frame.format.name:
        green, blue, red, *alpha = planes
        colours = [blue, green, red] if codec == "ffv1" else [red, green, blue]
        padding = [np.zeros_like(red)] if name == "bgr0" else []
        planes = (np.stack([*colours, *alpha, *padding], axis=-1).reshape(frame.size[0], -1),)
    if name.endswith("be"):
        planes = tuple(plane.astype(">u2") for plane in planes)
    picture = fill_picture(planes, name, frame.size)
    if codec == "prores":
        picture.colorspace, picture.color_range = tags.matrix, tags.range
        if hasattr(picture, "color_trc"):  # since PyAV 17; before, primaries and curve stand in the container alone
            picture.color_primaries, picture.color_trc = tags.primaries, tags.transfer
    return picture


def pixel_name(frame: Frame, codec: Codec) -> str:
    """FFmpeg's name of the format in which the encoder gets `frame`."""
    name = frame.format.name
    match codec:
        case "ffv1":
            return PACKED_FOR_FFV1.get(name, name)
        case "png8" | "png16":
            return PNG_FORMATS.get(name, name)
        case _:
            return name


def _encodable_for_players(frame: Frame, codec: Codec) -> Frame:
    """For H.264 and HEVC: YUV where a player needs it, and chroma where they can place it."""
    is_shallow = frame.format.bits == 8 or frame.format.is_float
    if frame.format.family == "rgb" and not frame.format.has_alpha and (is_shallow or codec == "hevc"):
        bits = 10 if codec == "hevc" and frame.format.bits > 8 else 8
        odd = frame.size[0] % 2 or frame.size[1] % 2
        return limited_yuv(frame, bits, "444" if odd else "420")
    across, down = frame.format.chroma_shift
    odd = frame.size[0] % (1 << down) or frame.size[1] % (1 << across)
    fits = not odd and (across, down) in ((0, 0), (1, 0), (1, 1))
    return frame if fits or frame.format.family != "yuv" or frame.format.has_alpha else repeat_chroma(frame)


def _prores_chroma(frame: Frame) -> Literal["422", "444"]:
    layout = frame.format
    across, _ = layout.chroma_shift
    is_full = layout.family == "rgb" or (layout.family == "yuv" and across == 0) or layout.has_alpha
    return "444" if is_full else "422"


@cache
def _carried_by(codec: Codec) -> frozenset[str]:
    encoder = ENCODERS[codec]
    names = {layout.name for layout in av.Codec(encoder.name, "w").video_formats or ()}
    if encoder.depths:
        # libx265 takes RGB and alpha, but players show neither.
        names = {
            name for name in names if name.startswith(("yuv4", "gray")) and pixel_format(name).bits in encoder.depths
        }
    return frozenset(names)


def _check_carried(frame: Frame, codec: Codec) -> None:
    if pixel_name(frame, codec) in _carried_by(codec):
        return
    what = f"{frame.format.name} ({frame.format.bits} bits{', alpha' if frame.format.has_alpha else ''})"
    other = (
        "convert the video first" if codec == "ffv1" else "write .mkv, which keeps every sample, or prores into .mov"
    )
    raise InputError(f"{codec} cannot carry {what}; {other}")
