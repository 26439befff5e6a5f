"""Text edits on held-out synthetic clips that lack what the text asks for, judged by a network that is in no pack.

    python -m benchmarks.text --judge judge.ema.safetensors [--clip pack] [--clips 32] --json OUT [--pictures FOLDER]

For each prompt: in how many clips the judge's probability crosses 0.5 or moves by 0.3, and how far the other attributes
drift; beside it a random direction of the same length, and the attribute edit of the same name. `--set id_weight=5`
changes one of TextSettings, `--published` begins from the paper's. OUT is written after every search, a clip for each
prompt before the next clip: what was stopped goes on where it was when the same command is given again.
"""

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields, replace
from itertools import count, product
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
from dva.model.errors import UsageError
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
class Case:
    """One prompt on one clip."""

    prompt: str
    person: int
    before: float
    success: bool
    after: float
    drift: float
    random_success: bool
    """Of a random direction of the same length."""
    random_after: float
    random_drift: float
    attribute_success: bool
    """Of the attribute edit of the same name, strength 1."""
    attribute_after: float
    attribute_drift: float
    iterations: int
    seconds: float
    """Of the processor."""
    score: float


@dataclass(frozen=True)
class Bench:
    """What does not change from case to case."""

    autoencoder: Autoencoder
    clip: Clip
    judge: Judge
    settings: TextSettings
    strength: float
    pictures: Path | None


class Pool:
    """People, rendered when somebody comes to them, and once."""

    def __init__(self, people: Iterator[Subject]) -> None:
        self._people, self._known = people, list[Subject]()

    def __iter__(self) -> Iterator[Subject]:
        for n in count():
            if n == len(self._known):
                try:
                    self._known.append(next(self._people))
                except StopIteration:
                    return
            yield self._known[n]


def main() -> None:
    options = _options()
    pack = open_pack(options.pack)
    device = torch.device(options.device)
    judge = Judge()
    judge.load_state_dict(load_file(options.judge))
    judge.eval()
    autoencoder, clip = Autoencoder(pack, device), open_clip_model(options.clip, pack, device)
    bench = Bench(autoencoder, clip, judge, options.settings, options.strength, options.pictures)
    pool = Pool(
        Subject(person, autoencoder, judge)
        for person in held_out_clips(options.people, options.frames, pack.spec.resolution, options.first)
    )
    facts = {name: getattr(options, name) for name in ("first", "frames", "strength")}
    facts |= {"settings": asdict(options.settings), "pack": pack.hash, "clip": clip.sha256}
    cases = _kept(options.json, facts)
    done = {(case.prompt, case.person) for case in cases}
    fitting = {p: toggles(pool, *PROMPTS[p]) for p in options.prompt or PROMPTS}
    for _, (prompt, those) in tqdm(list(product(range(options.clips), fitting.items()))):
        subject = next((subject for subject, _, _ in those), None)
        if subject is None or (prompt, subject.clip.number) in done:
            continue
        cases.append(_measured(bench, subject, prompt))
        told = facts | {"rows": _rows(cases), "cases": [asdict(case) for case in cases]}
        options.json.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    for row in _rows(cases):
        tqdm.write(" ".join(f"{name} {value}" for name, value in row.items()))


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
    parser.add_argument("--pictures", type=Path, help="folder for a strip a case: source, text, random, attribute")
    options = parser.parse_args()
    options.settings = replace(PUBLISHED if options.published else TextSettings(), **dict(options.set))
    return options


def _setting(text: str) -> tuple[str, Any]:
    name, _, value = text.partition("=")
    kinds = {f.name: type(getattr(PUBLISHED, f.name)) for f in fields(TextSettings)}
    return name, kinds[name](value)


def _kept(path: Path, facts: dict[str, Any]) -> list[Case]:
    """The cases that an earlier run with the same command left; UsageError where another command left them."""
    if not path.is_file():
        return []
    told = json.loads(path.read_text(encoding="utf-8"))
    if {name: told.get(name) for name in facts} != facts:
        raise UsageError(f"{path} holds cases of other settings, people or networks; name another file")
    return [Case(**case) for case in told["cases"]]


def _measured(bench: Bench, subject: Subject, prompt: str) -> Case:
    name, sign = PROMPTS[prompt]
    index, rest, frames = ATTRIBUTES.index(name), others(name), len(subject.code)
    began = time.process_time()
    direction = find_direction(bench.autoencoder, subject.code, bench.clip, ("face", prompt), bench.settings)
    seconds = time.process_time() - began
    edit = direction_edit(direction, bench.autoencoder.pack, bench.strength, frames)
    rng = torch.Generator().manual_seed(subject.clip.number)
    aimless = F.normalize(torch.randn(edit.step.shape, generator=rng), dim=0) * edit.step.norm()
    attribute = attribute_edit(bench.autoencoder.pack, name, float(sign), frames)
    before = float(subject.verdict[index])
    crops, numbers = [subject.clip.crops[0].float() / 255], dict[str, Any]()
    for each, made in (("", edit), ("random_", replace(edit, step=aimless)), ("attribute_", attribute)):
        after, picture = _after(bench.autoencoder, bench.judge, subject, made)
        numbers[each + "success"] = convinced(sign, before, float(after[index]))
        numbers[each + "after"] = round(float(after[index]), 4)
        numbers[each + "drift"] = round(float((after - subject.verdict).abs()[rest].mean()), 4)
        crops.append(picture)
    if bench.pictures is not None:
        bench.pictures.mkdir(parents=True, exist_ok=True)
        strip = (torch.cat(crops, 2).clamp(0, 1) * 255).byte().permute(1, 2, 0).numpy()
        Image.fromarray(strip).save(bench.pictures / f"{prompt.replace(' ', '_')}-{subject.clip.number}.png")
    losses = direction.losses
    told = {"iterations": len(losses), "seconds": round(seconds, 2), "score": round(float(losses[:, 4].max()), 4)}
    return Case(prompt, subject.clip.number, round(before, 4), **numbers, **told)


def _after(autoencoder: Autoencoder, judge: Judge, subject: Subject, edit: IdentityEdit) -> tuple[Tensor, Tensor]:
    """The judge's word on an edited clip, and its first crop. The whole crop is judged, without a mask."""
    edited = subject.clip.crops.float() / 255 + autoencoder.decode(subject.code.with_edit(edit)).difference
    return verdict(judge, edited), edited[0]


def _rows(cases: list[Case]) -> list[dict[str, Any]]:
    """The mean of every number for each prompt, and for all of them."""
    rows: list[dict[str, Any]] = []
    for prompt in [*dict.fromkeys(case.prompt for case in cases), "all"]:
        those = [asdict(case) for case in cases if prompt in (case.prompt, "all")]
        means = {n: round(float(np.mean([case[n] for case in those])), 3) for n in those[0] if n not in _NAMES}
        rows.append({"prompt": prompt, "clips": len(those)} | means)
    return rows


_NAMES = ("prompt", "person")
"""Of a case's entries, those that no mean can be taken of."""


if __name__ == "__main__":
    main()
