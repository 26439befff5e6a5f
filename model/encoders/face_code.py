"""One code for one frame of one person: z_face from identity and motion."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from .landmarks import LND_DIM


class FaceCode(nn.Module):
    """(z_id, z_lnd) -> z_face: standardise, then linear layers with SiLU between.

    The published network is the case without hidden layers and with a standardisation that does nothing
    (`encoder.linear`, 614 -> 512).
    """

    mean: Tensor
    std: Tensor

    def __init__(self, id_dim: int, face_dim: int, hidden: Sequence[int] = ()) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(id_dim + LND_DIM))
        self.register_buffer("std", torch.ones(id_dim + LND_DIM))
        sizes = [id_dim + LND_DIM, *hidden, face_dim]
        layers: list[nn.Module] = []
        for size_in, size_out in pairwise(sizes):
            layers += [nn.Linear(size_in, size_out), nn.SiLU()]
        self.layers = nn.Sequential(*layers[:-1])

    def forward(self, z_id: Tensor, z_lnd: Tensor) -> Tensor:
        """z_id [B, D], z_lnd [B, 102] -> z_face [B, face_dim]."""
        joined = torch.cat([z_id, z_lnd], dim=1)
        return self.layers((joined - self.mean) / self.std)
