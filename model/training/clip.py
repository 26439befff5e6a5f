"""Training the small CLIP of `mini`: faces made by code against sentences about them.

Three things differ from CLIP's own training (Radford et al. 2021). A batch has not one match a picture: it is known who
agrees with what, so every pair of picture and sentence is judged by itself (the sigmoid loss of Zhai et al. 2023).
Twins that differ in one attribute also teach the direction: the step between their features should point as the step
between a neutral and a target sentence does, which is what an edit asks (Gal et al. 2022, eq. 4), and nearer to it than
to any other sentence's step in the batch: asked for the cosine alone, all steps fall onto one axis, forth or back. And
half of the pictures are noisy, since the paper's loss looks at pictures that still are (section 4.2).
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from ..encoders.vocabulary import vocabulary_size, word_merges, word_tokenizer
from ..schedule import NoiseSchedule
from .augment import laid_out, photometric, shift, signed
from .captions import COLUMNS, TEMPLATES, Claim, vocabulary, write_sentence, write_step
from .data import Faces
from .loop import Losses
from .way import times_below

CONTEXT = 24
SCALE = math.log(10)
"""With which the sigmoid loss begins (Zhai et al. 2023, section 3.2)."""
CAPTIONS, STEPS = 16_000, 8_000
"""Sentences written once, before the training; a batch draws from them."""
TEMPERATURE = 0.1
CLEAN_SHARE = 0.5
"""Of the pairs in a batch that carry no noise."""
PARTIAL_SHARE = 0.4
"""Of the pairs whose twin has gone only some of the way: an edit begins small."""


def clip_facts() -> dict[str, Any]:
    """What the file of a CLIP trained here says about itself: sizes, merges, words and templates."""
    merges = word_merges(vocabulary())
    text = {"context_length": CONTEXT, "vocab_size": vocabulary_size(merges), "width": 96, "heads": 4, "layers": 2}
    vision = {"image_size": 64, "layers": [1, 2, 2, 1], "width": 20, "head_width": 64}
    return {
        "format_version": 1,
        "model": {
            "embed_dim": 128,
            "vision_cfg": vision,
            "text_cfg": text,
            "init_logit_scale": SCALE,
            "init_logit_bias": 0.0,
        },
        "mean": [0.5, 0.5, 0.5],
        "std": [0.5, 0.5, 0.5],
        "merges": merges,
        "words": list(vocabulary()),
        "templates": list(TEMPLATES),
    }


@dataclass(frozen=True)
class Sentences:
    """Captions as tokens, and what they claim. K captions, D steps."""

    captions: Tensor
    """[K, L] tokens."""
    asserted: Tensor
    """[K, C] 1 where a caption says that a column is so."""
    denied: Tensor
    """[K, C] 1 where it says that it is not."""
    steps: Tensor
    """[D, 2, L] tokens of neutral and target."""
    claims: Tensor
    """[D, 2] column and value (0 or 1) that each step's target claims."""

    @classmethod
    def write(
        cls,
        truth: Tensor,
        merges: list[str],
        rng: np.random.Generator,
        captions: int = CAPTIONS,
        steps: int = STEPS,
    ) -> "Sentences":
        """Write them all: claims that some picture fulfils, and every claim as a step."""
        tokenize = word_tokenizer(merges, CONTEXT)
        claims = [_claims_of(truth[int(rng.integers(len(truth)))], rng) for _ in range(captions)]
        told = tokenize([write_sentence(made, rng) for made in claims])
        marks = torch.zeros(2, len(claims), len(COLUMNS))
        for k, made in enumerate(claims):
            for claim in made:
                marks[0 if claim.value else 1, k, claim.column] = 1
        every = [Claim(column, value) for column in range(len(COLUMNS)) for value in (True, False)]
        each = steps // len(every)
        moves = tokenize([text for claim in every for _ in range(each) for text in write_step(claim, rng)])
        claimed = torch.tensor([[claim.column, int(claim.value)] for claim in every for _ in range(each)])
        return cls(told, marks[0], marks[1], moves.reshape(-1, 2, CONTEXT), claimed)


@dataclass(frozen=True)
class Twins:
    """Pairs of a batch, both looked at by the same camera. B pairs."""

    source: Tensor
    target: Tensor
    """[B, 3, S, S], some of them only part of the way."""
    whole: Tensor
    """[B] bool: the target is what its labels say."""
    rows: Tensor
    """[2, B] picture numbers of source and target."""


def clip_loss(
    network: nn.Module, faces: Faces, truth: Tensor, sentences: Sentences, batch: int, rng: torch.Generator
) -> Losses:
    """The sigmoid loss over batch pictures and as many captions, and the direction of batch / 2 pairs."""
    twins = _twins(faces, batch // 2, rng)
    chosen = torch.randint(len(sentences.captions), (batch,), generator=rng)
    steps = _steps_of(truth, twins, sentences, rng)
    x = laid_out(torch.cat([twins.source, twins.target]), network)
    texts = torch.cat([sentences.captions[chosen], sentences.steps[steps].flatten(0, 1)]).to(x.device)
    images = F.normalize(network.visual(x), dim=1)  # pyright: ignore[reportCallIssue] - open_clip's, untyped
    words = F.normalize(network.encode_text(texts), dim=1)  # pyright: ignore[reportCallIssue]
    captions, ends = words[:batch], words[batch:].reshape(-1, 2, words.shape[1])
    logits = network.logit_scale.exp() * images @ captions.T + network.logit_bias  # pyright: ignore
    agree = _agreement(truth[twins.rows.flatten()], sentences, chosen).to(x.device)
    counts = torch.cat([torch.ones_like(twins.whole), twins.whole]).to(x.device)
    match = _balanced(logits[counts], agree[counts])
    moved = images[batch // 2 :] - images[: batch // 2]
    cosines = F.normalize(moved, dim=1, eps=1e-4) @ F.normalize(ends[:, 1] - ends[:, 0], dim=1, eps=1e-4).T
    told = _told_apart(cosines, _steps_made(truth, twins, sentences, steps).to(x.device))
    direction = (1 - cosines.diagonal()).mean()
    right = ((logits > 0) == (agree > 0.5))[counts].float().mean()
    total = match + 0.5 * told + 0.3 * direction
    return {"total": total, "match": match, "told": told, "direction": direction, "right": right}


def _steps_made(truth: Tensor, twins: Twins, sentences: Sentences, steps: Tensor) -> Tensor:
    """[B, B] 1 where a pair fulfils by its change what a step's target claims."""
    columns, values = sentences.claims[steps].unbind(1)
    before, after = truth[twins.rows[0]][:, columns], truth[twins.rows[1]][:, columns]
    return ((after == values.bool()) & (before != after)).float()


def _told_apart(cosines: Tensor, made: Tensor) -> Tensor:
    """Cross entropy of picture steps over sentence steps and of sentence steps over picture steps.

    cosines, made: [B, B]; a row or column has a 1 on the diagonal at least, and shares its target among all.
    """
    logits = cosines / TEMPERATURE
    rows = F.cross_entropy(logits, made / made.sum(1, keepdim=True))
    return (rows + F.cross_entropy(logits.T, made.T / made.T.sum(1, keepdim=True))) / 2


def _twins(faces: Faces, count: int, rng: torch.Generator) -> Twins:
    pairs = faces.pairs[torch.randint(len(faces.pairs), (count,), generator=rng)]
    swap = torch.rand(count, generator=rng) < 0.4
    rows = torch.stack([torch.where(swap, pairs[:, 1], pairs[:, 0]), torch.where(swap, pairs[:, 0], pairs[:, 1])])
    source, target = signed(faces.images[rows[0]]), signed(faces.images[rows[1]])
    whole = torch.rand(count, generator=rng) >= PARTIAL_SHARE
    gone = torch.where(whole, 1.0, 0.1 + 0.9 * torch.rand(count, generator=rng))[:, None, None, None]
    both = torch.cat([source, source + gone * (target - source)], dim=1)
    seen, _ = shift(_filmed(both, rng), rng, 0.03)
    before, after = _noisy(seen, rng).chunk(2, dim=1)
    return Twins(before, after, whole, rows)


def _filmed(both: Tensor, rng: torch.Generator) -> Tensor:
    """[B, 6, S, S]: one camera's colours and blur over both of a pair."""
    state = rng.get_state()
    source = photometric(both[:, :3], rng, 0.7)
    rng.set_state(state)
    return torch.cat([source, photometric(both[:, 3:], rng, 0.7)], dim=1)


def _noisy(both: Tensor, rng: torch.Generator) -> Tensor:
    """The same noise over both of a pair, at times below START as the edit meets them."""
    alpha_bar = torch.from_numpy(NoiseSchedule().alpha_bar()).float()
    t = times_below(len(both), 0, rng)
    clean = torch.rand(len(both), generator=rng) < CLEAN_SHARE
    a = torch.where(clean, 1.0, alpha_bar[t])[:, None, None, None]
    noise = torch.randn(both[:, :3].shape, generator=rng).repeat(1, 2, 1, 1)
    return a.sqrt() * both + (1 - a).sqrt() * noise


def _steps_of(truth: Tensor, twins: Twins, sentences: Sentences, rng: torch.Generator) -> Tensor:
    """[B] for each pair a step that says what became true, or, less often, what is no longer."""
    before, after = truth[twins.rows[0]], truth[twins.rows[1]]
    columns = torch.multinomial((before != after) * torch.where(after, 3.0, 1.0), 1, generator=rng)[:, 0]
    values = after.gather(1, columns[:, None])[:, 0].long()
    each = len(sentences.steps) // (2 * truth.shape[1])  # sentences a claim, those with True before those with False
    first = (2 * columns + 1 - values) * each
    return first + torch.randint(each, (len(columns),), generator=rng)


def _agreement(truth: Tensor, sentences: Sentences, chosen: Tensor) -> Tensor:
    """[N, K] 1 where a picture fulfils all that a caption claims."""
    is_so = truth.float()
    broken = (1 - is_so) @ sentences.asserted[chosen].T + is_so @ sentences.denied[chosen].T
    return (broken == 0).float()


def _balanced(logits: Tensor, agree: Tensor) -> Tensor:
    """Binary cross entropy in which the pairs that agree weigh as much as those that do not."""
    loss = F.binary_cross_entropy_with_logits(logits, agree, reduction="none")
    return sum(((loss * w).sum() / w.sum().clamp(min=1) for w in (agree, 1 - agree)), start=logits.new_zeros(())) / 2


def _claims_of(truth: Tensor, rng: np.random.Generator) -> tuple[Claim, ...]:
    """None to three claims that a picture fulfils, what is there sooner than what is not."""
    count = int(rng.choice(4, p=(0.06, 0.5, 0.28, 0.16)))
    weights = np.where(truth.numpy(), 3.0, 1.0)
    columns = rng.choice(len(COLUMNS), count, replace=False, p=weights / weights.sum())
    return tuple(Claim(int(c), bool(truth[c])) for c in columns)
