"""Directions of the identity space: a linear classifier on normalised z_id (paper, section 4.1).

They are fitted once for a denoiser. Fitted again on other people they turn (cosines of .67 to .97), and a denoiser that
learnt to hear the first would have to learn the second.
"""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from ..encoders.identity import IdentityEncoder
from .augment import photometric, signed
from .data import Faces
from .linear import fit_linear
from .loop import write_tensors

KEPT = "directions.safetensors"
"""Beside the checkpoints of the denoiser that heard them."""
BEYOND = 1.4
"""Strength 1 is so much longer than the mean toggle: at the mean itself half of the people are not convinced yet."""
SHORTEST = 0.5
"""Least length of strength 1: what the identity encoder hardly sees, the denoiser should hear all the same."""


@dataclass(frozen=True)
class Directions:
    """What attributes.safetensors holds, and the unit of each direction."""

    directions: Tensor
    """[A, D] classifier weights on (z_id - mean) / std."""
    biases: Tensor
    """[A]."""
    mean: Tensor
    """[D]."""
    std: Tensor
    """[D]."""
    units: Tensor
    """[A] how far along w / |w| strength 1 moves the normalised z_id, in units of sqrt(D)."""

    def steps(self) -> Tensor:
        """[A, D] what strength 1 adds to a normalised z_id (the paper's rule)."""
        width = self.directions.shape[1] ** 0.5
        return self.units[:, None] * width * F.normalize(self.directions, dim=1)


def keep_directions(path: Path, directions: Directions) -> None:
    """Write them where a denoiser's next training finds them; InputError where there is no room or no right to."""
    tensors = {name: tensor.contiguous() for name, tensor in vars(directions).items()}
    write_tensors(path, tensors, {"format_version": "1"})


@torch.no_grad()
def encode_people(encoder: IdentityEncoder, faces: Faces, batch: int = 256, seed: int = 0) -> Tensor:
    """z_id of every picture [N, D], each seen through a mild camera, in the pictures' order."""
    rng = torch.Generator().manual_seed(seed)
    encoder.eval()
    parts: list[Tensor] = []
    for images in faces.images.split(batch):
        x = photometric(signed(images), rng, 0.4)
        parts.append(encoder(x.contiguous(memory_format=torch.channels_last)))
    return torch.cat(parts)


def person_means(z_id: Tensor, person: Tensor) -> Tensor:
    """[N, D] each picture's person's mean z_id, not normalised again, as for a clip."""
    people = int(person.max()) + 1
    total = torch.zeros(people, z_id.shape[1]).index_add_(0, person, z_id)
    count = torch.zeros(people).index_add_(0, person, torch.ones(len(person)))
    return (total / count[:, None])[person]


def fit_directions(z_id: Tensor, faces: Faces, steps: int = 600) -> Directions:
    """Fit one logistic regression an attribute, and set strength 1 by how far the pairs lie apart along each.

    z_id: [N, D] means of each picture's person.
    """
    mean, std = z_id.mean(0), z_id.std(0)
    n = (z_id - mean) / std
    directions, biases = fit_linear(n, faces.attributes(), steps)
    return Directions(directions, biases, mean, std, _units(n, faces.pairs, directions))


def _units(n: Tensor, pairs: Tensor, directions: Tensor) -> Tensor:
    unit = F.normalize(directions, dim=1)
    moved = ((n[pairs[:, 1]] - n[pairs[:, 0]]) * unit[pairs[:, 2]]).sum(1)
    total = torch.zeros(len(unit)).index_add_(0, pairs[:, 2], moved)
    count = torch.zeros(len(unit)).index_add_(0, pairs[:, 2], torch.ones(len(pairs)))
    mean = total / count.clamp(min=1) / directions.shape[1] ** 0.5
    return (BEYOND * mean).clamp(min=SHORTEST)
