"""Training the face parser on labels that the renderer knows."""

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

from .augment import laid_out, photometric, signed
from .data import Faces
from .loop import Losses


def parser_loss(parser: nn.Module, faces: Faces, batch: int, rng: torch.Generator) -> Losses:
    """Cross entropy over pixels; small classes weigh more."""
    rows = torch.randint(len(faces.images), (batch,), generator=rng)
    truth = faces.parsing[rows].long()
    x = laid_out(photometric(signed(faces.images[rows]), rng), parser)
    logits, truth = parser(x), truth.to(x.device)
    counts = torch.bincount(truth.flatten(), minlength=logits.shape[1]).float()
    weights = (counts.sum() / (counts + 1000)).sqrt().clamp(max=12)
    loss = F.cross_entropy(logits, truth, weight=weights)
    return {"total": loss, "right": (logits.argmax(1) == truth).float().mean()}
