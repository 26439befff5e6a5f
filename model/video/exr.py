"""OpenEXR pictures: whether a file is whole, and what its linear light looks like.

Source: "OpenEXR file layout" (openexr.com), for the header, the table of offsets and the heads of chunks.
"""

import struct

import av
import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from .formats import FLOAT_RGB, FLOAT_RGBA, PixelFormat, Plane, freeze

TILED, SEVERAL_PARTS = 0x200, 0x1000
"""Flags in the version field."""


def is_whole(data: bytes) -> bool:
    """Whether the chunk that lies last is all there. A render that stopped leaves zeros in the table of offsets."""
    try:
        (flags,) = struct.unpack_from("<I", data, 4)
        start = _end_of_headers(data, has_several=bool(flags & SEVERAL_PARTS))
        offsets: list[int] = []
        first = len(data)
        while start + 8 * len(offsets) < first:  # the first chunk begins where the table ends
            offsets += struct.unpack_from("<Q", data, start + 8 * len(offsets))
            first = min(first, offsets[-1])
        size_at = max(offsets) + (16 if flags & TILED else 4) + (4 if flags & SEVERAL_PARTS else 0)
        (size,) = struct.unpack_from("<i", data, size_at)
    except (struct.error, ValueError):
        return False
    return first > start and 0 <= size <= len(data) - size_at - 4


def _end_of_headers(data: bytes, *, has_several: bool) -> int:
    """Where the table of offsets starts. A header is a list of (name, type, size, value); an empty name ends it."""
    position = 8
    while True:
        while data[position : position + 1] != b"\0":
            position = data.index(b"\0", data.index(b"\0", position) + 1) + 1
            (size,) = struct.unpack_from("<I", data, position)
            position += 4 + size
        position += 1
        if not has_several:
            return position
        if data[position : position + 1] == b"\0":
            return position + 1


def shown_planes(picture: av.VideoFrame) -> tuple[tuple[Plane, ...], PixelFormat]:
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
    shown = (*(freeze(_srgb_of_linear(colour)) for colour in colours), *(freeze(plane) for plane in alpha))
    return shown, FLOAT_RGBA if alpha else FLOAT_RGB


def _srgb_of_linear(light: NDArray[np.float32]) -> NDArray[np.float32]:
    """IEC 61966-2-1 in [0, 1], carried on above 1 and mirrored below 0 (the scRGB extension)."""
    amount = np.abs(light)
    curve = 1.055 * np.power(np.maximum(amount, 0.0031308), 1 / 2.4) - 0.055
    return np.copysign(np.where(amount <= 0.0031308, 12.92 * amount, curve), light).astype(np.float32)
