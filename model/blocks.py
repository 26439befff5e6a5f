"""The parts of the denoising network: residual blocks that two conditions modulate, and attention."""

import math
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

Resample = Literal["up", "down", "none"]

ScaleShift = tuple[Tensor, Tensor]
"""1 + scale and shift, [B, C, 1, 1] each; a B of 1 serves every row."""


def time_features(t: Tensor, width: int) -> Tensor:
    """Sinusoids of the integer time: [B] -> [B, width], cosines first (Ho et al. 2020)."""
    half = width // 2
    frequencies = torch.exp(-math.log(10000) * torch.arange(half, device=t.device, dtype=torch.float32) / half)
    angles = t.float()[:, None] * frequencies[None]
    return torch.cat([angles.cos(), angles.sin()], dim=1)


def resample(x: Tensor, how: Resample) -> Tensor:
    """Double or halve the two last axes: nearest up, mean down."""
    match how:
        case "up":
            return F.interpolate(x, scale_factor=2.0, mode="nearest")
        case "down":
            return F.avg_pool2d(x, 2)
        case "none":
            return x


class Convolution(nn.Conv2d):
    """A convolution that multiplies in the precision of its weights and answers in that of its input."""

    def forward(self, input: Tensor) -> Tensor:
        """[B, c_in, H, W] -> [B, c_out, H', W']."""
        if input.dtype == self.weight.dtype:
            return super().forward(input)
        return super().forward(input.to(self.weight.dtype)).to(input.dtype)


class Modulation(nn.Module):
    """Scale and shift of C channels, read linearly from a condition."""

    def __init__(self, condition: int, channels: int) -> None:
        super().__init__()
        self.linear = nn.Linear(condition, 2 * channels)

    def forward(self, condition: Tensor) -> ScaleShift:
        """condition [B, D]; see ScaleShift."""
        scale, shift = self.linear(F.silu(condition))[:, :, None, None].chunk(2, dim=1)
        return 1 + scale, shift


def modulated(x: Tensor, by: ScaleShift) -> Tensor:
    """x [B, C, H, W] * (1 + scale) + shift; without gradients in the memory of x."""
    return torch.addcmul(by[1], x, by[0]) if torch.is_grad_enabled() else torch.addcmul(by[1], x, by[0], out=x)


def silu(x: Tensor) -> Tensor:
    """x * sigmoid(x); without gradients in the memory of x."""
    return F.silu(x, inplace=not torch.is_grad_enabled())


class ResidualBlock(nn.Module):
    """Three convolutions; the second is modulated by time, the third by z_face (DVA's block, after Diff-AE)."""

    def __init__(
        self, c_in: int, c_out: int, time_dim: int, face_dim: int, groups: int, dropout: float, how: Resample = "none"
    ) -> None:
        super().__init__()
        self.how: Resample = how
        self.norm_in = nn.GroupNorm(groups, c_in)
        self.conv_in = Convolution(c_in, c_out, 3, padding=1)
        self.norm_time = nn.GroupNorm(groups, c_out)
        self.time = Modulation(time_dim, c_out)
        self.conv_time = Convolution(c_out, c_out, 3, padding=1)
        self.norm_face = nn.GroupNorm(groups, c_out)
        self.face = Modulation(face_dim, c_out)
        self.dropout = nn.Dropout(dropout)
        self.conv_out = zero_init(Convolution(c_out, c_out, 3, padding=1))
        self.skip = nn.Conv2d(c_in, c_out, 1) if c_in != c_out else nn.Identity()

    def forward(self, x: Tensor, time: ScaleShift, face: ScaleShift) -> Tensor:
        """x [B, c_in, H, W], what `self.time` and `self.face` say of the conditions -> [B, c_out, H', W']."""
        h = self.conv_in(resample(silu(self.norm_in(x)), self.how))
        h = self.conv_time(silu(modulated(self.norm_time(h), time)))
        h = self.conv_out(self.dropout(silu(modulated(self.norm_face(h), face))))
        return self.skip(resample(x, self.how)) + h


class Attention(nn.Module):
    """One head of self-attention over all pixels, with a residual."""

    def __init__(self, channels: int, groups: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(groups, channels)
        self.qkv = nn.Conv2d(channels, 3 * channels, 1)
        self.out = zero_init(nn.Conv2d(channels, channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, H, W] -> [B, C, H, W]."""
        b, c, h, w = x.shape
        q, k, v = self.qkv(self.norm(x)).reshape(b, 3, c, h * w).transpose(2, 3).unbind(1)
        seen = F.scaled_dot_product_attention(q, k, v)
        return x + self.out(seen.transpose(1, 2).reshape(b, c, h, w))


def zero_init(layer: nn.Conv2d) -> nn.Conv2d:
    """Start a layer at zero, so that its residual block starts as the identity."""
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)
    return layer
