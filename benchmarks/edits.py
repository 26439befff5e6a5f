"""Attribute edits on held-out synthetic clips, judged by a network that is in no pack.

    python -m benchmarks.edits --judge judge.ema.safetensors [--pack mini] [--clips 64] --json OUT [--sheet PNG]

Default: every attribute added, and No_Beard taken away, which is a beard. For each edit: in how many clips the judge's
probability crosses 0.5 or moves by 0.3, how far the other attributes drift, which share of the true change (the same
head rendered with the attribute toggled) was made, and how much changed outside the region of true change. Clips in
which the true toggle hardly shows, such as another hair colour under a hat, are left out.
"""

import argparse
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor
from tqdm import tqdm

from dva.dva_plugin.packs import open_pack
from dva.model.autoencoder import Autoencoder
from dva.model.code import ClipCode
from dva.model.editing.attribute import attribute_edit
from dva.model.packs.pack import Pack
from dva.model.synth import ATTRIBUTES, entailed
from dva.model.training.judge import Judge

from .held_out import HeldOutClip, crop_track, held_out_clips
from .report import as_bytes

CHANGED = 0.06
"""A pixel belongs to the region of true change from this difference on, of 1."""
FEWEST = 24 / 64**2
"""Share of a crop that the true toggle must change: nobody can judge what hair is like under a hat."""


@dataclass(frozen=True)
class Row:
    """One attribute in one direction over all its clips."""

    attribute: str
    strength: float
    clips: int
    success: float
    success_of_truth: float
    """The same rule applied to the true render: what this judge would grant a perfect edit."""
    before: float
    after: float
    truth: float
    drift: float
    drift_of_truth: float
    share: float
    outside: float


class Subject:
    """A clip, with its code and what the judge says of it, once somebody asks."""

    def __init__(self, clip: HeldOutClip, autoencoder: Autoencoder, judge: Judge) -> None:
        self.clip = clip
        self._autoencoder, self._judge = autoencoder, judge

    @cached_property
    def code(self) -> ClipCode:
        frames, size = len(self.clip.crops), self.clip.crops.shape[-1]
        return self._autoencoder.encode(self.clip.crops, *crop_track(frames, size))

    @cached_property
    def verdict(self) -> Tensor:
        return verdict(self._judge, self.clip.crops.float() / 255)


def main() -> None:
    options = _options()
    pack = open_pack(options.pack)
    autoencoder = Autoencoder(pack, torch.device(options.device))
    judge = Judge()
    judge.load_state_dict(load_file(options.judge))
    judge.eval()
    people = held_out_clips(options.people, options.frames, pack.spec.resolution, options.first)
    clips = [Subject(clip, autoencoder, judge) for clip in tqdm(people, total=options.people, desc="render")]
    rows, sheet = measured(autoencoder, judge, clips, options.edit or every_edit(pack), options.clips)
    options.json.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n", encoding="utf-8")
    if options.sheet:
        Image.fromarray(sheet).save(options.sheet)


def every_edit(pack: Pack) -> list[tuple[str, float]]:
    """Each attribute added, and No_Beard taken away, which is a beard."""
    return [*((attribute.name, 1.0) for attribute in pack.attributes), ("No_Beard", -1.0)]


def measured(
    autoencoder: Autoencoder, judge: Judge, clips: list[Subject], edits: list[tuple[str, float]], most: int
) -> tuple[list[Row], np.ndarray]:
    """A row an edit, over at most so many clips, and a sheet uint8 [H, W, 3]: source, edited, truth."""
    rows, pictures = [], []
    for edit in tqdm(edits, desc="edits"):
        row, strip = _measure(autoencoder, judge, clips, edit, most)
        rows.append(row)
        pictures.append(strip)
        tqdm.write(_line(row))
    height = max(picture.shape[0] for picture in pictures)
    return rows, np.concatenate([np.pad(p, ((0, height - p.shape[0]), (0, 6), (0, 0))) for p in pictures], 1)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pack", default="mini")
    parser.add_argument("--judge", type=Path, required=True)
    parser.add_argument("--people", type=int, default=200, help="pool that clips are drawn from")
    parser.add_argument("--first", type=int, default=0, help="number of the pool's first person; to choose a strength")
    parser.add_argument("--clips", type=int, default=64, help="clips an attribute")
    parser.add_argument("--frames", type=int, default=2)
    parser.add_argument("--edit", type=strength_of, action="append", metavar="NAME=STRENGTH")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--json", type=Path, required=True)
    parser.add_argument("--sheet", type=Path)
    return parser.parse_args()


def strength_of(text: str) -> tuple[str, float]:
    """NAME=STRENGTH on the command line."""
    name, _, strength = text.partition("=")
    return name, float(strength)


@torch.no_grad()
def verdict(judge: Judge, crops: Tensor) -> Tensor:
    """[A] mean probability over a clip's crops [T, 3, S, S] in [0, 1]."""
    return torch.sigmoid(judge(crops * 2 - 1)).mean(0)


def _measure(
    autoencoder: Autoencoder, judge: Judge, clips: list[Subject], edit: tuple[str, float], most: int
) -> tuple[Row, np.ndarray]:
    name, strength = edit
    sign = 1 if strength > 0 else -1
    index = ATTRIBUTES.index(name)
    untied = others(name)
    numbers, strip = [], []
    for e, truth, region in islice(toggles(clips, name, sign), most):
        code = e.code.with_edit(attribute_edit(autoencoder.pack, name, strength, len(e.code)))
        source = e.clip.crops.float() / 255
        # The whole crop is judged, without the mask: what lies outside the true region counts as change outside.
        edited = source + autoencoder.decode(code).difference
        after, true = verdict(judge, edited), verdict(judge, truth)
        wanted, made = (truth - source) * region, (edited - source) * region
        share = float((wanted * made).sum() / wanted.square().sum())
        rest = 1 - region
        outside = float(((edited - source).abs() * rest).sum() / (3 * rest.sum()).clamp(min=1)) * 255
        p0, p1, pt = float(e.verdict[index]), float(after[index]), float(true[index])
        won, could = convinced(sign, p0, p1), convinced(sign, p0, pt)
        drift = float((after - e.verdict).abs()[untied].mean())
        numbers.append([won, could, p0, p1, pt, drift, float((true - e.verdict).abs()[untied].mean()), share, outside])
        if len(strip) < 6:
            strip.append(torch.cat([source[0], edited[0].clamp(0, 1), truth[0]], 2))
    means = np.array(numbers, float).mean(0) if numbers else np.full(9, np.nan)
    picture = torch.cat(strip, 1) if strip else torch.zeros(3, 1, 192)
    return Row(name, strength, len(numbers), *(round(float(m), 3) for m in means)), as_bytes(picture)


def toggles(clips: Iterable[Subject], name: str, sign: int) -> Iterator[tuple[Subject, Tensor, Tensor]]:
    """Clips that the edit fits, each with its truth [T, 3, S, S] and the region of true change [T, 1, S, S]."""
    for e in clips:
        if e.clip.suits(name, sign):
            truth = e.clip.toggled(name, value=sign > 0).float() / 255
            region = ((truth - e.clip.crops.float() / 255).abs().amax(1, keepdim=True) > CHANGED).float()
            if region.mean() >= FEWEST:
                yield e, truth, region


def convinced(sign: int, before: float, after: float) -> bool:
    """Crossed 0.5, or moved by 0.3. Where the judge was wrong beforehand there is nothing to cross."""
    crossed = sign * (before - 0.5) < 0 <= sign * (after - 0.5)
    return crossed or sign * (after - before) >= 0.3


def others(name: str) -> Tensor:
    """[A] true for attributes that a toggle of this one neither changes nor hides by its meaning."""
    tied = entailed(name) | {name}
    return torch.tensor([a not in tied for a in ATTRIBUTES])


def _line(row: Row) -> str:
    return (
        f"{row.attribute:<18}{row.strength:+.1f} clips {row.clips:3d} "
        f"success {row.success:.2f} ({row.success_of_truth:.2f}) "
        f"p {row.before:.2f} -> {row.after:.2f} (truth {row.truth:.2f}) "
        f"drift {row.drift:.3f} ({row.drift_of_truth:.3f}) share {row.share:.2f} outside {row.outside:.1f}/255"
    )


if __name__ == "__main__":
    main()
