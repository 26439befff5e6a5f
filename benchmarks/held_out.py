"""Synthetic people that no training saw, as clips of a few frames, each with its toggled twin on demand."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import torch
from torch import Tensor

from dva.model.code import SourceFacts
from dva.model.synth import (
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
from dva.model.types import FaceTrack

SEED = 77_000
"""Seeds of the training shards lie far below."""


@dataclass(frozen=True)
class HeldOutClip:
    """One person in one scene, in a few poses."""

    number: int
    identity: Identity
    head: Head
    scene: Scene
    motions: tuple[Motion, ...]
    crops: Tensor
    """[T, 3, S, S] uint8."""

    def lacks(self, attribute: str) -> bool:
        index = ATTRIBUTES.index(attribute)
        return not self.identity.vector()[index] > 0 and can_toggle(self.identity, attribute)

    def has(self, attribute: str) -> bool:
        index = ATTRIBUTES.index(attribute)
        return bool(self.identity.vector()[index] > 0) and can_toggle(self.identity, attribute)

    def suits(self, attribute: str, strength: float) -> bool:
        """Whether the edit would change the person: adds what is lacking, or takes away what is there."""
        return self.lacks(attribute) if strength > 0 else self.has(attribute)

    def toggled(self, attribute: str, *, value: bool) -> Tensor:
        """[T, 3, S, S] uint8: the truth, the same head with the attribute changed."""
        rng = np.random.default_rng(SEED + self.number)
        head = build_head(toggle(self.identity, attribute, value, rng))
        size = self.crops.shape[-1]
        pictures = [render(head, motion, self.scene, size=size, crop_of=self.head).image for motion in self.motions]
        return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).contiguous()


def held_out_clips(count: int, frames: int, size: int, first: int = 0) -> Iterator[HeldOutClip]:
    """The same people at every call; another first number, other people."""
    for number in range(first, first + count):
        rng = np.random.default_rng(SEED + number)
        identity = sample_identity(rng)
        head, scene = build_head(identity), sample_scene(rng)
        motions = tuple(sample_motion(rng) for _ in range(frames))
        pictures = np.stack([render(head, motion, scene, size=size).image for motion in motions])
        crops = torch.from_numpy(pictures).permute(0, 3, 1, 2).contiguous()
        yield HeldOutClip(number, identity, head, scene, motions, crops)


def crop_track(frames: int, size: int) -> tuple[FaceTrack, SourceFacts]:
    """The track of crops that are already aligned."""
    corners = np.array([[0, 0], [0, size], [size, size], [size, 0]], float)
    track = FaceTrack(
        quads=np.repeat(corners[None], frames, 0),
        landmarks=np.zeros((frames, 5, 2), np.float32),
        status=np.zeros(frames, np.uint8),
        confidence=np.ones(frames, np.float32),
        frame_size=(size, size),
        frame_rate=Fraction(24),
    )
    return track, SourceFacts("held out", (size, size), Fraction(24), frames)
