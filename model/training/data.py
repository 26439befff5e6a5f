"""Rendered faces on disk: written once, read by every training.

A shard holds some people. Each person is one head seen several times, and a few copies of that head with one
attribute toggled, seen from two of the same views: those make the pairs.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from ..encoders.layers import seen_at
from ..errors import InputError, UsageError
from ..synth import (
    ATTRIBUTES,
    Head,
    Identity,
    Motion,
    Scene,
    build_head,
    can_toggle,
    render,
    sample_identity,
    sample_motion,
    sample_scene,
    toggle,
)
from ..types import OnProgress, Progress, ignore_progress
from .loop import write_tensors

VIEWS = 4
TOGGLES = 5
PAIRED_VIEWS = 2
HELD = 0.15
"""Share of views with a hand or a microphone before the face."""
RARE = {
    "Wavy_Hair": 6.0,
    **dict.fromkeys(("Eyeglasses", "Bushy_Eyebrows"), 4.0),
    **dict.fromkeys(("Young", "Wearing_Hat", "No_Beard", "Bald", "Big_Nose", "Narrow_Eyes"), 2.0),
    **dict.fromkeys(("Wearing_Lipstick", "Pale_Skin", "Rosy_Cheeks", "Male", "Bags_Under_Eyes", "Big_Lips"), 1.5),
}
"""Toggles drawn more often than the others: small or rare structures that training learns last."""


@dataclass(frozen=True)
class Faces:
    """A data set in memory. N pictures, P pairs."""

    images: Tensor
    """[N, 3, S, S] uint8."""
    parsing: Tensor
    """[N, S, S] uint8 labels."""
    landmarks: Tensor
    """[N, 68, 2] float32 in [0, 1]."""
    vectors: Tensor
    """[N, 26 + K] float32: attributes as -1 or 1, then style."""
    person: Tensor
    """[N] which head; a toggled copy counts as another."""
    pairs: Tensor
    """[P, 3]: picture without, the same with the attribute, the attribute's index."""

    def seen_at(self, side: int, batch: int = 512) -> "Faces":
        """The same faces in crops of a smaller side that divides theirs: mean colours, every n-th label."""
        if self.images.shape[-1] == side:
            return self
        step = self.images.shape[-1] // side
        small = [seen_at(part.float(), side).round().to(torch.uint8) for part in self.images.split(batch)]
        parsing = self.parsing[:, step // 2 :: step, step // 2 :: step].contiguous()
        return replace(self, images=torch.cat(small), parsing=parsing)

    def attributes(self) -> Tensor:
        """[N, A] float32, 0 or 1."""
        return (self.vectors[:, : len(ATTRIBUTES)] > 0).float()


@dataclass
class _Shard:
    """Lists that grow while people are rendered."""

    rows: dict[str, list[np.ndarray]]
    people: int = 0
    count: int = 0

    def add(self, identity: Identity, view: tuple[Motion, Scene], head: Head, crop_of: Head, size: int) -> int:
        picture = render(head, *view, size=size, crop_of=crop_of)
        for name, value in (
            ("images", picture.image.transpose(2, 0, 1)),
            ("parsing", picture.parsing),
            ("landmarks", picture.landmarks.astype(np.float32)),
            ("vectors", identity.vector().astype(np.float32)),
            ("person", np.int64(self.people)),
        ):
            self.rows[name].append(np.asarray(value))
        self.count += 1
        return self.count - 1


def render_shard(path: Path, people: int, seed: int, size: int, on_progress: OnProgress = ignore_progress) -> None:
    """Render people heads, and write one shard. The same seed gives the same file.

    Raises UsageError for less than one head or a negative seed.
    """
    if people < 1 or seed < 0:
        raise UsageError(f"a shard needs at least one head and a seed from 0 on, not {people} heads and seed {seed}")
    # What is held has draws of its own: with it or without it, a seed gives the same people in the same places.
    rng, holding = np.random.default_rng(seed), np.random.default_rng([seed, 1])
    shard = _Shard({name: [] for name in ("images", "parsing", "landmarks", "vectors", "person", "pairs")})
    for done in range(people):
        _render_person(shard, rng, holding, size)
        on_progress(Progress("render", done + 1, people))
    tensors = {name: torch.from_numpy(np.ascontiguousarray(np.stack(rows))) for name, rows in shard.rows.items()}
    write_tensors(path, tensors, {"format_version": "1", "size": str(size), "seed": str(seed)})


def _render_person(shard: _Shard, rng: np.random.Generator, holding: np.random.Generator, size: int) -> None:
    identity = sample_identity(rng)
    views = [(sample_motion(rng), _perhaps_holding(sample_scene(rng), holding)) for _ in range(VIEWS)]
    head = build_head(identity)
    rows = [shard.add(identity, view, head, head, size) for view in views]
    shard.people += 1
    possible = [a for a in ATTRIBUTES if can_toggle(identity, a)]
    weights = np.array([RARE.get(a, 1.0) for a in possible])
    chosen = rng.choice(len(possible), size=min(TOGGLES, len(possible)), replace=False, p=weights / weights.sum())
    for k in chosen:
        attribute = possible[k]
        index = ATTRIBUTES.index(attribute)
        has = bool(identity.vector()[index] > 0)
        other = toggle(identity, attribute, not has, rng)
        other_head = build_head(other)
        for v in rng.choice(VIEWS, size=PAIRED_VIEWS, replace=False):
            row = shard.add(other, views[v], other_head, head, size)
            without, with_it = (row, rows[v]) if has else (rows[v], row)
            shard.rows["pairs"].append(np.array([without, with_it, index], np.int64))
        shard.people += 1


def _perhaps_holding(scene: Scene, rng: np.random.Generator) -> Scene:
    seed = int(rng.integers(1, 1 << 30))
    return replace(scene, held=seed) if rng.random() < HELD else scene


def load_faces(folder: Path) -> Faces:
    """Read every shard of a folder into memory; InputError when there is none, or one that cannot be read."""
    paths = sorted(folder.glob("*.safetensors"))
    if not paths:
        raise InputError(f"no rendered faces in {folder}; render some first")
    parts = list(_shifted(paths))
    return Faces(**{name: torch.cat([part[name] for part in parts]) for name in parts[0]})


def _shifted(paths: list[Path]) -> Iterator[dict[str, Tensor]]:
    """Shards with their row and person numbers moved behind those of the shards before."""
    rows = people = 0
    for path in paths:
        try:
            with safe_open(path, framework="pt") as file:
                part = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
        except (OSError, SafetensorError) as error:
            raise InputError(f"{path} cannot be read as rendered faces ({error}); render it again") from error
        part["person"] = part["person"] + people
        part["pairs"] = part["pairs"] + torch.tensor([rows, rows, 0])
        rows += len(part["images"])
        people = int(part["person"].max()) + 1
        yield part
