"""Which pixel is what: BiSeNet (Yu et al. 2018) with a residual network of 18 layers, as trained on CelebAMask-HQ."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from .layers import ConvUnit, imagenet_scaled

CLASSES = (
    "background",
    "skin",
    "l_brow",
    "r_brow",
    "l_eye",
    "r_eye",
    "eye_g",
    "l_ear",
    "r_ear",
    "ear_r",
    "nose",
    "mouth",
    "u_lip",
    "l_lip",
    "neck",
    "neck_l",
    "cloth",
    "hair",
    "hat",
)
"""CelebAMask-HQ's names; `_r` and `_l` at the end are jewellery: earring and necklace."""
BESIDE_TRAINING = frozenset({"background", "cloth", "hat"})
BESIDE_VIDEO = BESIDE_TRAINING | {"l_ear", "r_ear", "neck", "hair"}
ZOOM = 2
"""The parser was trained on pictures of twice the crop's side."""
WIDTH = 128
"""Channels of the context path."""


class ResidualBlock(nn.Module):
    """Two convolutions and the input added (He et al. 2016)."""

    def __init__(self, c_in: int, c_out: int, stride: int) -> None:
        super().__init__()
        self.first = ConvUnit(c_in, c_out, stride=stride)
        self.second = ConvUnit(c_out, c_out, activation=None)
        changes = stride > 1 or c_in != c_out
        self.skip = ConvUnit(c_in, c_out, kernel=1, stride=stride, activation=None) if changes else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """[B, c_in, H, W] -> [B, c_out, H / stride, W / stride]."""
        return F.relu(self.skip(x) + self.second(self.first(x)))


class Refined(nn.Module):
    """A convolution whose channels are weighed by their mean over the map: attention refinement (Yu et al., 3.2)."""

    def __init__(self, c_in: int, c_out: int) -> None:
        super().__init__()
        self.unit = ConvUnit(c_in, c_out)
        self.weigh = ConvUnit(c_out, c_out, kernel=1, activation=torch.sigmoid)

    def forward(self, x: Tensor) -> Tensor:
        """[B, c_in, H, W] -> [B, c_out, H, W]."""
        h = self.unit(x)
        return h * self.weigh(h.mean((2, 3), keepdim=True))


class Context(nn.Module):
    """Features of an eighth of the picture's side, fine ones and ones that know the whole picture."""

    def __init__(self) -> None:
        super().__init__()
        self.conv_in = ConvUnit(3, 64, kernel=7, stride=2)
        self.quarter = nn.Sequential(ResidualBlock(64, 64, 1), ResidualBlock(64, 64, 1))
        self.eighth = nn.Sequential(ResidualBlock(64, 128, 2), ResidualBlock(128, 128, 1))
        self.sixteenth = nn.Sequential(ResidualBlock(128, 256, 2), ResidualBlock(256, 256, 1))
        self.last = nn.Sequential(ResidualBlock(256, 512, 2), ResidualBlock(512, 512, 1))
        self.whole = ConvUnit(512, WIDTH, kernel=1)
        self.refine_last = Refined(512, WIDTH)
        self.refine_sixteenth = Refined(256, WIDTH)
        self.rise_last = ConvUnit(WIDTH, WIDTH)
        self.rise_sixteenth = ConvUnit(WIDTH, WIDTH)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """x [B, 3, H, W] -> fine and knowing, each [B, 128, H / 8, W / 8]."""
        h = F.max_pool2d(self.conv_in(x), 3, stride=2, padding=1)
        fine = self.eighth(self.quarter(h))
        sixteenth = self.sixteenth(fine)
        last = self.last(sixteenth)
        # the mean over the picture, laid over it
        known = self.refine_last(last) + self.whole(last.mean((2, 3), keepdim=True))
        known = self.rise_last(F.interpolate(known, sixteenth.shape[2:], mode="nearest"))
        known = self.refine_sixteenth(sixteenth) + known
        return fine, self.rise_sixteenth(F.interpolate(known, fine.shape[2:], mode="nearest"))


class Fusion(nn.Module):
    """Fine and knowing features together, weighed by channel (Yu et al., 3.3)."""

    def __init__(self) -> None:
        super().__init__()
        self.unit = ConvUnit(2 * WIDTH, 2 * WIDTH, kernel=1)
        self.narrow = nn.Conv2d(2 * WIDTH, WIDTH // 2, 1, bias=False)
        self.widen = nn.Conv2d(WIDTH // 2, 2 * WIDTH, 1, bias=False)

    def forward(self, fine: Tensor, knowing: Tensor) -> Tensor:
        """Two of [B, 128, H, W] -> [B, 256, H, W]."""
        h = self.unit(torch.cat([fine, knowing], dim=1))
        return h + h * self.widen(self.narrow(h.mean((2, 3), keepdim=True)).relu()).sigmoid()


class PublishedParser(nn.Module):
    """Crop -> scores of CLASSES for every pixel."""

    def __init__(self) -> None:
        super().__init__()
        self.context = Context()
        self.fusion = Fusion()
        self.unit_out = ConvUnit(2 * WIDTH, 2 * WIDTH)
        self.scores = nn.Conv2d(2 * WIDTH, len(CLASSES), 1, bias=False)

    def forward(self, crops: Tensor) -> Tensor:
        """crops [B, 3, S, S] signed -> logits [B, 19, S, S]: every other row and column of the doubled picture's."""
        seen = F.interpolate(crops.clamp(-1, 1), scale_factor=float(ZOOM), mode="nearest")
        scores = self.scores(self.unit_out(self.fusion(*self.context(imagenet_scaled(seen)))))
        return F.interpolate(scores, seen.shape[2:], mode="bilinear", align_corners=True)[:, :, ::ZOOM, ::ZOOM]


def training_mask(parsing: Tensor) -> Tensor:
    """parsing [...] labels of CLASSES -> bool: where the published L_reg counts, all but background, cloth and hat."""
    return ~torch.isin(parsing, _labels(BESIDE_TRAINING, parsing))


def video_mask(parsing: Tensor) -> Tensor:
    """parsing [...] labels of CLASSES -> bool: what the published method pastes, without hair, ears and neck too."""
    return ~torch.isin(parsing, _labels(BESIDE_VIDEO, parsing))


def _labels(names: frozenset[str], like: Tensor) -> Tensor:
    return torch.tensor([i for i, name in enumerate(CLASSES) if name in names], dtype=like.dtype, device=like.device)
