"""Attributes from labelled pictures, in the list format of CelebA-HQ."""

from dataclasses import dataclass
from pathlib import Path, PureWindowsPath

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from ..errors import InputError
from ..packs.pack import Attribute, Pack
from ..packs.published import ATTRIBUTES
from ..types import OnProgress, Progress, Region, ignore_progress
from .footage import BATCH, aligned_picture, identities
from .linear import fit_linear
from .own import Table, statistics

FEWEST = 2
"""Pictures that an attribute needs with it, and as many without."""


@dataclass(frozen=True)
class Labels:
    """Which picture shows what."""

    attributes: tuple[str, ...]
    files: tuple[str, ...]
    values: Tensor
    """[N, A] float32, 1 where the picture shows the attribute, else 0."""


def read_labels(path: Path) -> Labels:
    """Read a list: a line with the number of pictures, one with the attributes' names, then `file 1 -1 ...` lines.

    Raises InputError with the line for anything else, for a file name that leads out of the folder, and for an
    attribute that nearly all pictures or nearly none have.
    """
    try:
        lines = [line.split() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read as a list of labels ({error})") from error
    if len(lines) < 3 or len(lines[0]) != 1 or lines[0][0] != str(len(lines) - 2):
        raise InputError(f"{path} must begin with the number of its pictures, here {max(len(lines) - 2, 0)}, and names")
    names = tuple(lines[1])
    for number, (file, *marks) in enumerate(lines[2:], start=3):
        if len(marks) != len(names) or set(marks) - {"1", "-1"}:
            raise InputError(f"line {number} of {path} must give {file} a 1 or -1 for each of {len(names)} attributes")
        if PureWindowsPath(file).name != file:
            raise InputError(f"line {number} of {path} names {file}, which is no bare file name; put all in one folder")
    values = torch.tensor([[float(mark == "1") for mark in marks] for _, *marks in lines[2:]])
    for name, count in zip(names, values.sum(0).tolist(), strict=True):
        if min(count, len(values) - count) < FEWEST:
            raise InputError(
                f"{path} says of {count:.0f} in {len(values)} pictures that they show {name}; at least {FEWEST} must, "
                f"and {FEWEST} must not, to tell them apart"
            )
    return Labels(names, tuple(file for file, *_ in lines[2:]), values)


def encode_pictures(folder: Path, files: tuple[str, ...], pack: Pack, on_progress: OnProgress) -> Tensor:
    """z_id [N, D] of aligned pictures; InputError where one is missing, damaged or no square."""
    parts: list[Tensor] = []
    for first in range(0, len(files), BATCH):
        on_progress(Progress("read pictures", first, len(files)))
        pictures = [aligned_picture(folder / file, pack.spec.resolution) for file in files[first : first + BATCH]]
        parts.append(identities(torch.stack(pictures), pack.networks))
    on_progress(Progress("read pictures", len(files), len(files)))
    return torch.cat(parts)


def train_attributes(folder: Path, labels: Labels, pack: Pack, on_progress: OnProgress = ignore_progress) -> Table:
    """Fit directions on labelled aligned pictures, in the normalised space of all of them.

    Strength 1 is the way, along the direction, from the mean of those without to the mean of those with.
    """
    z_id = encode_pictures(folder, labels.files, pack, on_progress)
    mean, std = statistics(z_id)
    n = (z_id - mean) / std
    directions, biases = fit_linear(n, labels.values)
    along = n @ F.normalize(directions, dim=1).T
    with_it, without = (_mean_of(along, share) for share in (labels.values, 1 - labels.values))
    units = ((with_it - without) / n.shape[1] ** 0.5).tolist()
    known: dict[str, Region] = {**ATTRIBUTES, **{a.name: a.region for a in pack.attributes}}
    attributes = tuple(
        Attribute(name, known.get(name, "head"), unit) for name, unit in zip(labels.attributes, units, strict=True)
    )
    return Table(attributes, directions, biases, mean, std)


def _mean_of(values: Tensor, share: Tensor) -> Tensor:
    """[A] mean of values [N, A] over the rows that share [N, A] marks."""
    return (values * share).sum(0) / share.sum(0)
