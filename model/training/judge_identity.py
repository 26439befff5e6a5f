"""Training the judge's face recogniser: whose head it is, whatever it wears.

The pack's own encoder has to tell a person with glasses from the same one without, since its code is what gets edited.
A judge of identity must not: here a head and its copies with other hair, beard, glasses, hat or make-up are one person,
while a copy of another age, sex or shape stays somebody else.
"""

import torch
from torch import Tensor, nn

from ..metrics.judge import JudgeIdentity
from ..synth import ATTRIBUTES
from .augment import laid_out, occlude, photometric, shift, signed
from .data import Faces
from .identity import margin_softmax
from .loop import Losses

SHAPE = frozenset(
    ("Young", "Male", "Chubby", "Bushy_Eyebrows", "Big_Nose", "Big_Lips", "Narrow_Eyes", "Bags_Under_Eyes")
)
"""Attributes that make another person; the rest can be put on, cut, dyed or shaved off."""


class JudgeIdentityTask(nn.Module):
    """The recogniser and a centre for each person."""

    def __init__(self, encoder: JudgeIdentity, people: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.centres = nn.Parameter(torch.randn(people, encoder.dim, generator=torch.Generator().manual_seed(7)))


def heads(faces: Faces) -> Tensor:
    """[N] who each picture shows, counted from 0, once what the person wears is left out."""
    owner = torch.arange(int(faces.person.max()) + 1)
    for without, with_it, attribute in faces.pairs.tolist():
        if ATTRIBUTES[attribute] not in SHAPE:
            first, second = sorted((int(faces.person[without]), int(faces.person[with_it])))
            owner[second] = owner[first]  # a copy comes after the head that it copies
    return torch.unique(owner[faces.person], return_inverse=True)[1]


def judge_identity_loss(task: nn.Module, faces: Faces, owner: Tensor, batch: int, rng: torch.Generator) -> Losses:
    """One batch, mirrored at random, moved more and tinted less than for the pack's encoder. owner: [N] from heads."""
    assert isinstance(task, JudgeIdentityTask)
    rows = torch.randint(len(faces.images), (batch,), generator=rng)
    x = signed(faces.images[rows])
    mirrored = torch.rand(batch, 1, 1, 1, generator=rng) < 0.5
    x, _ = shift(torch.where(mirrored, x.flip(-1), x), rng, 0.05)
    x = laid_out(occlude(photometric(x, rng, 0.7), rng, share=0.1), task)
    loss = margin_softmax(task.encoder(x), task.centres, owner[rows].to(x.device))
    return {"total": loss}
