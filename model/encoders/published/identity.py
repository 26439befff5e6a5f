"""Who it is: ArcFace on a gated residual network of 50 layers (Deng et al. 2019; gates of Hu et al. 2018)."""

from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from .layers import ConvUnit

DIM = 512
STAGES = ((64, 3), (128, 4), (256, 14), (512, 3))
"""(channels, blocks); the first block of each stage halves the map."""
ROWS, COLUMNS = slice(35, 223), slice(32, 220)
"""The part of the aligned crop that comes nearest to ArcFace's own alignment, as the published method chose it."""
SIDE = 112
SQUEEZE = 16
"""A gate thinks in this many times fewer channels."""


class Gate(nn.Module):
    """Weigh each channel by what all of them are over the whole map (Hu et al. 2018)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.narrow = nn.Conv2d(channels, channels // SQUEEZE, 1, bias=False)
        self.widen = nn.Conv2d(channels // SQUEEZE, channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, H, W] -> the same shape."""
        return x * self.widen(self.narrow(x.mean((2, 3), keepdim=True)).relu()).sigmoid()


class GatedBlock(nn.Module):
    """Norm, two convolutions, norm and gate, and the input added: ArcFace's residual unit."""

    def __init__(self, c_in: int, c_out: int, stride: int) -> None:
        super().__init__()
        self.norm_in = nn.BatchNorm2d(c_in)
        self.conv_in = nn.Conv2d(c_in, c_out, 3, padding=1, bias=False)
        self.slope = nn.PReLU(c_out)
        self.conv_out = nn.Conv2d(c_out, c_out, 3, stride, padding=1, bias=False)
        self.norm_out = nn.BatchNorm2d(c_out)
        self.gate = Gate(c_out)
        # Where the width stays, the shortcut of a halving block is every other pixel: a pool over single pixels.
        self.skip = (
            nn.MaxPool2d(1, stride)
            if c_in == c_out
            else ConvUnit(c_in, c_out, kernel=1, stride=stride, activation=None)
        )

    def forward(self, x: Tensor) -> Tensor:
        """[B, c_in, H, W] -> [B, c_out, H / stride, W / stride]."""
        h = self.conv_out(self.slope(self.conv_in(self.norm_in(x))))
        return self.skip(x) + self.gate(self.norm_out(h))


class PublishedIdentityEncoder(nn.Module):
    """Crop -> z_id, a unit vector that is near for one person and far for two."""

    def __init__(self) -> None:
        super().__init__()
        width = STAGES[0][0]
        self.conv_in = nn.Conv2d(3, width, 3, padding=1, bias=False)
        self.norm_in = nn.BatchNorm2d(width)
        self.slope = nn.PReLU(width)
        blocks: list[nn.Module] = []
        for c_out, count in STAGES:
            blocks += [GatedBlock(width, c_out, stride=2)]
            blocks += [GatedBlock(c_out, c_out, stride=1) for _ in range(count - 1)]
            width = c_out
        self.blocks = nn.Sequential(*blocks)
        self.norm_map = nn.BatchNorm2d(width)
        self.embed = nn.Linear(width * (SIDE // 2 ** len(STAGES)) ** 2, DIM)
        self.norm_out = nn.BatchNorm1d(DIM)

    def forward(self, crops: Tensor) -> Tensor:
        """crops [B, 3, 256, 256] signed -> z_id [B, 512] of length 1."""
        x = F.adaptive_avg_pool2d(crops[:, :, ROWS, COLUMNS], SIDE)
        h = self.norm_map(self.blocks(self.slope(self.norm_in(self.conv_in(x)))))
        return F.normalize(self.norm_out(self.embed(h.flatten(1))), dim=1)
