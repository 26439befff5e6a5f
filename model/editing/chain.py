"""The recovered chain: a clip's frames led into the noise and back, along which a text edit looks (paper, figure 3)."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
import torch
from torch import Tensor
from typing_extensions import assert_never

from ..autoencoder import Autoencoder
from ..code import ClipCode
from ..encoders.clip import Clip
from ..encoders.parser import region_mask
from ..errors import InputError
from ..samplers import PATHS, PredictEps, ddim_step, x0_from_eps
from ..schedule import CLEAN, Level, NoiseSchedule

View = Literal["noisy", "estimated"]
"""What CLIP looks at: the still noisy pictures (the paper), or the clean ones that they imply (its appendix B)."""


@dataclass(frozen=True)
class Chain:
    """What does not change while a step is optimised. A anchors, S levels; batches of S * A rows hold step by step."""

    levels: tuple[Level, ...]
    """Rising from CLEAN, S + 1 of them."""
    recovered: tuple[Tensor, ...]
    """[A, 3, S, S] at each of the levels: passed on the way down with the original identity."""
    z_lnd: Tensor
    """[A, 102]."""
    mask: Tensor
    """[S * A, 1, S, S] where L1 counts: the head."""
    before: Tensor
    """[S * A, 3, S, S] what CLIP is shown of the recovered chain, from the noisiest step on."""
    features: Tensor
    """[S * A, E] what it sees there."""
    parsing: Tensor
    """[A, S, S] labels of the anchors' crops."""


@torch.no_grad()
def recovered_chain(
    autoencoder: Autoencoder, code: ClipCode, clip: Clip, steps: int, anchors: int, view: View
) -> Chain:
    """Up into the noise and down again with the identity as it is.

    The published solver goes its own way; whatever else encoded the clip, few steps come back only by fixed points.
    Raises InputError for a clip without a face, UsageError for a number of steps that the solver cannot take.
    """
    rows = anchor_rows(code, anchors)
    path = PATHS["published" if code.solver == "published" else "fixed_point"]
    z_lnd = code.z_lnd[rows].clone().to(autoencoder.device)
    z_id = code.z_id.clone().to(autoencoder.device)
    predict = autoencoder.predictor(z_id.expand(len(rows), -1), z_lnd)
    up = chain_levels(autoencoder.pack.spec.schedule, code.solver, steps, code.start)
    x0 = code.crops[rows].to(autoencoder.device).float() / 127.5 - 1
    levels = up if up[0] == CLEAN else [CLEAN, *up]
    recovered = [path.encode(x0, up, predict)]
    for here, there in pairwise(reversed(levels)):
        recovered.append(ddim_step(recovered[-1], predict(recovered[-1], here.t), here.alpha_bar, there.alpha_bar))
    passed = tuple(reversed(recovered))
    before = steps_down(tuple(levels), passed, predict, view)
    parsing = code.parsing[rows].clone()
    head = region_mask(parsing, autoencoder.pack.spec.parser_classes, "head")[:, None].float()
    mask = head.to(autoencoder.device).repeat(steps, 1, 1, 1)
    return Chain(tuple(levels), passed, z_lnd, mask, before, clip.image_features(before), parsing)


def chain_levels(schedule: NoiseSchedule, solver: str, steps: int, start: int) -> list[Level]:
    """Rising levels that split the way up to time start evenly; the published solver's own, which go to the top."""
    if solver == "published":
        return schedule.published_levels(steps)
    alpha_bar = schedule.alpha_bar()
    times = [max(1, round((k + 1) * start / steps)) - 1 for k in range(steps)]
    return [CLEAN, *(Level(t, float(alpha_bar[t])) for t in times)]


def steps_down(levels: tuple[Level, ...], x: tuple[Tensor, ...], predict: PredictEps, view: View) -> Tensor:
    """[S * A, 3, S, S] one single step down from each noisy picture, the noisiest first, as CLIP is shown it."""
    shown: list[Tensor] = []
    for n in range(len(levels) - 1, 0, -1):
        here, there = levels[n], levels[n - 1]
        eps = predict(x[n], here.t)
        match view:
            case "noisy":
                shown.append(ddim_step(x[n], eps, here.alpha_bar, there.alpha_bar))
            case "estimated":
                shown.append(x0_from_eps(x[n], eps, here.alpha_bar))
            case _:
                assert_never(view)
    return torch.cat(shown)


def anchor_rows(code: ClipCode, count: int) -> np.ndarray:
    """[A] frames with a face, evenly over the clip; the first one alone is the paper's choice."""
    usable = np.flatnonzero(code.track.usable())
    if not len(usable):
        raise InputError(f"no frame of {code.source.name} has a face to edit; take another clip")
    return usable[np.linspace(0, len(usable) - 1, min(count, len(usable))).round().astype(int)]
