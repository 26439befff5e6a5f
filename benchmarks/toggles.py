"""What an edit makes of many held-out people at once, against the true toggle and by a judge's word."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from dva.model.synth import ATTRIBUTES
from dva.model.training.judge import Judge

from .batch import Frames, Walk
from .edits import CHANGED, FEWEST, convinced, others
from .held_out import HeldOutClip
from .report import Row

EDITS = (
    ("Bangs", 1.0),
    ("Mustache", 1.0),
    ("Goatee", 1.0),
    ("Heavy_Makeup", 1.0),
    ("Gray_Hair", 1.0),
    ("Chubby", 1.0),
    ("No_Beard", -1.0),
    ("Black_Hair", 1.0),
    ("Blond_Hair", 1.0),
    ("Pale_Skin", 1.0),
    ("Wearing_Lipstick", 1.0),
    ("Eyeglasses", 1.0),
    ("Brown_Hair", 1.0),
    ("Long_Hair", 1.0),
)
"""Fourteen of which `mini` convinces the judge nine times of ten (docs/measurements.md), the same for every pack."""


@dataclass(frozen=True)
class Toggled:
    """Held-out people that an edit fits, and what it should make of them."""

    edit: tuple[str, float]
    rows: Tensor
    truth: Tensor
    """[n, 3, S, S] in [0, 1]."""
    region: Tensor
    """[n, 1, S, S] 1 where the truth differs."""


def toggled(edit: tuple[str, float], people: list[HeldOutClip]) -> Toggled | None:
    """The people who lack the attribute (or have it, for a negative strength) and in whom one would see it toggled."""
    name, strength = edit
    found: list[tuple[int, Tensor, Tensor]] = []
    for i, person in enumerate(people):
        if person.suits(name, strength):
            truth = person.toggled(name, value=strength > 0).float() / 255
            region = ((truth - person.crops.float() / 255).abs().amax(1, keepdim=True) > CHANGED).float()
            if region.mean() >= FEWEST:
                found.append((i, truth, region))
    if not found:
        return None
    rows, truths, regions = zip(*found, strict=True)
    return Toggled(edit, torch.tensor(rows), torch.cat(truths), torch.cat(regions))


@torch.no_grad()
def judged(walk: Walk, judge: Judge, people: Frames, every: list[Toggled]) -> tuple[Row, Tensor, np.ndarray]:
    """Figures over all edits and people, the people's own reconstructions [N, 3, S, S] signed, and the sheet's block.

    Each edit takes the residual of the person's own reconstruction, as a clip does.
    """
    maps = walk.up(people)
    again = walk.down(maps, people)
    numbers, pictures = [], []
    residual = (people.x0 - again).half().float()
    sources = (people.x0 + 1) / 2
    before = torch.sigmoid(judge(people.x0))
    for case in every:
        (name, strength), rows = case.edit, case.rows
        decoded = walk.edited(maps[rows], residual[rows], people[rows], case.edit)
        edited, source = ((decoded + 1) / 2).clamp(0, 1), sources[rows]
        after, index = torch.sigmoid(judge(edited * 2 - 1)), ATTRIBUTES.index(name)
        moved = zip(before[rows, index].tolist(), after[:, index].tolist(), strict=True)
        won = torch.tensor([convinced(1 if strength > 0 else -1, p, q) for p, q in moved]).float()
        drift = (after - before[rows])[:, others(name)].abs().mean(1)
        numbers.append(torch.stack([won, drift, *against_truth(case, source, edited)], 1))
        pictures.append(edited)
    cases = torch.cat(numbers)
    names = ("success", "drift", "share", "near", "outside", "fine")
    means = {name: round(float(v), 4) for name, v in zip(names, cases.mean(0), strict=True)}
    interval = 1.96 * cases[:, :2].std(0) / math.sqrt(len(cases))
    within = {"success_within": round(float(interval[0]), 4), "drift_within": round(float(interval[1]), 4)}
    return {"edits": len(cases), **means, **within}, again, block(pictures)


def against_truth(case: Toggled, source: Tensor, edited: Tensor) -> list[Tensor]:
    """share, near, outside and fine, [n] each."""
    region, rest = case.region, 1 - case.region
    wanted, made = (case.truth - source) * region, (edited - source) * region
    change = edited - source
    axes = (1, 2, 3)
    return [
        (wanted * made).sum(axes) / wanted.square().sum(axes),
        1 - (wanted - made).abs().sum(axes) / wanted.abs().sum(axes),
        255 * (change.abs() * rest).sum(axes) / (3 * rest.sum(axes)).clamp(min=1),
        255 * (change[..., 1:] - change[..., :-1]).abs().mean(axes),
    ]


def block(pictures: list[Tensor]) -> np.ndarray:
    """A block of the sheet, a column an edit and two people high: [n, 3, S, S] in [0, 1] each -> uint8 [2 S, W, 3]."""
    columns = [torch.cat(list(p[[0, -1]]), 1) for p in pictures]
    return (torch.cat(columns, 2).permute(1, 2, 0).numpy() * 255).astype(np.uint8)
