"""Training the landmark encoder on points that the renderer knows."""

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

from .augment import laid_out, occlude, photometric, shift, shift_points, signed
from .data import Faces
from .loop import Losses


def landmark_loss(encoder: nn.Module, faces: Faces, batch: int, rng: torch.Generator) -> Losses:
    """Smooth L1 between predicted and true points, in units of the crop's side."""
    rows = torch.randint(len(faces.images), (batch,), generator=rng)
    x, old_from_new = shift(signed(faces.images[rows]), rng)
    truth = shift_points(faces.landmarks[rows], old_from_new)
    x = laid_out(occlude(photometric(x, rng), rng), encoder)
    points, truth = encoder(x), truth.to(x.device)
    loss = F.smooth_l1_loss(points, truth, beta=0.01)
    return {"total": 20 * loss, "px": (points - truth).norm(dim=2).mean().detach() * x.shape[-1]}
