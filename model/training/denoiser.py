"""Training the denoiser: the paper's two losses on single pictures, and targets that differ from their source.

A quarter of a batch is the paper's: one picture, two noise draws, L_simple on both and L_reg between the two implied
clean pictures inside the face (paper, eq. 6 and 7). The rest is paired: z_face and the target come from a picture's
toggled twin, x_t from somewhere on the way between the two, half of the time where the network itself has come. Only a
renderer can give the twin, and it makes z_face decide where noise would not.
"""

from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor, nn

from ..editing.attribute import edited_identity
from ..encoders.face_code import FaceCode
from ..encoders.landmarks import motion_code
from ..encoders.parser import region_mask
from ..predictor import whole_v
from ..schedule import TRAIN_STEPS, NoiseSchedule
from ..synth import ATTRIBUTES, PARSING, brings
from ..unet import UNet, UNetSpec
from .attributes import Directions
from .augment import laid_out, photometric, signed, veil
from .data import Faces
from .loop import Losses
from .precision import mixed
from .way import START, guessed_change, times_below, walked_change

LANDMARK_ERROR = 0.006
"""Spread of the noise on training landmarks, in crop sides: about what the landmark encoder leaves."""
CHANGED = 0.08
"""A pixel counts as changed between twins from this difference on, in signed units."""
FEWEST = 12 / 64**2
"""Share of a crop below which a change's weight falls off: a pair whose change is hidden should not shout."""
CAMERA = 0.8
"""How strong a camera the pictures are seen through (augment.photometric). Trained through a mild one, edits of a
bright or hazy shot added light where there was no room for it."""
HARD = {
    "Wavy_Hair": 6.0,
    **dict.fromkeys(("Eyeglasses", "No_Beard", "Mustache", "Receding_Hairline"), 4.0),
    **dict.fromkeys(("Goatee", "Brown_Hair"), 3.0),
    **dict.fromkeys(("Black_Hair", "Blond_Hair", "Gray_Hair", "Bangs", "Long_Hair", "Bushy_Eyebrows", "Young"), 2.0),
    **dict.fromkeys(("Male", "Wearing_Hat", "Pale_Skin", "Heavy_Makeup", "Narrow_Eyes"), 1.5),
}
"""How many times as often pairs of some attributes are drawn: thin things, colours between two others, what z_id
hardly tells, and what data.RARE leaves few pairs of. By both, a quarter of the pairs are curls and a sixth glasses."""
REG = 0.5
"""Weight of L_reg (benchmarks.ablation: what becomes of identity without it)."""
SPILLED = 0.5
"""Weight of what is left of changes that the network made where none is wanted."""
OWN = 0.5
"""Share of pairs whose x_t the network has walked to by itself."""
MOST_STRIDES = 4
"""In how many steps it gets there at most; a pack's decoding takes 6."""

APPEARS = torch.tensor([1 if brings(a, value=True) else -1 if brings(a, value=False) else 0 for a in ATTRIBUTES])
"""[A] which way each attribute brings a thing whose look USUAL settles: 1 when set, -1 when taken away, 0 neither."""


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


@dataclass(frozen=True)
class Conditions:
    """What the denoiser is told about each picture, computed once."""

    z_id: Tensor
    """[N, D] of the picture itself."""
    z_person: Tensor
    """[N, D] mean over the person's pictures."""
    directions: Directions
    pair_weights: Tensor
    """[P] how often to draw each pair: seldom, where its change hardly shows."""


@dataclass(frozen=True)
class Batch:
    """Rows ready for noise: x_t comes from source, the prediction should lead to target."""

    source: Tensor
    target: Tensor
    mask: Tensor
    """[B, 1, S, S] where L_reg counts."""
    z_id: Tensor
    """[B, D] the target's, or the source's after the editing rule."""
    z_before: Tensor
    """[B, D] the source's."""
    z_lnd: Tensor

    def to(self, device: torch.device) -> "Batch":
        """The same rows on a device."""
        return Batch(*(getattr(self, field.name).to(device) for field in fields(self)))


def pair_weights(faces: Faces, batch: int = 512) -> Tensor:
    """[P] what a pair changes of its crop, as a part of FEWEST, within a tenth and one, times how HARD it is."""
    parts: list[Tensor] = []
    for pairs in faces.pairs.split(batch):
        without, with_it = (signed(faces.images[pairs[:, k]]) for k in (0, 1))
        parts.append(_changed(without, with_it).mean((1, 2, 3)))
    hard = torch.tensor([HARD.get(name, 1.0) for name in ATTRIBUTES])
    return (torch.cat(parts) / FEWEST).clamp(0.1, 1) * hard[faces.pairs[:, 2]]


def _changed(source: Tensor, target: Tensor) -> Tensor:
    """[B, 1, S, S] 1 where twins differ."""
    return ((source - target).abs().amax(1, keepdim=True) > CHANGED).float()


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
    single = _singles(faces, conditions, batch // 8, rng)
    pair = _pairs(faces, conditions, 3 * batch // 4, rng)
    n = len(single.source)
    t_single, t_pair = _times(n, 0, rng), _times(len(pair.source), 10, rng)
    noise = torch.randn(2 * n + len(pair.source), *pair.source.shape[1:], generator=rng)
    seen = pair.source + _made(network, pair, t_pair, noise[2 * n :], alpha_bar, rng)
    source = torch.cat([single.source, single.source, seen])
    target = torch.cat([single.target, single.target, pair.target])
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
    share = _share_made(x0[2 * n :].detach(), seen, pair.target)
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


def paired_losses(error: Tensor, pair: Batch, seen: Tensor) -> tuple[Tensor, Tensor]:
    """(paired, spilled): the mean error everywhere and again where the twins differ, so that a lip weighs as much as a
    head of hair; and that where x_t shows a change that the target has not, a smudge beside the glasses.

    error: [B, 3, S, S] of v, times (1 - alpha_bar)^(1/4): half way to that of x0, which would hardly ask for anything
    at the low times where a decoder's picture is settled. seen: [B, 3, S, S] the picture in x_t.
    """

    def within(area: Tensor) -> Tensor:
        return ((error * area).mean((1, 2, 3)) / area.mean((1, 2, 3)).clamp(min=FEWEST)).mean()

    changed = _changed(pair.source, pair.target)
    return error.mean() + 1.5 * within(changed), within(_changed(seen, pair.target) * (1 - changed))


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


def _singles(faces: Faces, conditions: Conditions, count: int, rng: torch.Generator) -> Batch:
    rows = torch.randint(len(faces.images), (count,), generator=rng)
    x = signed(faces.images[rows])
    own = torch.rand(count, 1, generator=rng) < 0.3
    z_id = torch.where(own, conditions.z_id[rows], conditions.z_person[rows])
    mask = region_mask(faces.parsing[rows], PARSING, "head")[:, None].float()
    return _filmed(Batch(x, x, mask, z_id, z_id, _motion(faces.landmarks[rows], rng)), rng)


def as_usual(add: Tensor, pairs: Tensor) -> Tensor:
    """add [P] bool, turned round where pairs [P, 3] would bring a thing that looks otherwise than USUAL says.

    Only toggled copies get the usual thing, and a shard holds them behind the person's own pictures (data.py).
    """
    without, with_it, attribute = pairs.unbind(1)
    brought = APPEARS[attribute] == torch.where(add, 1, -1)
    is_copy = torch.where(add, with_it > without, without > with_it)
    return add ^ (brought & ~is_copy)


def _pairs(faces: Faces, conditions: Conditions, count: int, rng: torch.Generator) -> Batch:
    rows = torch.multinomial(conditions.pair_weights, count, replacement=True, generator=rng)
    without, with_it, attribute = faces.pairs[rows].unbind(1)
    add = as_usual(torch.rand(count, generator=rng) < 0.65, faces.pairs[rows])
    source, target = torch.where(add, without, with_it), torch.where(add, with_it, without)
    own = torch.rand(count, 1, generator=rng) < 0.3
    before = torch.where(own, conditions.z_id[source], conditions.z_person[source])
    z_id = _pair_identity(conditions, before, target, torch.where(add, 1.0, -1.0), attribute, rng)
    x, y = signed(faces.images[source]), signed(faces.images[target])
    mask = torch.zeros(count, 1, *x.shape[2:])
    return _filmed(Batch(x, y, mask, z_id, before, _motion(faces.landmarks[source], rng)), rng)


def _pair_identity(
    conditions: Conditions, before: Tensor, target: Tensor, sign: Tensor, attribute: Tensor, rng: torch.Generator
) -> Tensor:
    """The target's own identity for some rows, for the others the source's z_id, edited by the paper's rule."""
    d = conditions.directions
    count = len(before)
    strength = sign * (0.8 + 0.4 * torch.rand(count, generator=rng))
    edited = edited_identity(before, strength[:, None] * d.steps()[attribute], d.mean, d.std)
    natural = torch.rand(count, 1, generator=rng) < 0.3
    return torch.where(natural, conditions.z_person[target], edited)


def _motion(landmarks: Tensor, rng: torch.Generator) -> Tensor:
    return motion_code(landmarks + LANDMARK_ERROR * torch.randn(landmarks.shape, generator=rng))


def _filmed(batch: Batch, rng: torch.Generator) -> Batch:
    """The same camera over source and target: what z_face cannot foretell, and what an edit must not burn out."""
    seed = int(torch.randint(2**31, (1,), generator=rng))

    def camera(x: Tensor) -> Tensor:
        draws = torch.Generator().manual_seed(seed)
        return photometric(veil(x, draws), draws, CAMERA)

    same = batch.source is batch.target
    source = camera(batch.source)
    return replace(batch, source=source, target=source if same else camera(batch.target))
