"""Training the denoiser: the paper's two losses on single pictures, and targets that differ from their source.

A quarter of a batch is the paper's: one picture, two noise draws, L_simple on both and L_reg between the two implied
clean pictures inside the face (paper, eq. 6 and 7). The rest is paired: x_t comes from one picture, z_face and the
target from its toggled twin. Only a renderer can give the twin, and it makes z_face decide where noise would not.
"""

from dataclasses import dataclass, fields

import torch
from torch import Tensor, nn

from ..editing.attribute import edited_identity
from ..encoders.face_code import FaceCode
from ..encoders.landmarks import motion_code
from ..encoders.parser import region_mask
from ..schedule import TRAIN_STEPS, NoiseSchedule
from ..synth import PARSING
from ..unet import UNet, UNetSpec
from .attributes import Directions
from .augment import laid_out, signed
from .data import Faces
from .loop import Losses

LANDMARK_ERROR = 0.006
"""Spread of the noise on training landmarks, in crop sides: about what the landmark encoder leaves."""
CHANGED = 0.12
"""A pixel counts as changed between twins from this difference on, in signed units."""
FEWEST = 24
"""Pixels below which a change's weight falls off: a pair whose change is hidden should not shout."""


class Denoiser(nn.Module):
    """UNet and face code, trained together and stored together."""

    def __init__(self, spec: UNetSpec, id_dim: int, hidden: tuple[int, ...]) -> None:
        super().__init__()
        assert spec.prediction == "v", "the losses below are written for a network that predicts v"
        self.unet = UNet(spec)
        self.face_code = FaceCode(id_dim, spec.face_dim, hidden)

    def forward(self, x: Tensor, t: Tensor, z_id: Tensor, z_lnd: Tensor) -> Tensor:
        """x [B, 3, S, S], t [B], z_id [B, D], z_lnd [B, 102] -> the UNet's prediction."""
        return self.unet(x, t, self.face_code(z_id, z_lnd))


@dataclass(frozen=True)
class Conditions:
    """What the denoiser is told about each picture, computed once."""

    z_id: Tensor
    """[N, D] of the picture itself."""
    z_person: Tensor
    """[N, D] mean over the person's pictures."""
    directions: Directions


@dataclass(frozen=True)
class Batch:
    """Rows ready for noise: x_t comes from source, the prediction should lead to target."""

    source: Tensor
    target: Tensor
    mask: Tensor
    """[B, 1, S, S] where L_reg counts."""
    z_id: Tensor
    z_lnd: Tensor

    def to(self, device: torch.device) -> "Batch":
        """The same rows on a device."""
        return Batch(*(getattr(self, field.name).to(device) for field in fields(self)))


def standardise(code: FaceCode, conditions: Conditions, faces: Faces) -> None:
    """Give the face code the mean and spread of its inputs."""
    z_lnd = motion_code(faces.landmarks)
    joined = torch.cat([conditions.z_person, z_lnd], dim=1)
    code.mean.copy_(joined.mean(0))
    code.std.copy_(joined.std(0).clamp(min=1e-3))


def denoiser_loss(
    network: nn.Module, faces: Faces, conditions: Conditions, schedule: NoiseSchedule, batch: int, rng: torch.Generator
) -> Losses:
    """L_simple + L_reg on batch / 8 pictures twice, the paired loss on 3 / 4 batch pairs: batch rows in one pass."""
    alpha_bar = torch.from_numpy(schedule.alpha_bar()).float()
    single = _singles(faces, conditions, batch // 8, rng)
    pair = _pairs(faces, conditions, 3 * batch // 4, rng)
    t_single, t_pair = _times(len(single.source), 0, rng), _times(len(pair.source), 120, rng)
    source = torch.cat([single.source, single.source, pair.source])
    target = torch.cat([single.target, single.target, pair.target])
    t = torch.cat([t_single, t_single, t_pair])
    a = alpha_bar[t][:, None, None, None]
    noise = torch.randn(source.shape, generator=rng)
    x = a.sqrt() * source + (1 - a).sqrt() * noise
    v_true = (a.sqrt() * x - target) / (1 - a).sqrt()
    z_id = torch.cat([single.z_id, single.z_id, pair.z_id])
    z_lnd = torch.cat([single.z_lnd, single.z_lnd, pair.z_lnd])
    x = laid_out(x, network)
    a, pair = a.to(x.device), pair.to(x.device)
    v = network(x, t.to(x.device), z_id.to(x.device), z_lnd.to(x.device))
    error = (v - v_true.to(x.device)).abs()
    n = len(single.source)
    simple = error[: 2 * n].mean()
    paired = _paired_loss(error[2 * n :], pair)
    x0 = a.sqrt() * x - (1 - a).sqrt() * v
    reg = ((x0[:n] - x0[n : 2 * n]).abs() * single.mask.to(x.device)).mean()
    share = _share_made(x0[2 * n :].detach(), pair)
    return {"total": simple + 0.5 * reg + paired, "simple": simple, "reg": reg, "paired": paired, "share": share}


def _paired_loss(error: Tensor, pair: Batch) -> Tensor:
    """Mean error everywhere, and again where the twins differ, so that a lip weighs as much as a head of hair."""
    changed = ((pair.source - pair.target).abs().amax(1, keepdim=True) > CHANGED).float()
    inside = (error * changed).mean(1).sum((1, 2)) / changed[:, 0].sum((1, 2)).clamp(min=FEWEST)
    return error.mean() + 0.7 * inside.mean()


def _share_made(x0: Tensor, pair: Batch) -> Tensor:
    """Which part of the way from source to target the implied clean pictures have gone: 0 none of it, 1 all.

    This is what to watch: it grows long after L_simple has settled, and it is what editing needs.
    """
    wanted = pair.target - pair.source
    return ((x0 - pair.source) * wanted).sum() / wanted.square().sum().clamp(min=1e-6)


def _times(count: int, lowest: int, rng: torch.Generator) -> Tensor:
    """Integer times, most of them below 700, where decoding from the middle of the chain happens."""
    low = torch.randint(lowest, 700, (count,), generator=rng)
    high = torch.randint(700, TRAIN_STEPS, (count,), generator=rng)
    return torch.where(torch.rand(count, generator=rng) < 0.85, low, high)


def _singles(faces: Faces, conditions: Conditions, count: int, rng: torch.Generator) -> Batch:
    rows = torch.randint(len(faces.images), (count,), generator=rng)
    x = signed(faces.images[rows])
    own = torch.rand(count, 1, generator=rng) < 0.3
    z_id = torch.where(own, conditions.z_id[rows], conditions.z_person[rows])
    mask = region_mask(faces.parsing[rows], PARSING, "head")[:, None].float()
    return _tinted(Batch(x, x, mask, z_id, _motion(faces.landmarks[rows], rng)), rng)


def _pairs(faces: Faces, conditions: Conditions, count: int, rng: torch.Generator) -> Batch:
    rows = torch.randint(len(faces.pairs), (count,), generator=rng)
    without, with_it, attribute = faces.pairs[rows].unbind(1)
    add = torch.rand(count, generator=rng) < 0.65
    source, target = torch.where(add, without, with_it), torch.where(add, with_it, without)
    z_id = _pair_identity(conditions, source, target, torch.where(add, 1.0, -1.0), attribute, rng)
    x, y = signed(faces.images[source]), signed(faces.images[target])
    mask = torch.zeros(count, 1, *x.shape[2:])
    return _tinted(Batch(x, y, mask, z_id, _motion(faces.landmarks[source], rng)), rng)


def _pair_identity(
    conditions: Conditions, source: Tensor, target: Tensor, sign: Tensor, attribute: Tensor, rng: torch.Generator
) -> Tensor:
    """The target's own identity for some rows, for the others the source's, edited by the paper's rule."""
    d = conditions.directions
    count = len(source)
    strength = sign * (0.75 + 0.75 * torch.rand(count, generator=rng))
    own = torch.rand(count, 1, generator=rng) < 0.3
    z_source = torch.where(own, conditions.z_id[source], conditions.z_person[source])
    edited = edited_identity(z_source, strength[:, None] * d.steps()[attribute], d.mean, d.std)
    natural = torch.rand(count, 1, generator=rng) < 0.3
    return torch.where(natural, conditions.z_person[target], edited)


def _motion(landmarks: Tensor, rng: torch.Generator) -> Tensor:
    return motion_code(landmarks + LANDMARK_ERROR * torch.randn(landmarks.shape, generator=rng))


def _tinted(batch: Batch, rng: torch.Generator) -> Batch:
    """The same camera over source and target: exposure, white balance and contrast that z_face cannot foretell."""
    count = len(batch.source)
    gain = torch.exp(
        0.10 * torch.randn(count, 1, 1, 1, generator=rng) + 0.04 * torch.randn(count, 3, 1, 1, generator=rng)
    )
    lift = 0.05 * torch.randn(count, 1, 1, 1, generator=rng)

    def camera(x: Tensor) -> Tensor:
        return ((x + 1) * gain - 1 + lift).clamp(-1, 1)

    same = batch.source is batch.target
    source = camera(batch.source)
    return Batch(source, source if same else camera(batch.target), batch.mask, batch.z_id, batch.z_lnd)
