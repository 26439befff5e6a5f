"""The small convolutional trunk that the embedded pack's encoders share in shape, not in weights."""

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812


def seen_at(crops: Tensor, side: int) -> Tensor:
    """crops [B, C, S, S] -> [B, C, side, side], means over what falls together; itself where S is the side."""
    return crops if crops.shape[-1] == side else F.interpolate(crops, size=(side, side), mode="area")


def conv_unit(c_in: int, c_out: int, stride: int = 1) -> nn.Sequential:
    """3x3 convolution, batch norm, SiLU."""
    return nn.Sequential(
        nn.Conv2d(c_in, c_out, 3, stride=stride, padding=1, bias=False), nn.BatchNorm2d(c_out), nn.SiLU()
    )


class Trunk(nn.Module):
    """One level a width, each but the first halving the map: [B, 3, S, S] -> list of [B, width, S / 2^i, S / 2^i]."""

    def __init__(self, widths: Sequence[int]) -> None:
        super().__init__()
        levels: list[nn.Module] = []
        c_in = 3
        for i, width in enumerate(widths):
            units = [conv_unit(c_in, width, stride=2 if i else 1)]
            if i:
                units.append(conv_unit(width, width))
            levels.append(nn.Sequential(*units))
            c_in = width
        self.levels = nn.ModuleList(levels)

    def forward(self, crops: Tensor) -> list[Tensor]:
        maps: list[Tensor] = []
        h = crops
        for level in self.levels:
            h = level(h)
            maps.append(h)
        return maps
