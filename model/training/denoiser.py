"""Training the denoiser: the paper's two losses on single pictures, and targets that differ from their source.

A quarter of a batch is the paper's: one picture, two noise draws, L_simple on both and L_reg between the two implied
clean pictures inside the face (paper, eq. 6 and 7). The rest is paired: z_face and the target come from a picture's
toggled twin, x_t from somewhere on the way between the two. Only a renderer can give the twin, and it makes z_face
decide where noise would not.
"""

from dataclasses import dataclass, fields

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

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

LANDMARK_ERROR = 0.006
"""Spread of the noise on training landmarks, in crop sides: about what the landmark encoder leaves."""
CHANGED = 0.08
"""A pixel counts as changed between twins from this difference on, in signed units."""
FEWEST = 12 / 64**2
"""Share of a crop below which a change's weight falls off: a pair whose change is hidden should not shout."""
CAMERA = 0.8
"""How strong a camera the pictures are seen through (augment.photometric). Trained through a mild one, edits of a
bright or hazy shot added light where there was no room for it."""
START = 750
"""Time at which a pack trained here begins to decode: there an edit has gone none of its way yet."""


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
    z_lnd: Tensor

    def to(self, device: torch.device) -> "Batch":
        """The same rows on a device."""
        return Batch(*(getattr(self, field.name).to(device) for field in fields(self)))


def pair_weights(faces: Faces, batch: int = 512) -> Tensor:
    """[P] what a pair changes of its crop, as a part of FEWEST, within a tenth and one."""
    parts: list[Tensor] = []
    for pairs in faces.pairs.split(batch):
        without, with_it = (signed(faces.images[pairs[:, k]]) for k in (0, 1))
        parts.append(_changed(without, with_it).mean((1, 2, 3)))
    return (torch.cat(parts) / FEWEST).clamp(0.1, 1)


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
    network: nn.Module, faces: Faces, conditions: Conditions, schedule: NoiseSchedule, batch: int, rng: torch.Generator
) -> Losses:
    """L_simple + L_reg on batch / 8 pictures twice, the paired loss on 3 / 4 batch pairs: batch rows in one pass."""
    alpha_bar = torch.from_numpy(schedule.alpha_bar()).float()
    single = _singles(faces, conditions, batch // 8, rng)
    pair = _pairs(faces, conditions, 3 * batch // 4, rng)
    t_single, t_pair = _times(len(single.source), 0, rng), _times(len(pair.source), 10, rng)
    seen = _on_the_way(pair, t_pair, alpha_bar, rng)
    source = torch.cat([single.source, single.source, seen])
    target = torch.cat([single.target, single.target, pair.target])
    t = torch.cat([t_single, t_single, t_pair])
    a = alpha_bar[t][:, None, None, None]
    noise = torch.randn(source.shape, generator=rng)
    x = a.sqrt() * source + (1 - a).sqrt() * noise
    v_true = (a.sqrt() * x - target) / (1 - a).sqrt()
    z_id = torch.cat([single.z_id, single.z_id, pair.z_id])
    z_lnd = torch.cat([single.z_lnd, single.z_lnd, pair.z_lnd])
    x = laid_out(x, network)
    a, pair, seen = a.to(x.device), pair.to(x.device), seen.to(x.device)
    with mixed(x.device):
        v = network(x, t.to(x.device), a, z_id.to(x.device), z_lnd.to(x.device)).float()
    error = (v - v_true.to(x.device)).abs()
    n = len(single.source)
    simple = error[: 2 * n].mean()
    paired = _paired_loss(error[2 * n :] * (1 - a[2 * n :]).sqrt(), pair)
    x0 = a.sqrt() * x - (1 - a).sqrt() * v
    reg = ((x0[:n] - x0[n : 2 * n]).abs() * single.mask.to(x.device)).mean()
    share = _share_made(x0[2 * n :].detach(), seen, pair.target)
    return {"total": simple + 0.5 * reg + paired, "simple": simple, "reg": reg, "paired": paired, "share": share}


def way_gone(t: Tensor, alpha_bar: Tensor) -> Tensor:
    """How far from source to target a perfect decoder has come at integer times t: [B] in [0, 1).

    DDIM adds up implied clean pictures, each weighed by the growth of r = sqrt(alpha_bar / (1 - alpha_bar)) over its
    step (Song et al. 2021, eq. 12 divided by sqrt(1 - alpha_bar)). A decoder that begins at START with the source and
    implies the target from then on has gone 1 - r(START) / r(t) of the way at t.
    """
    r = (alpha_bar / (1 - alpha_bar)).sqrt()
    return (1 - r[START - 1] / r[t]).clamp(min=0)


def _on_the_way(pair: Batch, t: Tensor, alpha_bar: Tensor, rng: torch.Generator) -> Tensor:
    """What a decoder that is turning source into target may have before it at time t: [B, 3, S, S].

    Rows have come as far as a perfect decoder or less far, the far ones more often: so the network is also taught to
    catch up. They have come there more or less blurred: what is implied through much noise has no edges yet, so a
    decoder finds a smudge where glasses shall be, and must have learnt to make glasses of it.
    """
    gone = way_gone(t, alpha_bar) * torch.rand(len(t), generator=rng).sqrt()
    change = _blurred(pair.target - pair.source, rng)
    return pair.source + gone[:, None, None, None] * change


def _blurred(change: Tensor, rng: torch.Generator) -> Tensor:
    """Change [B, 3, S, S], each row faded by another part towards its means over a 32nd to an 8th of the side."""
    side = change.shape[-1]
    cell = max(side >> int(torch.randint(3, 6, (), generator=rng)), 1)
    soft = F.interpolate(F.avg_pool2d(change, cell), size=(side, side), mode="bilinear", align_corners=False)
    return change + torch.rand(len(change), 1, 1, 1, generator=rng) * (soft - change)


def _paired_loss(error: Tensor, pair: Batch) -> Tensor:
    """Mean error of x0 everywhere, and again where the twins differ: a lip weighs as much as a head of hair."""
    changed = _changed(pair.source, pair.target)
    inside = (error * changed).mean((1, 2, 3)) / changed.mean((1, 2, 3)).clamp(min=FEWEST)
    return error.mean() + 1.5 * inside.mean()


def _share_made(x0: Tensor, seen: Tensor, target: Tensor) -> Tensor:
    """Which part of the rest of the way to the target the implied clean pictures go: 0 none of it, 1 all.

    This is what to watch: it grows long after L_simple has settled, and it is what editing needs.
    """
    wanted = target - seen
    return ((x0 - seen) * wanted).sum() / wanted.square().sum().clamp(min=1e-6)


def _times(count: int, lowest: int, rng: torch.Generator) -> Tensor:
    """Integer times, most of them drawn as decoding takes them: the closer, the less noise there is.

    Those are the levels of NoiseSchedule.bent_levels. The last of them decide what a picture looks like: each implied
    picture weighs as much as r grows in its step (way_gone), and nine tenths of r come below t = 100.
    """
    low = (START * torch.rand(count, generator=rng) ** 2).long().clamp(min=lowest)
    high = torch.randint(START, TRAIN_STEPS, (count,), generator=rng)
    return torch.where(torch.rand(count, generator=rng) < 0.85, low, high)


def _singles(faces: Faces, conditions: Conditions, count: int, rng: torch.Generator) -> Batch:
    rows = torch.randint(len(faces.images), (count,), generator=rng)
    x = signed(faces.images[rows])
    own = torch.rand(count, 1, generator=rng) < 0.3
    z_id = torch.where(own, conditions.z_id[rows], conditions.z_person[rows])
    mask = region_mask(faces.parsing[rows], PARSING, "head")[:, None].float()
    return _filmed(Batch(x, x, mask, z_id, _motion(faces.landmarks[rows], rng)), rng)


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
    z_id = _pair_identity(conditions, source, target, torch.where(add, 1.0, -1.0), attribute, rng)
    x, y = signed(faces.images[source]), signed(faces.images[target])
    mask = torch.zeros(count, 1, *x.shape[2:])
    return _filmed(Batch(x, y, mask, z_id, _motion(faces.landmarks[source], rng)), rng)


def _pair_identity(
    conditions: Conditions, source: Tensor, target: Tensor, sign: Tensor, attribute: Tensor, rng: torch.Generator
) -> Tensor:
    """The target's own identity for some rows, for the others the source's, edited by the paper's rule."""
    d = conditions.directions
    count = len(source)
    strength = sign * (0.8 + 0.4 * torch.rand(count, generator=rng))
    own = torch.rand(count, 1, generator=rng) < 0.3
    z_source = torch.where(own, conditions.z_id[source], conditions.z_person[source])
    edited = edited_identity(z_source, strength[:, None] * d.steps()[attribute], d.mean, d.std)
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
    return Batch(source, source if same else camera(batch.target), batch.mask, batch.z_id, batch.z_lnd)
