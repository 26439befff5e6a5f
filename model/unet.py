"""The denoising network: one UNet for every pack, from the embedded one to the published one."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from .blocks import (
    Attention,
    Resample,
    ResidualBlock,
    ScaleShift,
    resample,
    silu,
    time_features,
    zero_init,
)

Prediction = Literal["eps", "v", "v_rest"]
"""v_rest: v less what a linear estimate says of detail finer than two pixels (predictor.fine_v)."""

Conditions = Iterator[tuple[ScaleShift, ScaleShift]]
"""Modulation by time and by face of each residual block that is still to come."""


@dataclass(frozen=True)
class UNetSpec:
    """The shape of a UNet. The defaults are the published network (paper, appendix; 190.6 M parameters)."""

    resolution: int = 256
    width: int = 128
    multipliers: tuple[int | float, ...] = (1, 1, 2, 2, 4, 4)
    blocks: int = 2
    attention: tuple[int, ...] = (16,)
    """Sides, in pixels of the feature map, at which every block is followed by attention."""
    resample_blocks: bool = True
    """Halve and double the map inside residual blocks; otherwise plainly, which spares a third of the arithmetic."""
    patch: int = 1
    """Pixels are folded into channels in patch x patch squares before the first convolution."""
    groups: int = 32
    time_dim: int = 512
    face_dim: int = 512
    dropout: float = 0.1
    prediction: Prediction = "eps"

    def channels(self) -> list[int]:
        """Feature channels of each level, finest first."""
        return [int(self.width * m) for m in self.multipliers]


class Stage(nn.Module):
    """A residual block, with or without attention after it."""

    def __init__(self, block: ResidualBlock, attention: Attention | None) -> None:
        super().__init__()
        self.block = block
        self.attention = attention

    def forward(self, x: Tensor, conditions: Conditions) -> Tensor:
        h = self.block(x, *next(conditions))
        return h if self.attention is None else self.attention(h)


class PlainResample(nn.Module):
    """Halve or double the map, without weights."""

    def __init__(self, how: Resample) -> None:
        super().__init__()
        self.how: Resample = how

    def forward(self, x: Tensor) -> Tensor:
        return resample(x, self.how)


class UNet(nn.Module):
    """x_t, t, z_face -> the network's prediction (eps, v or v_rest, as its spec says)."""

    def __init__(self, spec: UNetSpec) -> None:
        super().__init__()
        self.spec = spec
        channels = spec.channels()
        folded = 3 * spec.patch**2
        self.time_in = nn.Linear(spec.width, spec.time_dim)
        self.time_out = nn.Linear(spec.time_dim, spec.time_dim)
        self.conv_in = nn.Conv2d(folded, channels[0], 3, padding=1)
        self.down, kept = self._build_down(channels)
        deepest = channels[-1]
        self.middle_in = self._block(deepest, deepest)
        self.middle_attention = Attention(deepest, spec.groups)
        self.middle_out = self._block(deepest, deepest)
        self.up = self._build_up(channels, kept)
        self.norm_out = nn.GroupNorm(spec.groups, channels[0])
        self.conv_out = zero_init(nn.Conv2d(channels[0], folded, 3, padding=1))

    def forward(self, x: Tensor, t: Tensor, z_face: Tensor) -> Tensor:
        """x [B, 3, S, S], t [B] integer times, z_face [B, face_dim] -> [B, 3, S, S] in x's dtype."""
        return self.predict(x, self.time_modulation(t), self.face_modulation(z_face))

    def time_modulation(self, t: Tensor) -> list[ScaleShift]:
        """What time says to each residual block, in the order of their work; t [B], or [1] for all rows alike."""
        features = time_features(t, self.spec.width).to(self.time_in.weight.dtype)
        time = self.time_out(F.silu(self.time_in(features)))
        return [block.time(time) for block in self._residual_blocks()]

    def face_modulation(self, z_face: Tensor) -> list[ScaleShift]:
        """What z_face [B, face_dim] says to each residual block, in the order of their work."""
        return [block.face(z_face) for block in self._residual_blocks()]

    def predict(self, x: Tensor, time: list[ScaleShift], face: list[ScaleShift]) -> Tensor:
        """The part that depends on x [B, 3, S, S]; returns the same shape and dtype."""
        spec, conditions = self.spec, zip(time, face, strict=True)
        h = self.conv_in(F.pixel_unshuffle(x, spec.patch) if spec.patch > 1 else x)
        kept = [h]
        for stage in self.down:
            h = _passed(stage, h, conditions)
            kept.append(h)
        h = self.middle_in(h, *next(conditions))
        h = self.middle_out(self.middle_attention(h), *next(conditions))
        for stage in self.up:
            if isinstance(stage, Stage):
                h = torch.cat([h, kept.pop()], dim=1)
            h = _passed(stage, h, conditions)
        h = self.conv_out(silu(self.norm_out(h)))
        return F.pixel_shuffle(h, spec.patch) if spec.patch > 1 else h

    def _residual_blocks(self) -> list[ResidualBlock]:
        """In the order of their work, which is that of their making: down, middle, up."""
        return [module for module in self.modules() if isinstance(module, ResidualBlock)]

    def _block(self, c_in: int, c_out: int, how: Resample = "none") -> ResidualBlock:
        s = self.spec
        return ResidualBlock(c_in, c_out, s.time_dim, s.face_dim, s.groups, s.dropout, how)

    def _resample(self, channels: int, how: Resample) -> nn.Module:
        return self._block(channels, channels, how) if self.spec.resample_blocks else PlainResample(how)

    def _stage(self, c_in: int, c_out: int, side: int) -> Stage:
        attention = Attention(c_out, self.spec.groups) if side in self.spec.attention else None
        return Stage(self._block(c_in, c_out), attention)

    def _build_down(self, channels: list[int]) -> tuple[nn.ModuleList, list[int]]:
        """The downward half, and the channels of every output that the upward half will see again."""
        stages, kept, c = nn.ModuleList(), [channels[0]], channels[0]
        side = self.spec.resolution // self.spec.patch
        for level, width in enumerate(channels):
            for _ in range(self.spec.blocks):
                stages.append(self._stage(c, width, side))
                c = width
                kept.append(c)
            if level < len(channels) - 1:
                stages.append(self._resample(c, "down"))
                kept.append(c)
                side //= 2
        return stages, kept

    def _build_up(self, channels: list[int], kept: list[int]) -> nn.ModuleList:
        stages, c = nn.ModuleList(), channels[-1]
        side = self.spec.resolution // self.spec.patch // 2 ** (len(channels) - 1)
        kept = list(kept)
        for level in reversed(range(len(channels))):
            for _ in range(self.spec.blocks + 1):
                stages.append(self._stage(c + kept.pop(), channels[level], side))
                c = channels[level]
            if level > 0:
                stages.append(self._resample(c, "up"))
                side *= 2
        return stages


def _passed(stage: nn.Module, h: Tensor, conditions: Conditions) -> Tensor:
    """h after one stage; a residual block without attention stands bare where the map is halved or doubled."""
    if isinstance(stage, ResidualBlock):
        return stage(h, *next(conditions))
    return stage(h) if isinstance(stage, PlainResample) else stage(h, conditions)
