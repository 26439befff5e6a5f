"""What cameras, codecs and rooms do to a picture, so that networks trained on renders hold on footage."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812


def signed(images: Tensor) -> Tensor:
    """uint8 [.., 3, S, S] -> float32 in [-1, 1]."""
    return images.float() / 127.5 - 1


def laid_out(x: Tensor, network: nn.Module) -> Tensor:
    """x on the network's device, channels last. Draws stay on the CPU, so a seed means the same on every device."""
    return x.to(next(network.parameters()).device).contiguous(memory_format=torch.channels_last)


def photometric(x: Tensor, rng: torch.Generator, strength: float = 1.0) -> Tensor:
    """Gain, offset, gamma, white balance, saturation, blur, low resolution and noise, drawn anew for each picture.

    x: [B, 3, S, S] signed. strength: 0 leaves x as it is, 1 is what phone footage does at worst.
    """
    b = len(x)

    def normal(*shape: int) -> Tensor:
        return strength * torch.randn(b, *shape, generator=rng)

    unit = ((x + 1) / 2).clamp(1e-3, 1)
    unit = unit ** torch.exp(0.25 * normal(1, 1, 1))
    unit = unit * torch.exp(0.12 * normal(1, 1, 1) + 0.12 * normal(3, 1, 1)) + 0.03 * normal(1, 1, 1)
    grey = unit.mean(1, keepdim=True)
    unit = grey + (unit - grey) * torch.exp(0.2 * normal(1, 1, 1))
    unit = _soften(unit, rng, strength)
    noise = torch.randn(unit.shape, generator=rng)
    amount = strength * 0.03 * torch.rand(b, 1, 1, 1, generator=rng)
    return (unit + amount * noise).clamp(0, 1) * 2 - 1


def veil(x: Tensor, rng: torch.Generator, share: float = 0.4) -> Tensor:
    """Lay stray light over some pictures: blacks rise and contrast falls, as with a bright window or a flat grade.

    x: [B, 3, S, S] signed.
    """
    b = len(x)
    hit = torch.rand(b, 1, 1, 1, generator=rng) < share
    amount = 0.5 * torch.rand(b, 1, 1, 1, generator=rng) * hit
    light = torch.rand(b, 1, 1, 1, generator=rng) + 0.1 * torch.randn(b, 3, 1, 1, generator=rng)
    return x + amount * (light.clamp(0, 1) * 2 - 1 - x)


def _soften(x: Tensor, rng: torch.Generator, strength: float) -> Tensor:
    """Blend some pictures with a blurred or half-resolution copy of themselves."""
    blurred = F.avg_pool2d(F.pad(x, (1, 1, 1, 1), mode="reflect"), 3, stride=1)
    small = F.interpolate(F.avg_pool2d(x, 2), scale_factor=2.0, mode="bilinear", align_corners=False)
    amount = strength * torch.rand(len(x), 1, 1, 1, generator=rng)
    chosen = torch.rand(len(x), 1, 1, 1, generator=rng)
    soft = torch.where(chosen < 0.35, blurred, torch.where(chosen < 0.5, small, x))
    return x + amount * (soft - x)


def occlude(x: Tensor, rng: torch.Generator, share: float = 0.2) -> Tensor:
    """Put a flat rectangle over some pictures, as hands, microphones and captions do."""
    b, _, h, w = x.shape
    centre = torch.rand(b, 2, generator=rng) * torch.tensor([h, w])
    half = torch.rand(b, 2, generator=rng) * torch.tensor([h, w]) * 0.2
    rows = (torch.arange(h)[None] - centre[:, :1]).abs() < half[:, :1]
    columns = (torch.arange(w)[None] - centre[:, 1:]).abs() < half[:, 1:]
    hit = torch.rand(b, 1, 1, 1, generator=rng) < share
    covered = rows[:, None, :, None] & columns[:, None, None, :] & hit
    colour = torch.rand(b, 3, 1, 1, generator=rng) * 2 - 1
    return torch.where(covered, colour, x)


def shift(x: Tensor, rng: torch.Generator, reach: float = 0.06) -> tuple[Tensor, Tensor]:
    """Move, turn and scale each picture a little, as an inexact alignment does.

    Returns (x moved, matrix [B, 2, 3] of `old_from_new` in affine_grid's coordinates).
    """
    b = len(x)
    angle = 2 * reach * torch.randn(b, generator=rng)
    scale = torch.exp(reach * torch.randn(b, generator=rng))
    move = reach * torch.randn(b, 2, generator=rng)
    cos, sin = scale * angle.cos(), scale * angle.sin()
    old_from_new = torch.stack([torch.stack([cos, -sin, move[:, 0]], 1), torch.stack([sin, cos, move[:, 1]], 1)], 1)
    grid = F.affine_grid(old_from_new, list(x.shape), align_corners=False)
    return F.grid_sample(x, grid, padding_mode="border", align_corners=False), old_from_new


def shift_points(points: Tensor, old_from_new: Tensor) -> Tensor:
    """Where points [B, N, 2] in [0, 1] lie after `shift`."""
    centred = points * 2 - 1 - old_from_new[:, None, :, 2]
    return (torch.linalg.solve(old_from_new[:, None, :, :2], centred[..., None])[..., 0] + 1) / 2
