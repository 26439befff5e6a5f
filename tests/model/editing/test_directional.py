"""Each loss against its formula in numpy, and against what it must say of steps that are known."""

import numpy as np
import pytest
import torch

from dva.model.editing.directional import clip_loss, direction_score, identity_loss, masked_l1


def unit_rows(rng: np.random.Generator, *shape: int) -> np.ndarray:
    x = rng.standard_normal(shape)
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def test_losses_are_the_published_formulas():
    rng = np.random.default_rng(3)
    before, after, text = unit_rows(rng, 5, 7), unit_rows(rng, 5, 7), unit_rows(rng, 7)
    x, y, mask = rng.standard_normal((5, 3, 4, 4)), rng.standard_normal((5, 3, 4, 4)), rng.random((5, 1, 4, 4)) < 0.5
    # one picture at a time, as the paper writes it
    directional = [
        1 - sum((b - a) * t for a, b, t in zip(p, q, text, strict=True)) / np.linalg.norm(q - p)
        for p, q in zip(before, after, strict=True)
    ]
    l1 = (
        sum(abs(float(y[i, c, r, k] - x[i, c, r, k])) * mask[i, 0, r, k] for i, c, r, k in np.ndindex(x.shape)) / x.size
    )
    t = {n: torch.from_numpy(v) for n, v in {"before": before, "after": after, "text": text, "x": x, "y": y}.items()}
    scores = direction_score(t["before"], t["after"], t["text"], softness=0)
    assert float(clip_loss(scores)) == pytest.approx(-np.log((2 - np.mean(directional)) / 2), rel=1e-9)
    assert float(masked_l1(t["y"], t["x"], torch.from_numpy(mask).double())) == pytest.approx(l1, rel=1e-9)
    cosine = float(before[0] @ after[0])
    assert float(identity_loss(3 * t["before"][0], 0.2 * t["after"][0])) == pytest.approx(1 - cosine, rel=1e-6)


def test_a_step_along_the_texts_costs_nothing_and_one_against_them_most():
    text = torch.tensor([1.0, 0.0])
    origin = torch.zeros(1, 2)
    along, across, against = (torch.tensor([v]) for v in ([0.5, 0.0], [0.0, 0.5], [-0.5, 0.0]))
    losses = [float(clip_loss(direction_score(origin, s, text, softness=0))) for s in (along, across, against)]
    assert losses[0] == pytest.approx(0, abs=1e-6)
    assert losses[1] == pytest.approx(np.log(2))
    assert losses[2] > 5


def test_no_step_at_all_has_a_finite_slope_towards_the_text():
    before = torch.tensor([[0.6, 0.8]])
    after = before.clone().requires_grad_()
    score = direction_score(before, after, torch.tensor([0.0, 1.0]))
    score.sum().backward()
    assert float(score.detach()) == 0
    assert after.grad is not None
    assert after.grad[0, 1] > 0
    assert after.grad[0, 0] == 0


def test_a_faint_step_counts_less_than_its_direction_says():
    """By Pythagoras: at the length of the softness the cosine counts 1 / sqrt(2) of itself, far beyond it all."""
    text, origin = torch.tensor([1.0, 0.0]), torch.zeros(3, 2)
    steps = torch.tensor([[0.01, 0.0], [0.1, 0.0], [10.0, 0.0]])
    scores = direction_score(origin, steps, text, softness=0.1)
    torch.testing.assert_close(scores, torch.tensor([0.0995, 0.7071, 1.0]), atol=1e-4, rtol=0)
