"""A picture of tracks over time: who is where when, and where the gaps are."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from ..types import FRAME_STATUS, ByteArray, FaceTrack, FrameStatus
from ..video import FrameSource
from .align import aligned_bytes

COLOURS: dict[FrameStatus, tuple[int, int, int]] = {
    "detected": (88, 168, 104),
    "interpolated": (240, 200, 60),
    "held": (236, 140, 48),
    "missing": (200, 60, 56),
}
BACKGROUND, INK, FAINT = (28, 28, 30), (230, 230, 230), (70, 70, 74)
THUMBNAIL = 96
BAR = 22
SPACE = 10
NAME = 44
"""Width in pixels of what stands before a band."""
HEADING = 26
"""Height in pixels of the legend and of the line of frame numbers."""


def track_strip(source: FrameSource, tracks: Sequence[FaceTrack], width: int = 1600) -> ByteArray:
    """Draw one band a track, in the order given: thumbnails over time above a bar of what each frame is.

    Returns [H, width, 3] RGB. Reads as many frames as there are thumbnails in a row.
    """
    columns = max(1, (width - NAME - SPACE) // (THUMBNAIL + 4))
    band = THUMBNAIL + BAR + 2 * SPACE
    picture = Image.new("RGB", (width, 2 * HEADING + band * len(tracks)), BACKGROUND)
    pen = ImageDraw.Draw(picture)
    _legend(pen)
    span = (NAME, width - SPACE)
    for row, track in enumerate(tracks):
        top = HEADING + row * band
        pen.text((SPACE, top + THUMBNAIL // 2), str(row), fill=INK)
        picture.paste(_bar(track, span[1] - span[0]), (NAME, top + THUMBNAIL + 4))
    _axis(pen, source, span, HEADING + band * len(tracks))
    _thumbnails(picture, source, tracks, columns)
    return np.asarray(picture)


def _thumbnails(picture: Image.Image, source: FrameSource, tracks: Sequence[FaceTrack], columns: int) -> None:
    """Paste the face of every track at evenly spread frames, each above its place on the bar."""
    band = THUMBNAIL + BAR + 2 * SPACE
    length = picture.width - SPACE - NAME
    slot = length / columns
    for column in range(columns):
        index = min(int((column + 0.5) * source.frame_count / columns), source.frame_count - 1)
        shown = [row for row, track in enumerate(tracks) if track.usable()[index]]
        if not shown:
            continue
        (frame,) = source.frames(index, index + 1)
        for row in shown:
            face = Image.fromarray(aligned_bytes(frame, tracks[row].quads[index], THUMBNAIL))
            left = NAME + round((column + 0.5) * slot - THUMBNAIL / 2)
            picture.paste(face, (left, HEADING + row * band))


def _bar(track: FaceTrack, width: int) -> Image.Image:
    """Colour one pixel column for each stretch of frames; a column shows the worst of its frames, so no gap is lost."""
    edges = np.linspace(0, len(track), width + 1)
    first = np.minimum(edges[:-1].astype(int), len(track) - 1)
    last = np.maximum(np.ceil(edges[1:]).astype(int), first + 1)
    worst = [int(track.status[a:b].max()) for a, b in zip(first, last, strict=True)]
    colours = np.array([COLOURS[status] for status in FRAME_STATUS], np.uint8)
    return Image.fromarray(np.repeat(colours[worst][None], BAR, axis=0))


def _legend(pen: ImageDraw.ImageDraw) -> None:
    left = NAME
    for status, colour in COLOURS.items():
        pen.rectangle((left, 8, left + 12, 18), fill=colour)
        pen.text((left + 18, 7), status, fill=INK)
        left += 120


def _axis(pen: ImageDraw.ImageDraw, source: FrameSource, span: tuple[int, int], top: int) -> None:
    """Write frame numbers and seconds under the bars."""
    count, rate = source.frame_count, float(source.frame_rate)
    step = _round_step(count / 10)
    for frame in range(0, count, step):
        x = span[0] + (span[1] - span[0]) * frame / count
        pen.line((x, top - SPACE, x, top - 4), fill=FAINT)
        pen.text((x + 2, top - 4), f"{frame}  {frame / rate:.1f} s", fill=INK)


def _round_step(least: float) -> int:
    """The smallest of 1, 2, 5, 10, 20, 50, ... that is not below."""
    power = 1
    while True:
        for digit in (1, 2, 5):
            if digit * power >= least:
                return digit * power
        power *= 10
