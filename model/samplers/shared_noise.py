"""An edit without a way up: source and edit are looked at through the same noise, and the difference is kept.

As in InfEdit (Xu et al. 2024, virtual inversion) and FlowEdit (Kulikov et al. 2024, eq. 9), with DDIM's weights and one
draw of noise for all levels and all frames, which therefore does not flicker.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor

from ..schedule import Level
from .ddim import x0_from_eps
from .path import PredictEps

SEED = 1
"""Of the one draw. What a name of a solver computes never changes, and so this does not either."""
STRIDE = 2
"""Levels of a code that one step goes down: an edit then costs as many evaluations as a way down from a noise map."""


def shared_noise_edit(x0: Tensor, levels: Sequence[Level], own: PredictEps, edited: PredictEps) -> Tensor:
    """x0 [B, 3, S, S] signed, plus the change that `edited` implies beside what `own` implies of the same picture.

    levels: rising from CLEAN, as for encoding. Two evaluations for every two steps of a path. Where both predictors
    agree, x0 comes back as it is. The clean pictures that they imply are kept within [-1, 1].
    """
    rng = torch.Generator().manual_seed(SEED)
    noise = torch.randn(x0.shape[1:], generator=rng).to(x0)
    made = torch.zeros_like(x0)
    for here, there in pairwise([*levels[:0:-STRIDE], levels[0]]):
        signal, a = here.alpha_bar**0.5, here.alpha_bar
        source = signal * x0 + (1 - a) ** 0.5 * noise
        x = source + signal * made
        after, before = (
            x0_from_eps(at, predict(at, here.t), a).clamp(-1, 1) for at, predict in ((x, edited), (source, own))
        )
        made = (after - before).lerp(made, _kept(here, there))
    return x0 + made


def _kept(here: Level, there: Level) -> float:
    """Which part of what was made by here a DDIM step to the lower level leaves: r(here) / r(there).

    r = sqrt(alpha_bar / (1 - alpha_bar)); DDIM adds up implied clean pictures, each weighed by the growth of r over its
    step (Song et al. 2021, eq. 12 divided by sqrt(1 - alpha_bar)).
    """
    a, b = here.alpha_bar, there.alpha_bar
    return (a / (1 - a) * (1 - b) / b) ** 0.5
