"""Text edits on held-out synthetic clips that lack what the text asks for, judged by a network that is in no pack.

    python -m benchmarks.text --judge judge.ema.safetensors [--clip pack] [--clips 32] --json OUT [--sheet PNG]

For each prompt: in how many clips the judge's probability crosses 0.5 or moves by 0.3, and how far the other attributes
drift; beside it a random direction of the same length, and the attribute edit of the same name. `--set id_weight=5`
changes one of TextSettings, `--published` begins from the paper's.
"""

import argparse
import json
import time
from dataclasses import asdict, dataclass, fields, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional as F  # noqa: N812
from tqdm import tqdm

from dva.dva_plugin.packs import open_pack
from dva.model.autoencoder import Autoencoder
from dva.model.editing.attribute import IdentityEdit, attribute_edit
from dva.model.editing.direction_file import direction_edit
from dva.model.editing.text import find_direction
from dva.model.editing.text_settings import PUBLISHED, TextSettings
from dva.model.encoders.clip import Clip
from dva.model.encoders.clip_cache import open_clip_model
from dva.model.synth import ATTRIBUTES
from dva.model.training.judge import Judge

from .edits import Subject, convinced, others, toggles, verdict
from .held_out import held_out_clips

PROMPTS: dict[str, tuple[str, int]] = {
    "face with eyeglasses": ("Eyeglasses", 1),
    "face with gray hair": ("Gray_Hair", 1),
    "face with blond hair": ("Blond_Hair", 1),
    "face with black hair": ("Black_Hair", 1),
    "face with a beard": ("No_Beard", -1),
    "face with a goatee": ("Goatee", 1),
    "face with bangs": ("Bangs", 1),
    "face with long hair": ("Long_Hair", 1),
    "face with pale skin": ("Pale_Skin", 1),
    "face with heavy makeup": ("Heavy_Makeup", 1),
}
"""Target text -> the judge's attribute and the sign of the change; ten that the pack's attribute edits master."""


@dataclass(frozen=True)
class Row:
    """One prompt over its clips."""

    prompt: str
    clips: int
    success: float
    before: float
    after: float
    drift: float
    random_success: float
    """Of a random direction of the same length."""
    random_drift: float
    attribute_success: float
    """Of the attribute edit of the same name, strength 1."""
    attribute_drift: float
    iterations: float
    seconds: float
    score: float


def main() -> None:
    options = _options()
    pack = open_pack(options.pack)
    device = torch.device(options.device)
    autoencoder = Autoencoder(pack, device)
    clip = open_clip_model(options.clip, pack, device)
    judge = Judge()
    judge.load_state_dict(load_file(options.judge))
    judge.eval()
    people = held_out_clips(options.people, options.frames, pack.spec.resolution, options.first)
    subjects = [Subject(person, autoencoder, judge) for person in tqdm(people, total=options.people, desc="render")]
    rows, strips = [], []
    for prompt in options.prompt or PROMPTS:
        row, strip = _measure(autoencoder, clip, judge, subjects, prompt, options)
        rows.append(row)
        strips.append(strip)
        tqdm.write(_line(row))
    told = {"settings": asdict(options.settings), "rows": [asdict(row) for row in rows]}
    options.json.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    tqdm.write(f"mean success {np.mean([r.success for r in rows]):.2f} drift {np.mean([r.drift for r in rows]):.3f}")
    if options.sheet:
        height = max(s.shape[0] for s in strips)
        padded = [np.pad(s, ((0, height - s.shape[0]), (0, 6), (0, 0))) for s in strips]
        Image.fromarray(np.concatenate(padded, 1)).save(options.sheet)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pack", default="mini")
    parser.add_argument("--judge", type=Path, required=True)
    parser.add_argument("--clip", default="pack")
    parser.add_argument("--people", type=int, default=100, help="pool that clips are drawn from")
    parser.add_argument("--first", type=int, default=0, help="number of the pool's first person; to choose settings")
    parser.add_argument("--clips", type=int, default=32, help="clips a prompt")
    parser.add_argument("--frames", type=int, default=2)
    parser.add_argument("--prompt", action="append", choices=PROMPTS)
    parser.add_argument("--strength", type=float, default=1.0)
    parser.add_argument("--published", action="store_true")
    parser.add_argument("--set", type=_setting, action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--json", type=Path, required=True)
    parser.add_argument("--sheet", type=Path)
    options = parser.parse_args()
    options.settings = replace(PUBLISHED if options.published else TextSettings(), **dict(options.set))
    return options


def _setting(text: str) -> tuple[str, Any]:
    name, _, value = text.partition("=")
    kinds = {f.name: type(getattr(PUBLISHED, f.name)) for f in fields(TextSettings)}
    return name, kinds[name](value)


def _measure(
    autoencoder: Autoencoder,
    clip: Clip,
    judge: Judge,
    subjects: list[Subject],
    prompt: str,
    options: argparse.Namespace,
) -> tuple[Row, np.ndarray]:
    name, sign = PROMPTS[prompt]
    index, rest = ATTRIBUTES.index(name), others(name)
    numbers, strip = [], []
    for n, (subject, _, _) in enumerate(islice(toggles(subjects, name, sign), options.clips)):
        frames = len(subject.code)
        began = time.perf_counter()
        direction = find_direction(autoencoder, subject.code, clip, ("face", prompt), options.settings)
        seconds = time.perf_counter() - began
        edit = direction_edit(direction, autoencoder.pack, options.strength, frames)
        rng = torch.Generator().manual_seed(n)
        aimless = F.normalize(torch.randn(edit.step.shape, generator=rng), dim=0) * edit.step.norm()
        edits = [edit, replace(edit, step=aimless), attribute_edit(autoencoder.pack, name, float(sign), frames)]
        before = float(subject.verdict[index])
        line, crops = [before], [subject.clip.crops[0].float() / 255]
        for each in edits:
            after, picture = _after(autoencoder, judge, subject, each)
            drift = float((after - subject.verdict).abs()[rest].mean())
            line += [float(convinced(sign, before, float(after[index]))), float(after[index]), drift]
            crops.append(picture)
        numbers.append([*line, len(direction.losses), seconds, float(direction.losses[:, 4].max())])
        if len(strip) < 6:
            strip.append(torch.cat(crops, 2))
    p0, won, p1, drift, won_r, _, drift_r, won_a, _, drift_a, its, secs, score = np.array(numbers).mean(0)
    values = [p0, p1, drift, won_r, drift_r, won_a, drift_a, its, secs, score]
    row = Row(prompt, len(numbers), round(float(won), 3), *(round(float(v), 3) for v in values))
    return row, (torch.cat(strip, 1).permute(1, 2, 0).clamp(0, 1).numpy() * 255).astype(np.uint8)


def _after(autoencoder: Autoencoder, judge: Judge, subject: Subject, edit: IdentityEdit) -> tuple[Tensor, Tensor]:
    """The judge's word on an edited clip, and its first crop. The whole crop is judged, without a mask."""
    edited = subject.clip.crops.float() / 255 + autoencoder.decode(subject.code.with_edit(edit)).difference
    return verdict(judge, edited), edited[0]


def _line(row: Row) -> str:
    return (
        f"{row.prompt:<24} clips {row.clips:3d} success {row.success:.2f} p {row.before:.2f} -> {row.after:.2f} "
        f"drift {row.drift:.3f} | random {row.random_success:.2f} {row.random_drift:.3f} "
        f"| attribute {row.attribute_success:.2f} {row.attribute_drift:.3f} "
        f"| {row.iterations:.0f} iterations {row.seconds:.1f} s score {row.score:.2f}"
    )


if __name__ == "__main__":
    main()
