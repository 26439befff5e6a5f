"""One search for a step of the identity: where it begins, how it descends, and when it ends."""

from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise

import torch
from torch import Tensor

from ..autoencoder import Autoencoder
from ..code import ClipCode
from ..encoders.clip import Clip
from ..encoders.parser import region_mask
from ..errors import Interrupted
from ..packs.pack import Pack
from ..samplers import ddim_step
from ..types import OnProgress, Progress, Region
from .attribute import attribute_edit, edited_identity
from .chain import recovered_chain, steps_down
from .directional import SOFTNESS, TextLosses, clip_loss, direction_score, identity_loss, masked_l1
from .search_picture import with_curve
from .text_settings import Along, TextSettings

CONCENTRATED = 0.85
"""Share of the head's change that a smaller region must hold to be the edit's region."""

ALIKE = 0.8
"""Cosine from which on a step counts as an attribute's, or its contrary's, and keeps to the attribute's region."""

CANDIDATES = 13
"""Attributes whose steps are tried together."""

SHORT_LIST = 8
"""Of the steps tried from one picture, those that are looked at from all."""


FAINT = 0.3
"""Of the length that an attribute's step has to CLIP on average: shorter ones, which hardly show, count less than their
direction says. A step that changes next to nothing points anywhere, and by chance sometimes as the text does."""


@dataclass(frozen=True)
class TextProgress(Progress):
    """One iteration."""

    losses: tuple[tuple[str, float], ...] = ()
    """Name and value: total, clip, id, l1, score. The preview shows the first anchor above the curve of the totals; it
    is as dear as an iteration."""


class Search:
    """One optimisation."""

    def __init__(
        self, autoencoder: Autoencoder, code: ClipCode, clip: Clip, text: Tensor, settings: TextSettings
    ) -> None:
        self.autoencoder, self.clip, self.text, self.settings = autoencoder, clip, text, settings
        device = autoencoder.device
        self.z_id, self.mean, self.std = (
            t.detach().clone().to(device) for t in (code.z_id, autoencoder.pack.id_mean, autoencoder.pack.id_std)
        )
        self.chain = recovered_chain(autoencoder, code, clip, settings.steps, settings.anchors, settings.view)
        self.basis = _basis(autoencoder.pack, settings.along).to(device)
        self.sparse = settings.along == "attributes" and bool(autoencoder.pack.attributes)
        self.softness = SOFTNESS

    def run(self, on_progress: OnProgress) -> tuple[Tensor, Tensor, bool]:
        """(step [D], losses [iterations, 5] as in TextLosses, whether somebody stopped it)."""
        s = self.settings
        rng = torch.Generator().manual_seed(s.seed)
        weights = (1e-3 * torch.randn(len(self.basis), generator=rng)).to(self.z_id.device)
        weights = _full_length(weights + self.start()) if self.sparse else weights
        weights.requires_grad_()
        descent = Descent(weights, s.rate, together=self.sparse)
        best, best_total, since = torch.zeros_like(self.z_id), float("inf"), 0
        told: list[list[float]] = []
        for done in range(s.iterations):
            step = weights @ self.basis
            losses = self.losses(step)
            if self.sparse:
                losses = replace(losses, total=losses.total + s.sparse_weight * weights.abs().sum())
            numbers = losses.numbers()
            told.append([value for _, value in numbers])
            since = 0 if told[-1][0] < 0.99 * best_total else since + 1
            if told[-1][0] < best_total:
                best, best_total = step.detach().clone(), told[-1][0]
            preview = partial(self.preview, best, [numbers[0] for numbers in told])
            try:
                on_progress(TextProgress("text", done + 1, s.iterations, preview, numbers))
            except Interrupted:
                if not s.keep_best:
                    raise
                return best, torch.tensor(told), True
            if s.patience and since >= s.patience:
                break
            losses.total.backward()
            descent.step()
            if self.sparse:
                weights.data = _full_length(weights.data)
        return best, torch.tensor(told), False

    @torch.no_grad()
    def start(self) -> Tensor:
        """[K] where to begin along attributes: at the one, put on or taken off, whose step CLIP likes best.

        The slope at no step at all says little: what changes most of the picture is steepest, not what the text means.
        All are tried on one anchor at the middle level, and the best of them on all anchors and levels. What CLIP sees
        of all of them also says which steps are too short to mean anything.
        """
        chain, count = self.chain, len(self.basis)
        signed = torch.cat([self.basis, -self.basis])
        middle, every = len(chain.levels) // 2, tuple(range(len(chain.levels) - 1, 0, -1))
        before, after = self.seen(signed, (middle,), 1)
        self.softness = max(SOFTNESS, FAINT * float((after - before).square().sum(2).mean().sqrt()))
        short = self.scores(before, after).topk(min(SHORT_LIST, len(signed))).indices
        best = int(short[self.scores(*self.seen(signed[short], every, len(chain.z_lnd))).argmax()])
        start = torch.zeros(count, device=self.basis.device)
        start[best % count] = 1.0 if best < count else -1.0
        return start

    def scores(self, before: Tensor, after: Tensor) -> Tensor:
        """[n] mean direction score of pictures' features [n, P, E]."""
        flat = direction_score(before.flatten(0, 1), after.flatten(0, 1), self.text, self.softness)
        return flat.unflatten(0, before.shape[:2]).mean(1)

    def seen(self, steps: Tensor, levels: tuple[int, ...], anchors: int) -> tuple[Tensor, Tensor]:
        """Features [n, P, E] without and with some steps [n, D], from some of the levels, on the first anchors."""
        chain = self.chain
        known = chain.features.unflatten(0, (len(chain.levels) - 1, -1))
        before = torch.cat([known[-n, :anchors] for n in levels]).expand(len(steps), -1, -1)
        after: list[Tensor] = []
        for some in steps.split(CANDIDATES):
            z_id = edited_identity(self.z_id, some, self.mean, self.std).repeat_interleave(anchors, 0)
            predict = self.autoencoder.predictor(z_id, chain.z_lnd[:anchors].repeat(len(some), 1))
            looks: list[Tensor] = []
            for n in levels:
                pair = tuple(x[:anchors].repeat(len(some), 1, 1, 1) for x in chain.recovered[n - 1 : n + 1])
                shown = steps_down(chain.levels[n - 1 : n + 1], pair, predict, self.settings.view)
                looks.append(self.clip.image_features(shown).unflatten(0, (len(some), anchors)))
            after.append(torch.cat(looks, 1))
        return before, torch.cat(after)

    def losses(self, step: Tensor) -> TextLosses:
        """The three losses for a step [D], with gradients."""
        chain, s = self.chain, self.settings
        z_id = self.moved(step)
        predict = self.autoencoder.predictor(z_id.expand(len(chain.z_lnd), -1), chain.z_lnd)
        after = steps_down(chain.levels, chain.recovered, predict, s.view)
        scores = direction_score(chain.features, self.clip.image_features(after), self.text, self.softness)
        clip = clip_loss(scores)
        identity = identity_loss(z_id[0], self.z_id)
        l1 = masked_l1(after, chain.before, chain.mask)
        total = s.clip_weight * clip + s.id_weight * identity + s.l1_weight * l1
        return TextLosses(total, clip, identity, l1, scores.mean())

    def moved(self, step: Tensor) -> Tensor:
        """[1, D] the identity after a step."""
        return edited_identity(self.z_id, step[None], self.mean, self.std)

    @torch.no_grad()
    def decoded(self, step: Tensor, anchors: int) -> Tensor:
        """[anchors, 3, S, S] signed: some anchors, walked down the whole chain with a step."""
        chain = self.chain
        predict = self.autoencoder.predictor(self.moved(step).expand(anchors, -1), chain.z_lnd[:anchors])
        x = chain.recovered[-1][:anchors]
        for here, there in pairwise(reversed(chain.levels)):
            x = ddim_step(x, predict(x, here.t), here.alpha_bar, there.alpha_bar)
        return x

    def preview(self, step: Tensor, totals: list[float]) -> Tensor:
        """[3, H, W] in [0, 1] on the CPU: the first anchor with a step, over the losses so far."""
        return with_curve(((self.decoded(step, 1)[0].float().cpu() + 1) / 2).clamp(0, 1), totals)

    def region(self, step: Tensor) -> Region:
        """That of the attribute which the step nearly is, or else the smallest that holds most of the head's change."""
        pack, chain = self.autoencoder.pack, self.chain
        alike = torch.cosine_similarity(step.cpu().float(), pack.directions).abs()
        if float(alike.max()) >= ALIKE:
            return pack.attributes[int(alike.argmax())].region
        classes = pack.spec.parser_classes
        changed = (self.decoded(step, len(chain.z_lnd)) - chain.recovered[0]).square().sum(1).float().cpu()
        regions: tuple[Region, ...] = ("face", "face+hair", "head")
        held = [float((changed * region_mask(chain.parsing, classes, region)).sum()) for region in regions]
        return next(region for region, h in zip(regions, held, strict=True) if h >= CONCENTRATED * held[-1])


class Descent:
    """Adam (Kingma and Ba 2015), with one scale for each number or one for all.

    One scale for all keeps the gradient's direction: attributes that the text does not speak of stay where they are,
    while Adam proper moves every number equally far.
    """

    def __init__(self, weights: Tensor, rate: float, *, together: bool) -> None:
        self.weights, self.rate, self.together = weights, rate, together
        self.mean, self.square = torch.zeros_like(weights), torch.zeros_like(weights)
        self.count = 0

    @torch.no_grad()
    def step(self) -> None:
        """Move the weights by their gradient, and clear it."""
        gradient = self.weights.grad
        assert gradient is not None
        self.count += 1
        square = gradient.square().sum() if self.together else gradient.square()
        self.mean.lerp_(gradient, 0.1)
        self.square.lerp_(square.expand_as(self.square), 0.001)
        mean, scale = self.mean / (1 - 0.9**self.count), self.square / (1 - 0.999**self.count)
        self.weights -= self.rate * mean / (scale.sqrt() + 1e-8)
        self.weights.grad = None


def _basis(pack: Pack, along: Along) -> Tensor:
    """[K, D] the steps that are combined: strength 1 of each attribute, or one spread of each number of z_id."""
    if along == "everywhere" or not pack.attributes:
        return torch.eye(pack.spec.id_dim)
    return torch.stack([attribute_edit(pack, a.name, 1.0, 1).step for a in pack.attributes]).clone()


def _full_length(weights: Tensor) -> Tensor:
    """Strengths of attributes of which the largest is 1, as far as its toggle goes.

    The direction score does not know how far to go, and every other term would rather not go at all: left to them, a
    step ends at a half or two thirds of an edit.
    """
    return weights / weights.abs().max()
