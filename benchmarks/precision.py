"""Does it matter in which precision a clip was encoded, and in which it is decoded?

    python -m benchmarks.precision --clips DIR [--frames 4] --json OUT

A row for each clip with a face and each pair of precisions, both of this machine's processor:

- reconstruction_ssim, reconstruction_psnr: what an unedited code decodes to with its residual, against the crops.
- edit_ssim: the clip edited, against the same edit in float32 throughout.
"""

import argparse
from itertools import product
from pathlib import Path

import torch
from torch import Tensor

from dva.dva_plugin.packs import open_pack
from dva.model.autoencoder import Autoencoder
from dva.model.code import ClipCode
from dva.model.editing.attribute import attribute_edit
from dva.model.metrics.reconstruction import psnr, ssim
from dva.model.predictor import Precision

from .reconstruct import Clip, read_clips
from .report import Row, keep, table

BOTH: tuple[Precision, ...] = ("float32", "bfloat16")
EDIT = ("Blond_Hair", 1.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=Path, required=True)
    parser.add_argument("--frames", type=int, default=4, help="first frames of each clip")
    parser.add_argument("--pack", default="mini")
    parser.add_argument("--json", type=Path, required=True)
    options = parser.parse_args()
    pack, device = open_pack(options.pack), torch.device("cpu")
    autoencoders = {precision: Autoencoder(pack, device, precision) for precision in BOTH}
    clips = read_clips(options.clips, options.frames, pack.spec.resolution, device)
    rows = [row for clip in clips for row in _rows(autoencoders, clip)]
    keep(options.json, rows)
    print(table(rows))


def _rows(autoencoders: dict[Precision, Autoencoder], clip: Clip) -> list[Row]:
    codes = {p: autoencoders[p].encode(clip.crops, clip.track, clip.facts) for p in BOTH}
    usable = torch.from_numpy(clip.track.usable())
    source = clip.crops[usable].float() / 255
    throughout = _edited(autoencoders["float32"], codes["float32"])[usable]
    rows: list[Row] = []
    for encoded, decoded in product(BOTH, BOTH):
        code, autoencoder = codes[encoded], autoencoders[decoded]
        again = ((autoencoder.reconstruct(code) + code.residual.float() + 1) / 2).clamp(0, 1)[usable]
        rows.append(
            {
                "clip": clip.name,
                "encoded": encoded,
                "decoded": decoded,
                "reconstruction_ssim": round(float(ssim(source, again).mean()), 5),
                "reconstruction_psnr": round(float(psnr(source, again).mean()), 1),
                "edit_ssim": round(float(ssim(throughout, _edited(autoencoder, code)[usable]).mean()), 5),
            }
        )
    return rows


def _edited(autoencoder: Autoencoder, code: ClipCode) -> Tensor:
    edited = code.with_edit(attribute_edit(autoencoder.pack, *EDIT, len(code)))
    return code.crops.float() / 255 + autoencoder.decode(edited).difference


if __name__ == "__main__":
    main()
