"""Training the denoiser: the paper's two losses on single pictures, and targets that differ from their source.

A quarter of a batch is the paper's: one picture, two noise draws, L_simple on both and L_reg between the two implied
clean pictures inside the face (paper, eq. 6 and 7). The rest is paired: z_face and the target come from a picture's
toggled twin, x_t from somewhere on the way between the two, half of the time where the network itself has come. Only a
renderer can give the twin, and it makes z_face decide where noise would not.
"""

import torch
from torch import Tensor, nn

from ..encoders.face_code import FaceCode
from ..encoders.landmarks import motion_code
from ..predictor import whole_v
from ..schedule import TRAIN_STEPS, NoiseSchedule
from ..unet import UNet, UNetSpec
from .augment import laid_out
from .batches import FEWEST, Batch, Conditions, changed, draw_pairs, draw_singles
from .data import Faces
from .loop import Losses
from .precision import mixed
from .way import START, guessed_change, times_below, walked_change

REG = 0.5
"""Weight of L_reg (benchmarks.ablation: what becomes of identity without it)."""
SPILLED = 0.5
"""Weight of what is left of changes that the network made where none is wanted."""
OWN = 0.5
"""Share of pairs whose x_t the network has walked to by itself."""
MOST_STRIDES = 4
"""In how many steps it gets there at most; a pack's decoding takes 6."""


class Denoiser(nn.Module):
    """UNet and face code, trained together and stored together."""

    def __init__(self, spec: UNetSpec, id_dim: int, hidden: tuple[int, ...]) -> None:
        super().__init__()
        assert spec.prediction != "eps", "the losses below are written for a network that predicts v"
        self.unet = UNet(spec)
        self.face_code = FaceCode(id_dim, spec.face_dim, hidden)

    def forward(self, x: Tensor, t: Tensor, alpha_bar: Tensor, z_id: Tensor, z_lnd: Tensor) -> Tensor:
        """x [B, 3, S, S], t [B], alpha_bar [B, 1, 1, 1], z_id [B, D], z_lnd [B, 102] -> v [B, 3, S, S]."""
        out = self.unet(x, t, self.face_code(z_id, z_lnd))
        return whole_v(out, x, alpha_bar, self.unet.spec.prediction)


def standardise(code: FaceCode, conditions: Conditions, faces: Faces) -> None:
    """Give the face code the mean and spread of its inputs."""
    z_lnd = motion_code(faces.landmarks)
    joined = torch.cat([conditions.z_person, z_lnd], dim=1)
    code.mean.copy_(joined.mean(0))
    code.std.copy_(joined.std(0).clamp(min=1e-3))


def denoiser_loss(
    network: nn.Module,
    faces: Faces,
    conditions: Conditions,
    schedule: NoiseSchedule,
    batch: int,
    rng: torch.Generator,
    reg_weight: float = REG,
) -> Losses:
    """L_simple + L_reg on batch / 8 pictures twice, the paired loss on 3 / 4 batch pairs: batch rows in one pass."""
    alpha_bar = torch.from_numpy(schedule.alpha_bar()).float()
    single = draw_singles(faces, conditions, batch // 8, rng)
    pair = draw_pairs(faces, conditions, 3 * batch // 4, rng)
    n = len(single.source)
    t_single, t_pair = _times(n, 0, rng), _times(len(pair.source), 10, rng)
    noise = torch.randn(2 * n + len(pair.source), *pair.source.shape[1:], generator=rng)
    seen = pair.source + _made(network, pair, t_pair, noise[2 * n :], alpha_bar, rng)
    source = torch.cat([single.source, single.source, seen])
    beside = _beside_the_picture(network, pair, t_pair, noise[2 * n :], alpha_bar)
    target = torch.cat([single.target, single.target, pair.target + beside])
    t = torch.cat([t_single, t_single, t_pair])
    z_id = torch.cat([single.z_id, single.z_id, pair.z_id])
    z_lnd = torch.cat([single.z_lnd, single.z_lnd, pair.z_lnd])
    x, a, v = _look(network, source, t, alpha_bar, noise, z_id, z_lnd)
    v_true = (a.sqrt() * x - target.to(x.device)) / (1 - a).sqrt()
    pair, seen = pair.to(x.device), seen.to(x.device)
    error = (v - v_true).abs()
    simple = error[: 2 * n].mean()
    paired, spilled = paired_losses(error[2 * n :] * (1 - a[2 * n :]) ** 0.25, pair, seen)
    x0 = a.sqrt() * x - (1 - a).sqrt() * v
    reg = ((x0[:n] - x0[n : 2 * n]).abs() * single.mask.to(x.device)).mean()
    share = _share_made(x0[2 * n :].detach() - beside.to(x.device), seen, pair.target)
    total = simple + reg_weight * reg + paired + SPILLED * spilled
    return {"total": total, "simple": simple, "reg": reg, "paired": paired, "spilled": spilled, "share": share}


def _look(
    network: nn.Module, clean: Tensor, t: Tensor, alpha_bar: Tensor, noise: Tensor, z_id: Tensor, z_lnd: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """x_t of clean pictures, alpha_bar [B, 1, 1, 1] and the v that the network sees in x_t: on its device."""
    a = alpha_bar[t][:, None, None, None]
    x = laid_out(a.sqrt() * clean + (1 - a).sqrt() * noise, network)
    a = a.to(x.device)
    with mixed(x.device):
        v = network(x, t.to(x.device), a, z_id.to(x.device), z_lnd.to(x.device)).float()
    return x, a, v


def _made(network: nn.Module, pair: Batch, t: Tensor, noise: Tensor, alpha_bar: Tensor, rng: torch.Generator) -> Tensor:
    """The change from their source that rows already show at times t: [B, 3, S, S], made by the network or guessed."""
    own = int(OWN * len(t))
    strides = int(torch.randint(1, MOST_STRIDES + 1, (), generator=rng))

    @torch.no_grad()
    def implied(made: Tensor, now: Tensor) -> Tensor:
        """Beside the source's own, through the same noise, as `shared_noise` decodes."""
        clean = torch.cat([pair.source[:own] + made, pair.source[:own]])
        z_id, z_lnd = torch.cat([pair.z_id[:own], pair.z_before[:own]]), pair.z_lnd[:own].repeat(2, 1)
        x, a, v = _look(network, clean, now.repeat(2), alpha_bar, noise[:own].repeat(2, 1, 1, 1), z_id, z_lnd)
        edited, kept = (a.sqrt() * x - (1 - a).sqrt() * v).clamp(-1, 1).cpu().chunk(2)
        return edited - kept

    walked = walked_change(implied, t[:own], alpha_bar, strides, pair.source[:own].shape)
    return torch.cat([walked, guessed_change((pair.target - pair.source)[own:], t[own:], alpha_bar, rng)])


@torch.no_grad()
def _beside_the_picture(network: nn.Module, pair: Batch, t: Tensor, noise: Tensor, alpha_bar: Tensor) -> Tensor:
    """What strangers' z_id makes the network see in their sources beside what is there: [B, 3, S, S], else 0.

    `shared_noise` subtracts it, so an edit of a stranger should lead to it and the target.
    """
    beside, rows = torch.zeros_like(pair.source), pair.stranger
    z_id, z_lnd = pair.z_before[rows], pair.z_lnd[rows]
    x, a, v = _look(network, pair.source[rows], t[rows], alpha_bar, noise[rows], z_id, z_lnd)
    beside[rows] = (a.sqrt() * x - (1 - a).sqrt() * v).clamp(-1, 1).cpu() - pair.source[rows]
    return beside


def paired_losses(error: Tensor, pair: Batch, seen: Tensor) -> tuple[Tensor, Tensor]:
    """(paired, spilled): the mean error everywhere and again where the twins differ, so that a lip weighs as much as a
    head of hair; and that where x_t shows a change that the target has not, a smudge beside the glasses.

    error: [B, 3, S, S] of v, times (1 - alpha_bar)^(1/4): half way to that of x0, which would hardly ask for anything
    at the low times where a decoder's picture is settled. seen: [B, 3, S, S] the picture in x_t.
    """

    def within(area: Tensor) -> Tensor:
        return ((error * area).mean((1, 2, 3)) / area.mean((1, 2, 3)).clamp(min=FEWEST)).mean()

    differs = changed(pair.source, pair.target)
    return error.mean() + 1.5 * within(differs), within(changed(seen, pair.target) * (1 - differs))


def _share_made(x0: Tensor, seen: Tensor, target: Tensor) -> Tensor:
    """Which part of the rest of the way to the target the implied clean pictures go: 0 none of it, 1 all.

    This is what to watch: it grows long after L_simple has settled, and it is what editing needs.
    """
    wanted = target - seen
    return ((x0 - seen) * wanted).sum() / wanted.square().sum().clamp(min=1e-6)


def _times(count: int, lowest: int, rng: torch.Generator) -> Tensor:
    """Integer times, most of them where a pack decodes."""
    high = torch.randint(START, TRAIN_STEPS, (count,), generator=rng)
    return torch.where(torch.rand(count, generator=rng) < 0.85, times_below(count, lowest, rng), high)
