"""What the published encoders share."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


def imagenet_scaled(x: Tensor) -> Tensor:
    """x [B, 3, H, W] signed -> the same in units of ImageNet's mean and spread."""
    mean, std = (torch.tensor(v, dtype=x.dtype, device=x.device)[:, None, None] for v in (IMAGENET_MEAN, IMAGENET_STD))
    return ((x + 1) / 2 - mean) / std


class ConvUnit(nn.Module):
    """Convolution without bias, batch norm and perhaps an activation."""

    def __init__(
        self,
        c_in: int,
        c_out: int,
        kernel: int = 3,
        *,
        stride: int = 1,
        padding: int | None = None,
        groups: int = 1,
        activation: Callable[[Tensor], Tensor] | None = F.relu,
    ) -> None:
        """padding: None keeps the size, apart from the stride."""
        super().__init__()
        padding = kernel // 2 if padding is None else padding
        self.conv = nn.Conv2d(c_in, c_out, kernel, stride, padding, groups=groups, bias=False)
        self.norm = nn.BatchNorm2d(c_out)
        self.activation = activation

    def forward(self, x: Tensor) -> Tensor:
        """[B, c_in, H, W] -> [B, c_out, H', W']."""
        h = self.norm(self.conv(x))
        return h if self.activation is None else self.activation(h)
