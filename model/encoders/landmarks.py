"""How it moves: the embedded pack's landmark encoder."""

from collections.abc import Sequence

from torch import Tensor, nn

from .layers import Trunk, seen_at

POINTS = 68
JAW_POINTS = 17
"""The first points of the iBUG order outline the jaw, which belongs to identity rather than to motion."""
LND_DIM = 2 * (POINTS - JAW_POINTS)


class LandmarkEncoder(nn.Module):
    """Crop -> 68 points in the iBUG order. It looks at crops of one side."""

    def __init__(self, side: int, widths: Sequence[int], hidden: int) -> None:
        super().__init__()
        self.side = side
        self.trunk = Trunk(widths)
        map_side = side // 2 ** (len(widths) - 1)
        self.head = nn.Sequential(nn.Linear(widths[-1] * map_side**2, hidden), nn.SiLU(), nn.Linear(hidden, 2 * POINTS))

    def forward(self, crops: Tensor) -> Tensor:
        """crops [B, 3, S, S] signed -> points [B, 68, 2] in [0, 1] of the crop's side, x right, y down."""
        deepest = self.trunk(seen_at(crops, self.side))[-1]
        return (self.head(deepest.flatten(1)) + 0.5).clamp(0, 1).unflatten(1, (POINTS, 2))


def motion_code(points: Tensor) -> Tensor:
    """points [B, 68, 2] -> z_lnd [B, 102]: all but the jaw, flattened (paper, section 4.1)."""
    return points[:, JAW_POINTS:].flatten(1)
