"""Pixel formats: which are worked on as they are, which have an exact planar twin, and which are refused."""

import re
from dataclasses import dataclass, replace
from typing import Literal

import av
import numpy as np
from numpy.typing import NDArray

from ..errors import InputError

Plane = NDArray[np.uint8 | np.uint16 | np.float32]
Family = Literal["yuv", "rgb", "gray"]

CHROMA_SHIFT = {
    "444": (0, 0), "422": (1, 0), "420": (1, 1), "440": (0, 1), "411": (2, 0), "410": (2, 2),
}  # fmt: skip
PLANAR_NAME = re.compile(r"(?P<kind>yuva?(?P<chroma>444|422|420|440|411|410)p|gbra?p|gray)((?P<bits>9|10|12|14|16)le)?")

EXACT_TWIN = {
    "nv12": "yuv420p", "nv21": "yuv420p", "nv16": "yuv422p", "nv24": "yuv444p", "nv42": "yuv444p",
    "yuyv422": "yuv422p", "uyvy422": "yuv422p", "yvyu422": "yuv422p", "p010le": "yuv420p10le",
    "rgb24": "gbrp", "bgr24": "gbrp", "rgb0": "gbrp", "bgr0": "gbrp", "0rgb": "gbrp", "0bgr": "gbrp",
    "rgba": "gbrap", "bgra": "gbrap", "argb": "gbrap", "abgr": "gbrap", "pal8": "gbrap",
    "rgb48le": "gbrp16le", "bgr48le": "gbrp16le", "rgba64le": "gbrap16le",
}  # fmt: skip
"""Packed formats that hold the very samples of a planar one; libswscale only moves them."""

INTERLEAVED = {
    "rgb48be": ("gbrp16le", ">u2", (1, 2, 0)), "rgba64be": ("gbrap16le", ">u2", (1, 2, 0, 3)),
    "gray16be": ("gray16le", ">u2", (0,)), "ya16be": ("gbrap16le", ">u2", (0, 0, 0, 1)),
    "ya8": ("gbrap", "u1", (0, 0, 0, 1)),
}  # fmt: skip
"""PNG's formats of 16 bits or of gray with alpha: the planar twin, the samples' type, and which of a pixel's samples
goes into each plane. Moved here, since libswscale would take gray with alpha through YUV."""

FULL_RANGE_TWIN = {f"yuvj{chroma}p": f"yuv{chroma}p" for chroma in ("420", "422", "444", "440", "411")}
"""FFmpeg's old names for full-range video; the range is kept as a tag instead."""


@dataclass(frozen=True)
class PixelFormat:
    """How one picture's samples are laid out: one plane per component, little endian."""

    name: str
    """FFmpeg's name; RGB is stored as planes G, B, R."""
    bits: int
    chroma_shift: tuple[int, int]
    """log2 of how many luma samples a chroma sample spans, (across, down)."""
    family: Family
    has_alpha: bool

    @property
    def is_float(self) -> bool:
        return self.bits == 32

    @property
    def dtype(self) -> np.dtype[np.uint8] | np.dtype[np.uint16] | np.dtype[np.float32]:
        if self.is_float:
            return np.dtype(np.float32)
        return np.dtype(np.uint8) if self.bits == 8 else np.dtype(np.uint16)

    @property
    def peak(self) -> int:
        """The largest code; 1 for floats."""
        return 1 if self.is_float else (1 << self.bits) - 1

    def plane_shapes(self, size: tuple[int, int]) -> list[tuple[int, int]]:
        """(rows, columns) of each plane of a picture of `size` (height, width)."""
        chroma = (-(-size[0] >> self.chroma_shift[1]), -(-size[1] >> self.chroma_shift[0]))
        colours = {"yuv": [size, chroma, chroma], "rgb": [size] * 3, "gray": [size]}[self.family]
        return [*colours, *[size] * self.has_alpha]

    def transposed(self) -> "PixelFormat":
        """The format of the picture turned by a quarter: 4:2:2 becomes 4:4:0. InputError where none exists."""
        across, down = self.chroma_shift
        if across == down:
            return self
        names = {shift: chroma for chroma, shift in CHROMA_SHIFT.items()}
        if (down, across) not in names:
            raise InputError(f"{self.name} video cannot be turned by a quarter: no pixel format holds the result")
        name = self.name.replace(names[across, down], names[down, across], 1)
        return replace(self, name=name, chroma_shift=(down, across))


FLOAT_RGB = PixelFormat("gbrpf32le", bits=32, chroma_shift=(0, 0), family="rgb", has_alpha=False)
"""float32, 1 is white: pictures from memory and from EXR. None is written: a writer rounds to codes."""

FLOAT_RGBA = replace(FLOAT_RGB, name="gbrapf32le", has_alpha=True)
"""The same with straight alpha in [0, 1], from EXR."""


def pixel_format(name: str) -> PixelFormat:
    """The planar format that holds FFmpeg's format `name` sample for sample; InputError names what is not supported."""
    planar = FULL_RANGE_TWIN.get(name) or EXACT_TWIN.get(name) or INTERLEAVED.get(name, (name,))[0]
    match = PLANAR_NAME.fullmatch(planar)
    if match is None:
        raise InputError(
            f"the pixel format {name} is not supported; convert the video to planar YUV (as yuv420p or yuv422p10le),"
            " RGB (rgb24, gbrp) or gray, 8 to 16 bits"
        )
    kind = match["kind"]
    family: Family = "yuv" if kind.startswith("yuv") else "gray" if kind == "gray" else "rgb"
    return PixelFormat(
        name=planar,
        bits=int(match["bits"] or 8),
        chroma_shift=CHROMA_SHIFT[match["chroma"]] if family == "yuv" else (0, 0),
        family=family,
        has_alpha=kind.startswith(("yuva", "gbra")),
    )


def read_planes(picture: av.VideoFrame) -> tuple[tuple[Plane, ...], PixelFormat]:
    """Copy a decoded picture's samples out, read-only; packed formats are split into their planar twin."""
    layout = pixel_format(picture.format.name)
    if picture.format.name in INTERLEAVED:
        return _separated(picture), layout
    if picture.format.name in EXACT_TWIN:
        picture = _unpacked(picture, layout.name)
    planes: list[Plane] = []
    shapes = layout.plane_shapes((picture.height, picture.width))
    for plane, (rows, columns) in zip(picture.planes, shapes, strict=True):
        lines = np.frombuffer(memoryview(plane), layout.dtype).reshape(rows, -1)[:, :columns]
        samples = np.ascontiguousarray(lines[::-1] if plane.line_size < 0 else lines)
        planes.append(freeze(samples if samples.base is None else samples.copy()))
    return tuple(planes), layout


def _separated(picture: av.VideoFrame) -> tuple[Plane, ...]:
    """Planes of a picture whose pixels' samples lie side by side."""
    name, kind, order = INTERLEAVED[picture.format.name]
    (plane,) = picture.planes
    across = 1 + max(order)
    lines = np.frombuffer(memoryview(plane), kind).reshape(picture.height, -1)[:, : picture.width * across]
    pixels = lines.reshape(picture.height, picture.width, across)
    return tuple(freeze(pixels[..., sample].astype(pixel_format(name).dtype)) for sample in order)


def _unpacked(picture: av.VideoFrame, name: str) -> av.VideoFrame:
    """The same samples in planes of their own.

    On one thread: with two, FFmpeg's scaler (seen in PyAV 18.1) now and then leaves a row of chroma grey on a busy
    computer.
    """
    try:
        return picture.reformat(format=name, threads=1)
    except TypeError:  # an older PyAV, whose scaler has one thread and no such argument
        return picture.reformat(format=name)


def fill_picture(planes: tuple[Plane, ...], name: str, size: tuple[int, int]) -> av.VideoFrame:
    """A picture of FFmpeg's format `name` that holds a copy of `planes`; packed samples come as one wide plane."""
    picture = av.VideoFrame(size[1], size[0], name)
    for target, samples in zip(picture.planes, planes, strict=True):
        lines = np.frombuffer(memoryview(target), samples.dtype).reshape(samples.shape[0], -1)
        lines[:, : samples.shape[1]] = samples
    return picture


def freeze(plane: Plane) -> Plane:
    """Make a plane read-only: frames share the planes that an edit did not touch."""
    plane.flags.writeable = False
    return plane
