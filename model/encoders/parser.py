"""Which pixel is what: the embedded pack's face parser, and the regions that edits may touch."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from ..types import Region
from .layers import Trunk, conv_unit, seen_at

_FACE = frozenset(
    {"skin", "brows", "eyes", "eyeglasses", "nose", "mouth", "lips", "beard"}
    | {"l_brow", "r_brow", "l_eye", "r_eye", "eye_g", "u_lip", "l_lip"}
)
_EARS = frozenset({"ears", "l_ear", "r_ear"})
_NECK = frozenset({"neck", "neck_l"})
_LIPS = frozenset({"lips", "u_lip", "l_lip"})
REGION_CLASSES: dict[Region, frozenset[str]] = {
    "face": _FACE,
    "face+hair": _FACE | _EARS | {"hair", "ear_r"},
    "head": _FACE | _EARS | _NECK | {"hair", "ear_r", "hat"},
    "hair": frozenset({"hair"}),
    "lips": _LIPS,
    "skin": frozenset({"skin", "nose", "lips", "u_lip", "l_lip", "beard"}) | _EARS | _NECK,
    "jaw": _FACE,
    "eyes": _FACE,
    "crown": _FACE | {"hair", "hat"},
}
"""The parsing classes that make up each region, in the embedded pack's words and in CelebAMask-HQ's."""
BANDS: dict[Region, tuple[float, float]] = {"jaw": (0.58, 1.0), "eyes": (0.34, 0.62), "crown": (0.0, 0.47)}
"""The rows of the crop, as parts of its side, in which a region lies: an aligned head has its eyes near 0.47 and its
mouth near 0.74 (faces/align.py)."""
TINTED: frozenset[Region] = frozenset({"hair", "lips", "skin"})
"""Regions whose edits change a colour and no shape: they lie where the source has them. Of the others, what the edited
picture shows counts as well, such as the frame of the glasses it got."""


class FaceParser(nn.Module):
    """Crop -> class scores for every pixel. It looks at crops of one side."""

    def __init__(self, side: int, widths: Sequence[int], classes: int) -> None:
        super().__init__()
        self.side = side
        self.trunk = Trunk(widths)
        pairs = list(zip(widths[-1:0:-1], widths[-2::-1], strict=True))
        self.rise = nn.ModuleList(conv_unit(deep + fine, fine) for deep, fine in pairs)
        self.scores = nn.Conv2d(widths[0], classes, 1)

    def forward(self, crops: Tensor) -> Tensor:
        """crops [B, 3, S, S] signed -> logits [B, classes, S, S]."""
        maps = self.trunk(seen_at(crops, self.side))
        h = maps.pop()
        for unit in self.rise:
            h = F.interpolate(h, scale_factor=2.0, mode="nearest")
            h = unit(torch.cat([h, maps.pop()], dim=1))
        scores = self.scores(h)
        if scores.shape[2:] == crops.shape[2:]:
            return scores
        return F.interpolate(scores, size=crops.shape[2:], mode="bilinear", align_corners=False)


def region_mask(parsing: Tensor, classes: Sequence[str], *regions: Region) -> Tensor:
    """parsing [..., S, S] integer labels -> bool, True where any of the regions is."""
    mask = torch.zeros(parsing.shape, dtype=torch.bool, device=parsing.device)
    for region in regions:
        wanted = [i for i, name in enumerate(classes) if name in REGION_CLASSES[region]]
        there = torch.isin(parsing, torch.tensor(wanted, dtype=parsing.dtype, device=parsing.device))
        if region in BANDS:
            first, last = (round(edge * parsing.shape[-2]) for edge in BANDS[region])
            there[..., :first, :], there[..., last:, :] = False, False
        mask |= there
    return mask
