"""What a decoder that turns one picture into another has before it: guessed, or walked by the network in training."""

from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

START = 600
"""Time at which a pack trained here begins to decode: there an edit has gone none of its way yet."""

ChangeImplied = Callable[[Tensor, Tensor], Tensor]
"""(change made so far [B, 3, S, S], times [B]) -> the change from the source that the network implies there."""


def times_below(count: int, lowest: int, rng: torch.Generator) -> Tensor:
    """[count] integer times from lowest to START, drawn as NoiseSchedule.bent_levels takes them.

    The closer to the clean picture the more, for the last of them decide what a picture looks like: each implied
    picture weighs as much as r grows in its step (kept_share), and nine tenths of r come below t = 100.
    """
    return (START * torch.rand(count, generator=rng) ** 2).long().clamp(min=lowest)


def kept_share(now: Tensor, then: Tensor, alpha_bar: Tensor) -> Tensor:
    """Which part of what a decoder has made by the times now [B] is still there at the lower times then [B].

    DDIM adds up implied clean pictures, each weighed by the growth of r = sqrt(alpha_bar / (1 - alpha_bar)) over its
    step (Song et al. 2021, eq. 12 divided by sqrt(1 - alpha_bar)): r(now) / r(then) is kept, the rest is implied anew.
    """
    r = (alpha_bar / (1 - alpha_bar)).sqrt()
    return (r[now] / r[then]).clamp(max=1)


def way_gone(t: Tensor, alpha_bar: Tensor) -> Tensor:
    """How far from source to target a perfect decoder has come at integer times t: [B] in [0, 1).

    It begins at START with the source, and implies the target from then on.
    """
    return 1 - kept_share(torch.full_like(t, START - 1), t, alpha_bar)


def guessed_change(wanted: Tensor, t: Tensor, alpha_bar: Tensor, rng: torch.Generator) -> Tensor:
    """What a decoder may have made at times t of the change that is wanted [B, 3, S, S].

    Rows have come as far as a perfect decoder or less far, down to nothing: so the network is also taught to catch up,
    and to believe z_face where the picture does not show it yet. They have come there more or less blurred: what is
    implied through much noise has no edges yet, so a decoder finds a smudge where glasses shall be, and must have
    learnt to make glasses of it.
    """
    gone = way_gone(t, alpha_bar) * torch.rand(len(t), generator=rng)
    return gone[:, None, None, None] * _blurred(wanted, rng)


def _blurred(change: Tensor, rng: torch.Generator) -> Tensor:
    """Change [B, 3, S, S], each row faded by another part towards its means over a 32nd to an 8th of the side."""
    side = change.shape[-1]
    cell = max(side >> int(torch.randint(3, 6, (), generator=rng)), 1)
    soft = F.interpolate(F.avg_pool2d(change, cell), size=(side, side), mode="bilinear", align_corners=False)
    return change + torch.rand(len(change), 1, 1, 1, generator=rng) * (soft - change)


def walked_change(implied: ChangeImplied, t: Tensor, alpha_bar: Tensor, strides: int, shape: torch.Size) -> Tensor:
    """What the network itself has made by times t [B], in so many strides from START: the change [B, 3, S, S].

    Strides are equal in the root of the time, as bent_levels are. Rows whose time is above START have made nothing.
    """
    first = torch.full_like(t, START - 1)
    shares = [k / strides for k in range(strides + 1)]
    roots = [first.sqrt().lerp(t.clamp(max=START - 1).sqrt(), share) for share in shares]
    times = [root.square().round().long() for root in roots]
    made = torch.zeros(shape, dtype=alpha_bar.dtype, device=alpha_bar.device)
    for now, then in pairwise(times):
        kept = kept_share(now, then, alpha_bar)[:, None, None, None]
        made = implied(made, now).lerp(made, kept)
    return made
