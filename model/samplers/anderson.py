"""Implicit inversion of DDIM with Anderson acceleration, a warm start and a tolerance.

Decoding walks x = step(x', eps(x', t')) from the upper end x' of each step to its lower end x. Inversion has to solve
that for x', which is the fixed point of G(x') = step up(x, eps(x', t')). Plain iteration shrinks the error by
1 - J a round, where J is what the denoiser keeps of a disturbance: little, in the first step from the clean picture,
where most of the work lies. There Anderson's mixing of the last few iterates pays; higher up, where consecutive levels
see almost the same noise, a start from that of the two levels below mostly leaves one round to do. Levels that lie
closer near the picture (NoiseSchedule.bent_levels) make the first step easier still.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor

from ..schedule import Level
from .ddim import ddim_step
from .path import PredictEps

TOLERANCE = 2e-2
"""Root mean square by which a round may still move a row, in signed units, where a code of 8 bits is 0.008. The last
round's own step is taken, so that what remains is a part of it; less than this changed neither SSIM (0.999) nor edits
(docs/decisions/0020)."""
ROUNDS = 32
"""Most evaluations a step. One or two do it; the first step with any noise takes some frames of footage thirty,
and cut off at 16 they came back at 29 dB."""
DEPTH = 3
"""Differences of iterates that are mixed."""
RIDGE = 1e-8
"""Of the largest diagonal entry; keeps the small system solvable where a row has stopped moving."""


def anderson_encode(
    x0: Tensor, levels: Sequence[Level], predict_eps: PredictEps, tolerance: float = TOLERANCE, rounds: int = ROUNDS
) -> Tensor:
    """Undo ddim_decode up to a tolerance, at one to `rounds` evaluations a step.

    x0: [B, 3, S, S] signed. levels: rising from CLEAN. Returns x at the last level. Each row stops by its own measure
    and is then evaluated no more, so that neither a frame's noise map nor its cost depends on the frames beside it.
    """
    x, seen = x0, [predict_eps(x0, levels[0].t)]
    for index, (here, there) in enumerate(pairwise(levels)):
        guess = ddim_step(x, _expected(seen, levels, index), here.alpha_bar, there.alpha_bar)
        eps = torch.empty_like(guess)
        rows = torch.arange(len(x), device=x.device)  # that still move; ends and gaps are theirs
        ends: list[Tensor] = []
        gaps: list[Tensor] = []
        for _ in range(rounds):
            eps[rows] = predict_eps(guess[rows], there.t, rows)
            ends = [*ends[-DEPTH:], ddim_step(x[rows], eps[rows], here.alpha_bar, there.alpha_bar)]
            gaps = [*gaps[-DEPTH:], ends[-1] - guess[rows]]
            guess[rows] = _mixed(ends, gaps)
            moving = gaps[-1].square().mean((1, 2, 3)).sqrt() >= tolerance
            rows, ends, gaps = rows[moving], [end[moving] for end in ends], [gap[moving] for gap in gaps]
            if not len(rows):
                break
        x, seen = guess, [seen[-1], eps]
    return x


def _expected(seen: list[Tensor], levels: Sequence[Level], index: int) -> Tensor:
    """The noise at the upper end of a step, continued from the two levels below it, at most by as much again.

    What the network says of the clean picture itself is no good to go by: there is no noise to see.
    """
    if index < 2:
        return seen[-1]
    before, here, there = (((1 - level.alpha_bar) / level.alpha_bar) ** 0.5 for level in levels[index - 1 : index + 2])
    return seen[1] + min(1.0, (there - here) / (here - before)) * (seen[1] - seen[0])


def _mixed(ends: list[Tensor], gaps: list[Tensor]) -> Tensor:
    """The next iterate (Walker and Ni 2011, eq. 2.1, type II): the mixture of ends whose gaps cancel best.

    ends: G of the last iterates, [B, 3, S, S] each, the newest last. gaps: G minus the iterate. Rows are mixed apart.
    """
    if len(ends) == 1:
        return ends[0]
    newest = gaps[-1].flatten(1)
    apart = torch.stack([(b - a).flatten(1) for a, b in pairwise(gaps)], dim=1)  # [B, M, 3 S S]
    gram = apart @ apart.mT
    scale = gram.diagonal(dim1=1, dim2=2).amax(1)
    ridge = RIDGE * scale[:, None, None] * torch.eye(len(gaps) - 1, dtype=gram.dtype, device=gram.device)
    weights, unsolved = torch.linalg.solve_ex(gram + ridge, apart @ newest[:, :, None])
    # A row that no longer moves at all has differences of nothing and a system of zeros: it stays at its newest end.
    weights = torch.where((unsolved == 0)[:, None, None], weights, torch.zeros_like(weights))
    back = torch.stack([(b - a).flatten(1) for a, b in pairwise(ends)], dim=1)
    return ends[-1] - (weights.mT @ back).reshape(ends[-1].shape)
