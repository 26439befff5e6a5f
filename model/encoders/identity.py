"""Who it is: the embedded pack's identity encoder."""

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from .layers import Trunk, seen_at


class IdentityEncoder(nn.Module):
    """Crop -> z_id, a unit vector that is near for one person and far for two. It looks at crops of one side."""

    def __init__(self, side: int, widths: Sequence[int], dim: int) -> None:
        super().__init__()
        self.side = side
        self.dim = dim
        self.trunk = Trunk(widths)
        self.embed = nn.Linear(widths[-1] * (side // 2 ** (len(widths) - 1)) ** 2, dim)
        self.norm = nn.BatchNorm1d(dim, affine=False)

    def forward(self, crops: Tensor) -> Tensor:
        """crops [B, 3, S, S] signed -> z_id [B, dim] of length 1."""
        deepest = self.trunk(seen_at(crops, self.side))[-1]
        return F.normalize(self.norm(self.embed(deepest.flatten(1))), dim=1)
