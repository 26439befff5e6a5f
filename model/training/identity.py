"""Training the identity encoder: people apart by a margin, and every visible choice readable from z_id."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from ..encoders.identity import IdentityEncoder
from ..synth import ATTRIBUTES
from .augment import laid_out, occlude, photometric, shift, signed
from .data import Faces
from .loop import Losses

SCALE = 24.0
MARGIN = 0.25


class IdentityTask(nn.Module):
    """The encoder, a centre for each person, and a linear reading of the attributes and the style.

    The reading makes attributes linear in z_id, which is what lets one direction edit them (paper, section 4.1).
    """

    def __init__(self, encoder: IdentityEncoder, people: int, vector: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.centres = nn.Parameter(0.1 * torch.randn(people, encoder.dim, generator=torch.Generator().manual_seed(1)))
        self.reading = nn.Linear(encoder.dim, vector)

    def losses(self, images: Tensor, person: Tensor, vectors: Tensor) -> Losses:
        """images [B, 3, S, S] signed; person [B]; vectors [B, A + K]."""
        z_id = self.encoder(images)
        apart = margin_softmax(z_id, self.centres, person)
        read = self.reading(z_id * z_id.shape[1] ** 0.5)
        a = len(ATTRIBUTES)
        attributes = F.binary_cross_entropy_with_logits(read[:, :a], (vectors[:, :a] > 0).float())
        style = F.smooth_l1_loss(read[:, a:], vectors[:, a:])
        return {"total": 0.3 * apart + 4 * attributes + 2 * style, "id": apart, "attr": attributes, "style": style}


def margin_softmax(z_id: Tensor, centres: Tensor, person: Tensor) -> Tensor:
    """Cross entropy over people, the right one's cosine lowered by a margin (Wang et al. 2018, CosFace, eq. 4)."""
    cosine = F.linear(z_id, F.normalize(centres, dim=1))
    lowered = cosine - MARGIN * F.one_hot(person, len(centres))
    return F.cross_entropy(SCALE * lowered, person)


def identity_loss(task: nn.Module, faces: Faces, batch: int, rng: torch.Generator) -> Losses:
    """One batch of augmented pictures through the task."""
    assert isinstance(task, IdentityTask)
    rows = torch.randint(len(faces.images), (batch,), generator=rng)
    x, _ = shift(signed(faces.images[rows]), rng, 0.03)
    x = laid_out(occlude(photometric(x, rng), rng), task)
    return task.losses(x, faces.person[rows].to(x.device), faces.vectors[rows].to(x.device))
