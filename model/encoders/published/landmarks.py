"""How it moves: MobileNetV2 (Sandler et al. 2018) that ends in a global depthwise convolution (Chen et al. 2018)."""

from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from ..landmarks import POINTS
from .layers import ConvUnit, imagenet_scaled

STEM = 32
STAGES = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
"""(expansion, channels, blocks, stride of the first block) (Sandler et al., table 2)."""
FEATURES = 1280
MARGIN = 16
"""Pixels of the crop that are left out on each side; the network sees 224 x 224."""
SIDE = 7
"""Of the last map, which one kernel a channel then covers whole."""


class Bottleneck(nn.Module):
    """Widen, look round channel by channel, narrow without an activation; the input added where shapes agree."""

    def __init__(self, c_in: int, c_out: int, expansion: int, stride: int) -> None:
        super().__init__()
        inside = c_in * expansion
        self.adds = stride == 1 and c_in == c_out
        self.widen = ConvUnit(c_in, inside, kernel=1, activation=F.relu6) if expansion > 1 else nn.Identity()
        self.look = ConvUnit(inside, inside, stride=stride, groups=inside, activation=F.relu6)
        self.narrow = ConvUnit(inside, c_out, kernel=1, activation=None)

    def forward(self, x: Tensor) -> Tensor:
        """[B, c_in, H, W] -> [B, c_out, H / stride, W / stride]."""
        h = self.narrow(self.look(self.widen(x)))
        return x + h if self.adds else h


class PublishedLandmarkEncoder(nn.Module):
    """Crop -> 68 points in the iBUG order."""

    def __init__(self) -> None:
        super().__init__()
        self.conv_in = ConvUnit(3, STEM, stride=2, activation=F.relu6)
        width = STEM
        blocks: list[nn.Module] = []
        for expansion, c_out, count, stride in STAGES:
            blocks += [Bottleneck(width, c_out, expansion, stride)]
            blocks += [Bottleneck(c_out, c_out, expansion, 1) for _ in range(count - 1)]
            width = c_out
        self.blocks = nn.Sequential(*blocks)
        self.features = ConvUnit(width, FEATURES, kernel=1, activation=F.relu6)
        self.gather = ConvUnit(FEATURES, FEATURES, kernel=SIDE, padding=0, groups=FEATURES, activation=None)
        self.points = ConvUnit(FEATURES, 2 * POINTS, kernel=1, activation=None)

    def forward(self, crops: Tensor) -> Tensor:
        """crops [B, 3, 256, 256] signed -> points [B, 68, 2] in [0, 1] of the 224 pixels seen, x right, y down."""
        seen = crops[:, :, MARGIN:-MARGIN, MARGIN:-MARGIN]
        h = self.features(self.blocks(self.conv_in(imagenet_scaled(seen))))
        return self.points(self.gather(h)).flatten(1).clamp(0, 1).unflatten(1, (POINTS, 2))
