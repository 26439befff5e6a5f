"""Who it is: the embedded pack's identity encoder."""

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from .layers import Trunk


class IdentityEncoder(nn.Module):
    """Crop -> z_id, a unit vector that is near for one person and far for two."""

    def __init__(self, resolution: int, widths: Sequence[int], dim: int) -> None:
        super().__init__()
        side = resolution // 2 ** (len(widths) - 1)
        self.dim = dim
        self.trunk = Trunk(widths)
        self.embed = nn.Linear(widths[-1] * side * side, dim)
        self.norm = nn.BatchNorm1d(dim, affine=False)

    def forward(self, crops: Tensor) -> Tensor:
        """crops [B, 3, S, S] signed -> z_id [B, dim] of length 1."""
        return F.normalize(self.norm(self.embed(self.trunk(crops)[-1].flatten(1))), dim=1)
