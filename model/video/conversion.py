"""Bringing frames into what a codec carries, by rules that can be checked with pencil and paper."""

from dataclasses import replace
from typing import Literal, cast

import numpy as np
from numpy.typing import NDArray

from .colour import RANGE_FULL, RANGE_LIMITED, RGB_MATRIX, TAG_OF_MATRIX, ColourSpace
from .formats import FLOAT_RGB, PixelFormat, Plane, freeze, pixel_format
from .frame import Frame

Chroma = Literal["420", "422", "444"]


def without_opaque_alpha(frame: Frame) -> Frame:
    """Drop an alpha plane that hides nothing."""
    if not frame.format.has_alpha or (frame.planes[-1] != frame.format.peak).any():
        return frame
    name = frame.format.name.replace("yuva", "yuv").replace("gbrap", "gbrp")
    return replace(frame, planes=frame.planes[:-1], format=FLOAT_RGB if frame.format.is_float else pixel_format(name))


def rgb_codes(frame: Frame, bits: int) -> Frame:
    """Full-range codes of `bits` bits: gray stays gray, everything else becomes planes G, B, R (and alpha).

    A code c of b bits becomes c * (2**bits - 1) / (2**b - 1), rounded; going up, every code stays a code of its own.
    YUV is converted with its chroma interpolated, and what lies beyond black and white is cut off.
    """
    layout = frame.format
    colours = frame.planes[: len(frame.planes) - layout.has_alpha]
    if layout.family == "yuv" or (layout.family == "gray" and not frame.colour.full_range):
        rgb = frame.to_rgb()
        colours = tuple(rgb[..., channel] for channel in ((1, 2, 0) if layout.family == "yuv" else (0,)))
    alpha = frame.planes[-1:] if layout.has_alpha else ()
    kind = "gray" if layout.family == "gray" else "gbrap" if alpha else "gbrp"
    target = pixel_format(kind if bits == 8 else f"{kind}{bits}le")
    planes = tuple(_at_depth(plane, layout, target) for plane in (*colours, *alpha))
    tags = replace(frame.colour.tags, matrix=RGB_MATRIX, range=RANGE_FULL)
    return replace(
        frame, planes=planes, format=target, colour=ColourSpace(frame.colour.matrix, full_range=True, tags=tags)
    )


def limited_yuv(frame: Frame, bits: int, chroma: Chroma) -> Frame:
    """YUV of limited range; `chroma` is at least as fine as the frame's own, or the frame is RGB.

    Codes of limited range move by whole powers of two. A chroma sample is repeated for the pixels that it spanned.
    RGB is converted with the frame's matrix; a chroma sample is the mean of the pixels that it spans. Alpha stays.
    """
    layout = frame.format
    alpha = frame.planes[-1:] if layout.has_alpha else ()
    name = f"yuv{'a' if alpha else ''}{chroma}p" + (f"{bits}le" if bits > 8 else "")
    target = pixel_format(name)
    matrix, tags = frame.colour.matrix, frame.colour.tags
    if layout.family == "rgb":
        tags = replace(tags, matrix=TAG_OF_MATRIX[matrix])
    if layout.family == "rgb" or frame.colour.full_range:
        tags = replace(tags, range=RANGE_LIMITED)
    colour = ColourSpace(matrix, full_range=False, tags=tags)
    if layout.family == "rgb":
        colours = _yuv_of_rgb(frame, replace(target, has_alpha=False), colour)
    else:
        colours = _moved_codes(frame, target, colour)
    planes = (*colours, *(_at_depth(plane, layout, target) for plane in alpha))
    return replace(frame, planes=planes, format=target, colour=colour)


def repeat_chroma(frame: Frame) -> Frame:
    """Every pixel its own chroma sample: the one that spanned it. YUV without alpha."""
    layout = pixel_format("yuv444p" if frame.format.bits == 8 else f"yuv444p{frame.format.bits}le")
    luma, *chroma = frame.planes
    planes = (luma, *(_repeated(plane, frame.format, layout, frame.size) for plane in chroma))
    return replace(frame, planes=planes, format=layout)


def _at_depth(plane: Plane, source: PixelFormat, target: PixelFormat) -> Plane:
    """Full-range codes or floats of one depth as codes of another."""
    if plane.dtype == np.float32:
        return freeze(np.rint(np.clip(plane, 0, 1) * np.float32(target.peak)).astype(target.dtype))
    if source.bits == target.bits:
        return plane
    codes = np.rint(np.arange(source.peak + 1) * (target.peak / source.peak))
    return freeze(_looked_up(codes.astype(target.dtype), plane))


def _moved_codes(frame: Frame, target: PixelFormat, colour: ColourSpace) -> tuple[Plane, ...]:
    """The planes of gray or YUV with the codes that black, white and grey have in the target."""
    source, old = frame.format, frame.colour
    codes = np.arange(source.peak + 1)
    (black, white), (new_black, new_white) = old.luma_range(source.bits), colour.luma_range(target.bits)
    luma = new_black + (codes - black) * ((new_white - new_black) / (white - black))
    (low, high), (new_low, new_high) = old.chroma_range(source.bits), colour.chroma_range(target.bits)
    grey = 1 << (target.bits - 1)
    chroma = grey + (codes - (1 << (source.bits - 1))) * ((new_high - new_low) / (high - low))
    of_luma, of_chroma = (np.clip(np.rint(table), 0, target.peak).astype(target.dtype) for table in (luma, chroma))
    moved = _looked_up(of_luma, frame.planes[0])
    if source.family == "gray":
        return (
            freeze(moved),
            *(freeze(np.full(shape, grey, target.dtype)) for shape in target.plane_shapes(frame.size)[1:]),
        )
    others = (_repeated(_looked_up(of_chroma, plane), source, target, frame.size) for plane in frame.planes[1:3])
    return (freeze(moved), *others)


def _looked_up(table: Plane, plane: Plane) -> Plane:
    """The table's entry for each code."""
    return table[cast(NDArray[np.uint16], plane)]


def _repeated(plane: Plane, source: PixelFormat, target: PixelFormat, size: tuple[int, int]) -> Plane:
    """A chroma plane on a finer grid."""
    across, down = (old - new for old, new in zip(source.chroma_shift, target.chroma_shift, strict=True))
    rows, columns = target.plane_shapes(size)[1]
    return freeze(plane.repeat(1 << down, 0).repeat(1 << across, 1)[:rows, :columns].copy())


def _yuv_of_rgb(frame: Frame, target: PixelFormat, colour: ColourSpace) -> tuple[Plane, ...]:
    """Black plus the picture."""
    black, grey = colour.luma_range(target.bits)[0], 1 << (target.bits - 1)
    shapes = target.plane_shapes(frame.size)
    planes = tuple(freeze(np.full(s, c, target.dtype)) for s, c in zip(shapes, (black, grey, grey), strict=True))
    return replace(frame, planes=planes, format=target, colour=colour).add_rgb(frame.to_rgb(), 0, 0).planes
