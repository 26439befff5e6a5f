"""One linear classifier an attribute, on normalised z_id (paper, section 4.2)."""

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812


def fit_linear(n: Tensor, labels: Tensor, steps: int = 600) -> tuple[Tensor, Tensor]:
    """Fit a logistic regression for each attribute, all from zero and all at once.

    n: [N, D] normalised z_id. labels: [N, A] float32, 0 or 1. Returns weights [A, D] and biases [A].
    """
    weight = torch.zeros(labels.shape[1], n.shape[1], requires_grad=True)
    bias = torch.zeros(labels.shape[1], requires_grad=True)
    optimiser = torch.optim.Adam([weight, bias], lr=0.02)
    for _ in range(steps):
        loss = F.binary_cross_entropy_with_logits(n @ weight.T + bias, labels) + 2e-3 * weight.square().sum(1).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return weight.detach(), bias.detach()
