"""An attribute classifier that no pack contains: it only ever judges edits.

Another architecture than the pack's encoders (residual blocks, group norm, global pooling), another seed, and other
synthetic people, so that an edit cannot please it by fooling the networks that made the edit.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from ..synth import ATTRIBUTES
from .augment import laid_out, photometric, shift, signed
from .data import Faces
from .loop import Losses

WIDTHS = (24, 48, 96, 160)


class _Residual(nn.Module):
    def __init__(self, c_in: int, c_out: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(c_in, c_out, 5, stride=2, padding=2)
        self.norm = nn.GroupNorm(8, c_out)
        self.second = nn.Conv2d(c_out, c_out, 3, padding=1)
        self.skip = nn.Conv2d(c_in, c_out, 1)

    def forward(self, x: Tensor) -> Tensor:
        h = self.second(F.relu(self.norm(self.first(x))))
        return F.relu(self.skip(F.avg_pool2d(x, 2)) + h)


class Judge(nn.Module):
    """Crop -> one logit an attribute, in the order of synth.ATTRIBUTES."""

    def __init__(self) -> None:
        super().__init__()
        pairs = zip((3, *WIDTHS[:-1]), WIDTHS, strict=True)
        self.blocks = nn.Sequential(*(_Residual(c_in, c_out) for c_in, c_out in pairs))
        self.out = nn.Linear(2 * WIDTHS[-1], len(ATTRIBUTES))

    def forward(self, crops: Tensor) -> Tensor:
        """crops [B, 3, S, S] signed -> logits [B, 26]."""
        h = self.blocks(crops)
        return self.out(torch.cat([h.mean((2, 3)), h.amax((2, 3))], dim=1))


def judge_loss(judge: nn.Module, faces: Faces, batch: int, rng: torch.Generator) -> Losses:
    """Binary cross entropy over attributes, on mildly augmented pictures."""
    rows = torch.randint(len(faces.images), (batch,), generator=rng)
    x, _ = shift(signed(faces.images[rows]), rng, 0.02)
    x = laid_out(photometric(x, rng, 0.6), judge)
    logits, truth = judge(x), faces.attributes()[rows].to(x.device)
    loss = F.binary_cross_entropy_with_logits(logits, truth)
    return {"total": loss, "right": ((logits > 0) == (truth > 0.5)).float().mean()}
