"""What the denoiser is shown: rows drawn from rendered faces, single pictures and pairs of twins."""

from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from ..editing.attribute import edited_identity
from ..encoders.landmarks import motion_code
from ..encoders.parser import region_mask
from ..synth import ATTRIBUTES, PARSING, brings
from .attributes import Directions
from .augment import photometric, signed, veil
from .data import Faces

LANDMARK_ERROR = 0.006
"""Spread of the noise on training landmarks, in crop sides: about what the landmark encoder leaves."""
CHANGED = 0.08
"""A pixel counts as changed between twins from this difference on, in signed units."""
FEWEST = 12 / 64**2
"""Share of a crop below which a change's weight falls off: a pair whose change is hidden should not shout."""
CAMERA = 0.8
"""How strong a camera the pictures are seen through (augment.photometric). Trained through a mild one, edits of a
bright or hazy shot added light where there was no room for it."""
STRANGERS = 0.5
"""Share of pairs whose z_id is not that of their picture (Batch.stranger)."""
BLUR = 0.3
"""Most noise on a stranger's normalised z_id, whose numbers spread by one."""
HARD = {
    "Eyeglasses": 6.0,
    **dict.fromkeys(("No_Beard", "Mustache", "Receding_Hairline", "Wavy_Hair", "Wearing_Hat"), 4.0),
    **dict.fromkeys(("Goatee", "Brown_Hair"), 3.0),
    **dict.fromkeys(("Black_Hair", "Blond_Hair", "Gray_Hair", "Bangs", "Long_Hair", "Bushy_Eyebrows", "Young"), 2.0),
    **dict.fromkeys(("Male", "Pale_Skin", "Heavy_Makeup", "Narrow_Eyes"), 1.5),
}
"""How many times as often pairs of some attributes are drawn: thin things, colours between two others, what z_id
hardly tells, and what data.RARE leaves few pairs of. By both, a fifth of the pairs are glasses and a sixth curls."""

APPEARS = torch.tensor([1 if brings(a, value=True) else -1 if brings(a, value=False) else 0 for a in ATTRIBUTES])
"""[A] which way each attribute brings a thing whose look USUAL settles: 1 when set, -1 when taken away, 0 neither."""


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
    stranger: Tensor
    """[B] bool: z_before says somebody else than source shows, as it does of every real face. What the network makes
    of that is no fault; the edit should differ from it by what target and source differ by."""

    def to(self, device: torch.device) -> "Batch":
        """The same rows on a device."""
        return Batch(*(getattr(self, field.name).to(device) for field in fields(self)))


def pair_weights(faces: Faces, batch: int = 512) -> Tensor:
    """[P] what a pair changes of its crop, as a part of FEWEST, within a tenth and one, times how HARD it is."""
    parts: list[Tensor] = []
    for pairs in faces.pairs.split(batch):
        without, with_it = (signed(faces.images[pairs[:, k]]) for k in (0, 1))
        parts.append(changed(without, with_it).mean((1, 2, 3)))
    hard = torch.tensor([HARD.get(name, 1.0) for name in ATTRIBUTES])
    return (torch.cat(parts) / FEWEST).clamp(0.1, 1) * hard[faces.pairs[:, 2]]


def changed(source: Tensor, target: Tensor) -> Tensor:
    """[B, 1, S, S] 1 where twins differ."""
    return ((source - target).abs().amax(1, keepdim=True) > CHANGED).float()


def draw_singles(faces: Faces, conditions: Conditions, count: int, rng: torch.Generator) -> Batch:
    """Pictures that lead to themselves, with their own z_face."""
    rows = torch.randint(len(faces.images), (count,), generator=rng)
    x = signed(faces.images[rows])
    own = torch.rand(count, 1, generator=rng) < 0.3
    z_id = torch.where(own, conditions.z_id[rows], conditions.z_person[rows])
    mask = region_mask(faces.parsing[rows], PARSING, "head")[:, None].float()
    nobody = torch.zeros(count, dtype=torch.bool)
    return _filmed(Batch(x, x, mask, z_id, z_id, _motion(faces.landmarks[rows], rng), nobody), rng)


def draw_pairs(faces: Faces, conditions: Conditions, count: int, rng: torch.Generator) -> Batch:
    """Pictures that lead to their twins, by z_face alone."""
    rows = torch.multinomial(conditions.pair_weights, count, replacement=True, generator=rng)
    without, with_it, attribute = faces.pairs[rows].unbind(1)
    add = as_usual(torch.rand(count, generator=rng) < 0.65, faces.pairs[rows])
    source, target = torch.where(add, without, with_it), torch.where(add, with_it, without)
    own = torch.rand(count, 1, generator=rng) < 0.3
    before = torch.where(own, conditions.z_id[source], conditions.z_person[source])
    stranger = torch.rand(count, generator=rng) < STRANGERS
    before = torch.where(stranger[:, None], strangers(conditions, before, attribute, rng), before)
    edited = _edited(conditions.directions, before, torch.where(add, 1.0, -1.0), attribute, rng)
    natural = (torch.rand(count, generator=rng) < 0.3) & ~stranger
    z_id = torch.where(natural[:, None], conditions.z_person[target], edited)
    x, y = signed(faces.images[source]), signed(faces.images[target])
    mask = torch.zeros(count, 1, *x.shape[2:])
    return _filmed(Batch(x, y, mask, z_id, before, _motion(faces.landmarks[source], rng), stranger), rng)


def as_usual(add: Tensor, pairs: Tensor) -> Tensor:
    """add [P] bool, turned round where pairs [P, 3] would bring a thing that looks otherwise than USUAL says.

    Only toggled copies get the usual thing, and a shard holds them behind the person's own pictures (data.py).
    """
    without, with_it, attribute = pairs.unbind(1)
    brought = APPEARS[attribute] == torch.where(add, 1, -1)
    is_copy = torch.where(add, with_it > without, without > with_it)
    return add ^ (brought & ~is_copy)


def strangers(conditions: Conditions, z_id: Tensor, attribute: Tensor, rng: torch.Generator) -> Tensor:
    """z_id [B, D], each on its way to that of anybody else, and blurred; of its attribute [B] it says what it said.

    An encoder that saw renders alone says of a real face something between the people it knows.
    """
    d = conditions.directions
    count = len(z_id)
    other = conditions.z_person[torch.randint(len(conditions.z_person), (count,), generator=rng)]
    far = torch.rand(count, 1, generator=rng).sqrt()
    own, mixed = ((z - d.mean) / d.std for z in (z_id, z_id.lerp(other, far)))
    mixed = mixed + BLUR * torch.rand(count, 1, generator=rng) * torch.randn(mixed.shape, generator=rng)
    way = F.normalize(d.directions[attribute], dim=1)
    mixed = mixed + ((own - mixed) * way).sum(1, keepdim=True) * way
    return F.normalize(mixed * d.std + d.mean, dim=1) * z_id.norm(dim=1, keepdim=True)


def _edited(d: Directions, before: Tensor, sign: Tensor, attribute: Tensor, rng: torch.Generator) -> Tensor:
    """[B, D] before, moved by the paper's rule, a little more or less than strength 1."""
    strength = sign * (0.8 + 0.4 * torch.rand(len(before), generator=rng))
    return edited_identity(before, strength[:, None] * d.steps()[attribute], d.mean, d.std)


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
