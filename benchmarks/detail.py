"""What Paste Back does to sharpness, and to the background next to the head.

    python -m benchmarks.detail CLIP --code CLIP.dva --edited NAME=FILE [--edited NAME=FILE]... --json OUT

The files are edits of the clip (`dva edit CLIP -o FILE --code CLIP.dva`, .mkv for no loss). Sharpness: the variance of
the Laplacian of luma inside the face, over the source's. Halo: the mean change, of 255, of pixels in a band round
the head's outline (2.5 of 64 crop pixels to either side) that by their colour clearly belong to the background, beside
that of pixels that clearly belong to the head. Flicker: how much the change of such background pixels itself changes
from a frame to the next.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_erosion, distance_transform_edt, gaussian_filter, laplace

from dva.dva_plugin.packs import open_pack
from dva.model.code import ClipCode, load_code
from dva.model.encoders.parser import region_mask
from dva.model.faces.align import frame_from_crop_matrix, scale_of
from dva.model.faces.clip import frame_masks
from dva.model.video import open_video

CLEARLY = 1 / 3
"""A pixel belongs to a side whose local mean colour is this much nearer than the other side's."""
CONTRAST = 0.1
"""Difference of the two sides' mean colours, of [0, 1], below which neither is clear."""
BAND = 2.5 / 64


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clip", type=Path)
    parser.add_argument("--code", type=Path, required=True)
    parser.add_argument("--edited", action="append", required=True, metavar="NAME=FILE")
    parser.add_argument("--pack", default="mini")
    parser.add_argument("--json", type=Path, required=True)
    options = parser.parse_args()
    code, classes = load_code(options.code), open_pack(options.pack).spec.parser_classes
    near = _near(code)
    face = frame_masks(code.track, region_mask(code.parsing, classes, "face").numpy())[(slice(None), *near)]
    head = frame_masks(code.track, region_mask(code.parsing, classes, "face+hair").numpy())[(slice(None), *near)]
    source = [frame.to_rgb()[near] for frame in open_video(options.clip)]
    sides = [_sides(image, head[i] > 0.5, _band(code, i)) for i, image in enumerate(source)]
    rows = []
    for name, _, file in (text.partition("=") for text in options.edited):
        edited = [frame.to_rgb()[near] for frame in open_video(file)]
        rows.append({"clip": options.clip.name, "edit": name, **_measure(source, edited, face, sides)})
        print(json.dumps(rows[-1]))
    options.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


def _near(code: ClipCode) -> tuple[slice, slice]:
    """The part of the frames where the squares lie, so that a small face in a large frame costs little."""
    corners = code.track.quads[code.track.usable()].reshape(-1, 2)
    (left, top), (right, bottom) = np.maximum(corners.min(axis=0), 0).astype(int), corners.max(axis=0).astype(int)
    return slice(top, bottom), slice(left, right)


def _band(code: ClipCode, i: int) -> float:
    """Half the band's width, in pixels of the frame."""
    return BAND * scale_of(frame_from_crop_matrix(code.track.quads[i], 1)) if code.track.usable()[i] else 0.0


def _sides(image: NDArray[Any], head: NDArray[np.bool_], band: float) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """[H, W] twice: pixels of the band that clearly belong to the background, and to the head."""
    if not head.any():
        return head, head
    inward, outward = distance_transform_edt(head), distance_transform_edt(~head)
    reach = 2 * band
    means = []
    for core in ((outward > band) & (outward < 3 * band), (inward > band) & (inward < 3 * band)):
        weight = gaussian_filter(core.astype(np.float32), reach)[..., None] + 1e-6
        means.append(gaussian_filter(image * core[..., None], (reach, reach, 0)) / weight)
    to_background, to_head = (np.linalg.norm(image - mean, axis=-1) for mean in means)
    clear = (np.maximum(inward, outward) < band) & (np.linalg.norm(means[0] - means[1], axis=-1) > CONTRAST)
    return clear & (to_background < CLEARLY * to_head), clear & (to_head < CLEARLY * to_background)


def _measure(source: list[Any], edited: list[Any], face: NDArray[Any], sides: list[Any]) -> dict[str, Any]:
    sharpness, background, head, flicker = [], [], [], []
    before: NDArray[Any] | None = None
    for i, (a, b) in enumerate(zip(source, edited, strict=True)):
        inside = binary_erosion(face[i] > 0.99, iterations=3)
        sharpness.append(_sharpness(b, inside) / _sharpness(a, inside))
        change, (outer, inner) = 255 * (b - a), sides[i]
        background.append(np.abs(change)[outer].mean())
        head.append(np.abs(change)[inner].mean())
        if before is not None:
            flicker.append(np.abs(change - before)[outer & sides[i - 1][0]].mean())
        before = change
    names = {"sharpness": sharpness, "background": background, "head": head, "flicker": flicker}
    return {name: round(float(np.nanmean(values)), 3) for name, values in names.items()}


def _sharpness(image: NDArray[Any], inside: NDArray[np.bool_]) -> float:
    """Variance of the Laplacian of luma (BT.709 weights on the coded values) inside a region."""
    return float(laplace(255 * image @ np.array([0.2126, 0.7152, 0.0722]))[inside].var())


if __name__ == "__main__":
    main()
