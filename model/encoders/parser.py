"""Which pixel is what: the embedded pack's face parser, and the regions that edits may touch."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from ..types import Region
from .layers import Trunk, conv_unit

_FACE = frozenset(
    {"skin", "brows", "eyes", "eyeglasses", "nose", "mouth", "lips", "beard"}
    | {"l_brow", "r_brow", "l_eye", "r_eye", "eye_g", "u_lip", "l_lip"}
)
_EARS = frozenset({"ears", "l_ear", "r_ear"})
_NECK = frozenset({"neck", "neck_l"})
_LIPS = frozenset({"lips", "mouth", "u_lip", "l_lip"})
REGION_CLASSES: dict[Region, frozenset[str]] = {
    "face": _FACE,
    "face+hair": _FACE | _EARS | {"hair", "ear_r"},
    "head": _FACE | _EARS | _NECK | {"hair", "ear_r", "hat"},
    "hair": frozenset({"hair"}),
    "lips": _LIPS,
    "skin": frozenset({"skin", "nose", "lips", "u_lip", "l_lip", "beard"}) | _EARS | _NECK,
}
"""The parsing classes that make up each region, in the embedded pack's words and in CelebAMask-HQ's."""
TINTED: frozenset[Region] = frozenset({"hair", "lips", "skin"})
"""Regions whose edits change a colour and no shape: they lie where the source has them. Of the others, what the edited
picture shows counts as well, such as the frame of the glasses it got."""


class FaceParser(nn.Module):
    """Crop -> class scores for every pixel."""

    def __init__(self, widths: Sequence[int], classes: int) -> None:
        super().__init__()
        self.trunk = Trunk(widths)
        pairs = list(zip(widths[-1:0:-1], widths[-2::-1], strict=True))
        self.rise = nn.ModuleList(conv_unit(deep + fine, fine) for deep, fine in pairs)
        self.scores = nn.Conv2d(widths[0], classes, 1)

    def forward(self, crops: Tensor) -> Tensor:
        """crops [B, 3, S, S] signed -> logits [B, classes, S, S]."""
        maps = self.trunk(crops)
        h = maps.pop()
        for unit in self.rise:
            h = F.interpolate(h, scale_factor=2.0, mode="nearest")
            h = unit(torch.cat([h, maps.pop()], dim=1))
        return self.scores(h)


def region_mask(parsing: Tensor, classes: Sequence[str], *regions: Region) -> Tensor:
    """parsing [..., S, S] integer labels -> bool, True where any of the regions is."""
    wanted = [i for i, name in enumerate(classes) if any(name in REGION_CLASSES[region] for region in regions)]
    return torch.isin(parsing, torch.tensor(wanted, dtype=parsing.dtype, device=parsing.device))
