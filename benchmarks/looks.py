"""Edits of real clips: where the change lies, which way the colours go, and whether the face stays where it is.

    python -m benchmarks.looks CLIP ... [--pack mini] [--frames 4] [--edit NAME=STRENGTH ...] --json OUT [--sheet PNG]

No network of ours judges. Where a change belongs is geometry: shapes drawn about MTCNN's five points, in units of the
distance between the eyes. `inside` is the share of the squared change of the frame that lies there. `way` is the mean
move there of L*, a* or b* (CIELAB), of which the edit's name foretells the sign. `moved` is how far MTCNN's points
move on average, as a part of its box's width: the face should keep its place, so it should stay under 0.02. `brighter`
is how far they move when nothing happens but that the clip becomes 3 % brighter: on a clip where that is much, `moved`
says little of an edit.
"""

import argparse
import json
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any, cast

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from dva.dva_plugin.jobs import EditRequest, edit_file
from dva.dva_plugin.packs import open_pack
from dva.model.packs.pack import Pack
from dva.model.types import ByteArray, FloatArray
from dva.model.video import open_video, write_video
from dva.model.video.source import ArraySource

EDITS = (
    *(("Blond_Hair", 1.0), ("Gray_Hair", 1.0), ("Black_Hair", 1.0), ("Pale_Skin", 0.7), ("Wearing_Lipstick", 1.0)),
    *(("No_Beard", -1.0), ("Mustache", 1.0), ("Eyeglasses", 1.0), ("Wearing_Hat", 1.0)),
)
BRIGHTER = 1.03
PREVIEW = 360
"""Width of a picture on the sheet."""

Shape = Callable[[FloatArray, FloatArray, float], NDArray[np.bool_]]
"""u, v: along and across the eyes' line, the eyes at u = -.5 and .5, v growing downwards; and v of the mouth."""


def _face(u: FloatArray, v: FloatArray, mouth: float) -> NDArray[np.bool_]:
    return (u / 1.25) ** 2 + ((v - 0.45 * mouth) / (1.65 * mouth)) ** 2 < 1


def _hair(u: FloatArray, v: FloatArray, mouth: float) -> NDArray[np.bool_]:
    low_face = ((u / 1.05) ** 2 + ((v - 0.5 * mouth) / (1.25 * mouth)) ** 2 < 1) & (v > -0.4)
    return (np.abs(u) < 2.6) & (v > -2.6) & (v < 3.2 * mouth) & ~low_face


def _skin(u: FloatArray, v: FloatArray, mouth: float) -> NDArray[np.bool_]:
    return _face(u, v, mouth) | ((np.abs(u) < 1.3) & (v > 0) & (v < 3.4 * mouth))


def _lips(u: FloatArray, v: FloatArray, mouth: float) -> NDArray[np.bool_]:
    return (u / 0.75) ** 2 + ((v - mouth) / 0.5) ** 2 < 1


def _beard(u: FloatArray, v: FloatArray, mouth: float) -> NDArray[np.bool_]:
    return (np.abs(u) < 1.35) & (v > 0.35 * mouth) & (v < 2.1 * mouth)


def _glasses(u: FloatArray, v: FloatArray, mouth: float) -> NDArray[np.bool_]:
    return (np.abs(u) < 1.35) & (np.abs(v) < 0.6 * mouth)


def _hat(u: FloatArray, v: FloatArray, mouth: float) -> NDArray[np.bool_]:
    return (np.abs(u) < 2.6) & (v < -0.3 * mouth) & (v > -3.5)


EXPECTED: dict[str, tuple[Shape, int, int]] = {
    "Blond_Hair": (_hair, 2, 1),
    "Gray_Hair": (_hair, 0, 1),
    "Black_Hair": (_hair, 0, -1),
    "Pale_Skin": (_skin, 0, 1),
    "Wearing_Lipstick": (_lips, 1, 1),
    "No_Beard": (_beard, 0, 1),
    "Mustache": (_beard, 0, -1),
    "Eyeglasses": (_glasses, 0, -1),
    "Wearing_Hat": (_hat, 2, -1),
}
"""Attribute -> where its change belongs, which of L*, a*, b* tells of it, and its sign when the attribute is added.

The usual hat is dark blue. It is not darker than all that it covers: a perfect one lowers L* on three of four heads
only, b* on all of them (benchmarks.looks_truth).
"""


@dataclass(frozen=True)
class Row:
    """One edit of one clip; means over its frames that have a face."""

    clip: str
    attribute: str
    strength: float
    change: float
    """Mean absolute change where it belongs, of 255."""
    inside: float
    way: float
    right_way: bool
    moved: float
    brighter: float


def main() -> None:
    """Print a line an edit and clip."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", nargs="+", type=Path)
    parser.add_argument("--pack", default="mini")
    parser.add_argument("--frames", type=int, default=4, help="consecutive frames from the middle of each clip")
    parser.add_argument("--edit", type=_edit, action="append", metavar="NAME=STRENGTH")
    parser.add_argument("--json", type=Path, required=True)
    parser.add_argument("--sheet", type=Path)
    options = parser.parse_args()
    pack, edits = open_pack(options.pack), options.edit or list(EDITS)
    rows: list[Row] = []
    strips: list[ByteArray] = []
    with tempfile.TemporaryDirectory() as folder:
        for clip in options.clips:
            found, strip = _measure(clip, pack, edits, options.frames, Path(folder))
            rows += found
            strips.append(strip)
            options.json.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n", encoding="utf-8")
    if options.sheet:
        Image.fromarray(np.concatenate(strips)).save(options.sheet)


def _edit(text: str) -> tuple[str, float]:
    name, _, strength = text.partition("=")
    if name not in EXPECTED:
        raise argparse.ArgumentTypeError(f"no expectation is written down for {name!r}; known: {', '.join(EXPECTED)}")
    return name, float(strength)


def _measure(
    clip: Path, pack: Pack, edits: list[tuple[str, float]], count: int, folder: Path
) -> tuple[list[Row], ByteArray]:
    source = _rgb(clip, count)
    short, rows, shown = folder / f"{clip.stem}.mkv", [], [source[0]]
    frames = ArraySource(source, open_video(clip).frame_rate)
    write_video(short, frames, iter(frames), "ffv1")
    points = [points_of(frame) for frame in source]
    brighter = _moved_by_light(source, points)
    for name, strength in edits:
        target = folder / f"{clip.stem}-{name}.mkv"
        wanted = EditRequest(
            source=short, target=target, attributes=((name, strength),), code=short.with_suffix(".dva")
        )
        edit_file(wanted, pack, torch.device("cpu"))
        edited = _rgb(target, count)
        found = [of_frame(s, e, p, name) for s, e, p in zip(source, edited, points, strict=True) if p is not None]
        change, inside, way, moved = np.nanmean(found, axis=0)
        sign = EXPECTED[name][2] * np.sign(strength)
        numbers = [round(float(x), 4) for x in (change, inside, way)]
        rows.append(Row(clip.name, name, strength, *numbers, bool(way * sign > 0), round(float(moved), 4), brighter))
        print(json.dumps(asdict(rows[-1])), flush=True)
        shown.append(edited[0])
    return rows, _strip(shown, points[0])


def of_frame(source: ByteArray, edited: ByteArray, seen: tuple[FloatArray, float], name: str) -> list[float]:
    """Change, inside, way, moved; moved is NaN where MTCNN finds no face in the edited frame."""
    points, width = seen
    shape, channel, _ = EXPECTED[name]
    there = shape(*_about(points, source.shape[:2]))
    difference = edited.astype(np.float32) - source
    energy = np.square(difference).sum(2)
    lab = [cv2.cvtColor(frame.astype(np.float32) / 255, cv2.COLOR_RGB2LAB) for frame in (source, edited)]
    touched = there & (energy > 0)
    way = float((lab[1] - lab[0])[touched][:, channel].mean()) if touched.any() else 0.0
    inside = float(energy[there].sum() / max(energy.sum(), 1e-9))
    return [float(np.abs(difference)[there].mean()), inside, way, _moved(edited, points, width)]


def _moved(frame: ByteArray, points: FloatArray, width: float) -> float:
    """How far MTCNN's points of a frame lie from others, in widths; NaN where it finds no face."""
    after = points_of(frame)
    return np.nan if after is None else float(np.hypot(*(after[0] - points).T).mean()) / width


def _moved_by_light(frames: ByteArray, seen: list[tuple[FloatArray, float] | None]) -> float:
    brighter = (frames * BRIGHTER).clip(0, 255).astype(np.uint8)
    found = [_moved(frame, *there) for frame, there in zip(brighter, seen, strict=True) if there is not None]
    return round(float(np.nanmean(found)), 4)


def _about(points: FloatArray, size: tuple[int, int]) -> tuple[FloatArray, FloatArray, float]:
    """u and v of every pixel of a frame, and v of the mouth. points [5, 2]: eyes, nose, corners of the mouth."""
    middle, along = points[:2].mean(0), points[1] - points[0]
    distance = float(np.hypot(*along))
    along = along / distance
    across = np.array([-along[1], along[0]])
    rows, columns = np.mgrid[: size[0], : size[1]]
    u = ((columns - middle[0]) * along[0] + (rows - middle[1]) * along[1]) / distance
    v = ((columns - middle[0]) * across[0] + (rows - middle[1]) * across[1]) / distance
    return u, v, float((points[3:].mean(0) - middle) @ across / distance)


def points_of(frame: ByteArray) -> tuple[FloatArray, float] | None:
    """MTCNN's five points [5, 2] of the largest face, and its box's width; None where it finds none."""
    boxes, _, points = _mtcnn().detect(frame, landmarks=True)
    if boxes is None:
        return None
    largest = int(np.argmax((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])))
    return points[largest].astype(np.float64), float(boxes[largest, 2] - boxes[largest, 0])


@cache
def _mtcnn() -> Any:  # noqa: ANN401
    from facenet_pytorch import MTCNN  # noqa: PLC0415 - slow to import

    return MTCNN(keep_all=True, min_face_size=40)


def _rgb(path: Path, count: int) -> ByteArray:
    """[count, H, W, 3] from the middle of a clip."""
    video = open_video(path)
    first = max(0, (video.frame_count - count) // 2)
    return np.stack([frame.to_rgb8() for frame in video.frames(first, min(first + count, video.frame_count))])


def _strip(pictures: list[ByteArray], seen: tuple[FloatArray, float] | None) -> ByteArray:
    """Pictures side by side, cut to the head's surroundings."""
    height, width = pictures[0].shape[:2]
    if seen is not None:
        middle, reach = seen[0].mean(0), 1.7 * seen[1]
        top, left = max(0, int(middle[1] - reach)), max(0, int(middle[0] - reach))
        height, width = min(height, int(middle[1] + reach)), min(width, int(middle[0] + reach))
        pictures = [picture[top:height, left:width] for picture in pictures]
    return np.concatenate([_square(picture) for picture in pictures], axis=1)


def _square(picture: ByteArray) -> ByteArray:
    image = Image.fromarray(picture)
    image.thumbnail((PREVIEW, PREVIEW))
    board = Image.new("RGB", (PREVIEW, PREVIEW))
    board.paste(image, ((PREVIEW - image.width) // 2, (PREVIEW - image.height) // 2))
    return cast("ByteArray", np.asarray(board))


if __name__ == "__main__":
    main()
