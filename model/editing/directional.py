"""The losses of the text edit (paper, section 4.2; Gal et al. 2022, eq. 4; Kim et al. 2022 for the logarithm)."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

SOFTNESS = 1e-3
"""Length below which a step between two pictures' unit features counts less than its direction says.

An edit begins at no step at all, which has no direction. The published code adds a millionth to the picture instead; a
soft length gives the same cosine for every step that is clearly longer, and a finite slope at the start.
"""


@dataclass(frozen=True)
class TextLosses:
    """One look at an edit: numbers, or scalar tensors with their gradients."""

    total: Tensor
    clip: Tensor
    """-log((2 - mean over pictures of 1 - cos(picture step, text step)) / 2): 0 where all point as the texts do."""
    identity: Tensor
    """1 - cos(edited identity, identity)."""
    l1: Tensor
    """Mean absolute difference inside the mask, over all values of all pictures."""
    score: Tensor
    """Mean cosine between the pictures' step and the texts', faint steps counting less: what it is for, -1 to 1."""

    def numbers(self) -> tuple[tuple[str, float], ...]:
        """Name and value, in the order total, clip, id, l1, score."""
        values = (self.total, self.clip, self.identity, self.l1, self.score)
        names = ("total", "clip", "id", "l1", "score")
        return tuple((name, float(value.detach())) for name, value in zip(names, values, strict=True))


def direction_score(before: Tensor, after: Tensor, text: Tensor, softness: float = SOFTNESS) -> Tensor:
    """[B] cosine between each picture's step and the texts' step.

    before, after: [B, E] unit features. text: [E] of length 1. softness: 0 is the plain cosine.
    """
    step = after - before
    length = (step.square().sum(1) + softness**2).sqrt()
    return (step @ text) / length


def clip_loss(scores: Tensor) -> Tensor:
    """-log((2 - L) / 2), where L is the mean of 1 - cos over [B] scores: the published form of the directional loss."""
    return -torch.log((1 + scores.mean()).clamp(min=1e-4) / 2)


def identity_loss(edited: Tensor, original: Tensor) -> Tensor:
    """1 - cos of two identities [D]."""
    return 1 - F.cosine_similarity(edited, original, dim=-1)


def masked_l1(after: Tensor, before: Tensor, mask: Tensor) -> Tensor:
    """Mean of |after - before| * mask over all values. after, before: [B, 3, S, S]; mask: [B, 1, S, S], 0 or 1."""
    return ((after - before).abs() * mask).mean()
