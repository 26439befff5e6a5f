"""Training the judge's attribute classifier, on people that no pack was trained on."""

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

from ..metrics.judge import Judge
from .augment import laid_out, photometric, shift, signed
from .data import Faces
from .loop import Losses

__all__ = ["Judge", "judge_loss"]


def judge_loss(judge: nn.Module, faces: Faces, batch: int, rng: torch.Generator) -> Losses:
    """Binary cross entropy over attributes, on mildly augmented pictures."""
    rows = torch.randint(len(faces.images), (batch,), generator=rng)
    x, _ = shift(signed(faces.images[rows]), rng, 0.02)
    x = laid_out(photometric(x, rng, 0.6), judge)
    logits, truth = judge(x), faces.attributes()[rows].to(x.device)
    loss = F.binary_cross_entropy_with_logits(logits, truth)
    return {"total": loss, "right": ((logits > 0) == (truth > 0.5)).float().mean()}
