"""What `dva edit` leaves alone on real clips: frames, rate, sound, and every sample outside the mask.

    python -m benchmarks.untouched CLIP... [--attribute Blond_Hair=1]... --json OUT [--sheet FOLDER]

Each clip is edited into a lossless file, which is then read back by PyAV alone and compared with the source, plane by
plane. The mask is worked out a second time from the kept clip code: outside means that alpha, interpolated linearly
from the crop, is zero at every pixel of the sample's block. A strength of 0 asks for equality everywhere.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import map_coordinates
from tqdm import tqdm

from dva.dva_plugin.jobs import EditRequest, edit_file
from dva.dva_plugin.packs import open_pack
from dva.model.autoencoder import Autoencoder
from dva.model.code import load_code
from dva.model.editing.attribute import attribute_edit
from dva.model.faces.align import crop_from_frame_matrix, transform
from dva.model.faces.region import region_alpha
from dva.model.packs.pack import Pack

Planes = list[NDArray[Any]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clips", type=Path, nargs="+")
    parser.add_argument("--attribute", type=_edit, action="append", required=True, metavar="NAME=STRENGTH")
    parser.add_argument("--pack", default="mini")
    parser.add_argument("--json", type=Path, required=True)
    parser.add_argument("--sheet", type=Path, help="folder for a picture of each clip, before and after")
    options = parser.parse_args()
    pack, rows = open_pack(options.pack), []
    for clip in options.clips:
        with tempfile.TemporaryDirectory() as folder:
            for edit in options.attribute:
                rows.append(_edit_and_compare(clip, pack, edit, Path(folder), options.sheet))
                tqdm.write(json.dumps(rows[-1]))
                options.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


def _edit(text: str) -> tuple[str, float]:
    name, _, strength = text.partition("=")
    return name, float(strength)


def _edit_and_compare(
    clip: Path, pack: Pack, edit: tuple[str, float], folder: Path, sheet: Path | None
) -> dict[str, Any]:
    edited, kept = folder / "edited.mkv", folder / "clip.dva"
    began = time.perf_counter()
    edit_file(EditRequest(clip, edited, (edit,), code=kept), pack, torch.device("cpu"))
    seconds = time.perf_counter() - began
    alphas = _alphas(kept, pack, edit)
    samples = outside = touched = changed = frames = 0
    moments: list[NDArray[np.uint8]] = []
    for i, (before, after) in enumerate(zip(_pictures(clip), _pictures(edited), strict=True)):
        frames += 1
        mask = next(alphas)
        for a, b in zip(_planes(before), _planes(after), strict=True):
            differs, out = a != b, ~_blocks(mask, a.shape)
            samples += a.size
            changed += int(differs.sum())
            outside += int(out.sum())
            touched += int((differs & out).sum())
        if sheet and i in {10, 40, 70}:
            moments.append(np.concatenate([p.to_ndarray(format="rgb24") for p in (before, after)], axis=1))
    if sheet and moments:
        sheet.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.concatenate(moments)).save(sheet / f"{clip.stem}_{edit[0]}{edit[1]:+g}.png")
    return {
        "clip": clip.name,
        "edit": f"{edit[0]}={edit[1]:g}",
        "frames": frames,
        "same_facts": _facts(clip) == _facts(edited),
        "facts": [str(fact) for fact in _facts(clip)],
        "sound_packets": len(_sound(clip)),
        "same_sound": _sound(clip) == _sound(edited),
        "samples_outside": outside,
        "touched_outside": touched,
        "changed": round(changed / samples, 4),
        "seconds": round(seconds, 1),
    }


def _alphas(kept: Path, pack: Pack, edit: tuple[str, float]) -> Iterator[NDArray[np.bool_]]:
    """[H, W] bool a frame: where the edit may change the picture."""
    code = load_code(kept)
    decoded = Autoencoder(pack, torch.device("cpu")).decode(code.with_edit(attribute_edit(pack, *edit, len(code))))
    alpha = region_alpha(decoded.mask.numpy(), code.source.frame_rate)
    height, width = code.source.frame_size
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    pixels = np.stack([x, y], axis=-1).astype(float)
    for i, usable in enumerate(code.track.usable()):
        if not usable:
            yield np.zeros((height, width), bool)
            continue
        in_crop = transform(crop_from_frame_matrix(code.track.quads[i], alpha.shape[1]), pixels)
        yield map_coordinates(alpha[i], [in_crop[..., 1], in_crop[..., 0]], order=1, cval=0.0) > 0


def _blocks(mask: NDArray[np.bool_], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """The mask at a plane's own size: a sample is inside where any of its pixels is."""
    rows, columns = (-(-full // part) for full, part in zip(mask.shape, shape, strict=True))
    grown = np.pad(mask, ((0, rows * shape[0] - mask.shape[0]), (0, columns * shape[1] - mask.shape[1])))
    return grown.reshape(shape[0], rows, shape[1], columns).any(axis=(1, 3))


def _pictures(path: Path) -> Iterator[av.VideoFrame]:
    with av.open(str(path)) as container:
        yield from container.decode(video=0)


def _planes(picture: av.VideoFrame) -> Planes:
    dtype = np.uint8 if picture.format.components[0].bits == 8 else np.uint16
    item = np.dtype(dtype).itemsize
    return [
        np.frombuffer(plane, dtype).reshape(plane.height, plane.line_size // item)[:, : plane.width]
        for plane in picture.planes
    ]


def _facts(path: Path) -> tuple[Any, ...]:
    """Frames, exact rate, size and pixel format."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        size = (stream.width, stream.height, stream.pix_fmt)
        return sum(1 for _ in container.decode(stream)), stream.average_rate, *size


def _sound(path: Path) -> list[bytes]:
    with av.open(str(path)) as container:
        if not container.streams.audio:
            return []
        return [bytes(packet) for packet in container.demux(audio=0) if packet.size]


if __name__ == "__main__":
    main()
