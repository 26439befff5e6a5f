"""A sheet of rendered heads that no training saw, each with a pack's edits as they would be pasted.

    python -m benchmarks.heads [--pack mini] [--people 5] [--edit NAME=STRENGTH ...] --sheet PICTURE

The first column is the source. Heads whom most of the edits fit are taken: nobody who is bald or wears a hat. With
--truth a second row under each shows what the renderer draws for the same toggle.
"""

import argparse
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch.nn import functional as F  # noqa: N812
from tqdm import tqdm

from dva.dva_plugin.packs import open_pack
from dva.model.autoencoder import Autoencoder
from dva.model.editing.attribute import attribute_edit

from .edits import strength_of
from .held_out import HeldOutClip, crop_track, held_out_clips
from .report import as_bytes

FIRST_PERSON = 40_000
"""Far from the people of the other benchmarks."""
EDITS = (
    ("Black_Hair", 1.0),
    ("Blond_Hair", 1.0),
    ("Gray_Hair", 1.0),
    ("Bangs", 1.0),
    ("Bald", 1.0),
    ("Wearing_Hat", 1.0),
    ("Eyeglasses", 1.0),
    ("No_Beard", -1.0),
    ("Wearing_Lipstick", 1.0),
    ("Chubby", 1.0),
    ("Pale_Skin", 1.0),
)
MISSES = 4
"""Edits that may not fit a person of the sheet: a hair colour, and a beard on a woman or on somebody who has one."""
SOFT = 3
"""Pixels over which a change fades at the edge of its region, about as pasting does."""
LINE = 14
"""Height of the captions, in pixels."""


def main() -> None:
    """Draw the sheet."""
    options = _options()
    autoencoder = Autoencoder(open_pack(options.pack), torch.device("cpu"))
    edits, side = options.edit or EDITS, autoencoder.pack.spec.resolution
    rows: list[np.ndarray] = []
    everybody = held_out_clips(100 * options.people, 1, side, options.first)
    suited = (p for p in everybody if sum(not p.suits(*edit) for edit in edits) <= MISSES)
    for person in tqdm(islice(suited, options.people), total=options.people):
        rows.append(np.concatenate(_edited(autoencoder, person, edits), 1))
        if options.truth:
            rows.append(np.concatenate(_toggled(person, edits), 1))
    picture = Image.new("RGB", (side * (1 + len(edits)), LINE + side * len(rows)), "white")
    picture.paste(Image.fromarray(np.concatenate(rows)), (0, LINE))
    draw = ImageDraw.Draw(picture)
    for column, (name, strength) in enumerate(edits, start=1):
        draw.text((column * side + 2, 1), f"{name} {strength:+g}", fill="black")
    picture.save(options.sheet)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pack", default="mini")
    parser.add_argument("--people", type=int, default=5)
    parser.add_argument("--first", type=int, default=FIRST_PERSON, help="number of the first person")
    parser.add_argument("--edit", type=strength_of, action="append", metavar="NAME=STRENGTH")
    parser.add_argument("--truth", action="store_true", help="show the renderer's own answer too")
    parser.add_argument("--sheet", type=Path, required=True)
    return parser.parse_args()


def _edited(autoencoder: Autoencoder, person: HeldOutClip, edits: list[tuple[str, float]]) -> list[np.ndarray]:
    """The source and every edit of it, where the pack may change it: uint8 [S, S, 3] each."""
    code = autoencoder.encode(person.crops, *crop_track(1, person.crops.shape[-1]))
    source = person.crops[0].float() / 255
    pictures = [source]
    for name, strength in edits:
        decoded = autoencoder.decode(code.with_edit(attribute_edit(autoencoder.pack, name, strength, 1)))
        mask = F.pad(decoded.mask[0][None, None].float(), (SOFT,) * 4, mode="replicate")
        pictures.append(source + decoded.difference[0] * F.avg_pool2d(mask, 2 * SOFT + 1, stride=1)[0])
    return [as_bytes(picture) for picture in pictures]


def _toggled(person: HeldOutClip, edits: list[tuple[str, float]]) -> list[np.ndarray]:
    """The source and the renderer's answer to every edit; the source again where the edit does not fit the person."""
    source = person.crops[0].float() / 255
    pictures = [source]
    for name, strength in edits:
        fits = person.suits(name, strength)
        pictures.append(person.toggled(name, value=strength > 0)[0].float() / 255 if fits else source)
    return [as_bytes(picture) for picture in pictures]


if __name__ == "__main__":
    main()
