"""Encoders that look at smaller crops than the denoiser's."""

import pytest
import torch
from tiny import FACTS as TINY
from torch import Tensor, nn

from dva.model.encoders.family import EmbeddedFamily
from dva.model.metrics.judge import SIDE, Judge, JudgeIdentity

FACTS = {**TINY["encoders"], "side": 32}
FAMILY = EmbeddedFamily.from_json(FACTS, 64)


def checks(side: int) -> Tensor:
    """Two pictures of single pixels [2, 3, side, side]."""
    return torch.rand(2, 3, side, side, generator=torch.Generator().manual_seed(0)) * 2 - 1


def enlarged(x: Tensor) -> Tensor:
    return x.repeat_interleave(2, 2).repeat_interleave(2, 3)


def test_without_a_side_of_their_own_they_see_the_packs():
    facts = {name: value for name, value in FACTS.items() if name != "side"}
    assert EmbeddedFamily.from_json(facts, 64).side == 64
    assert FAMILY.side == 32


@pytest.mark.parametrize("network", [FAMILY.identity(), FAMILY.landmarks()], ids=["identity", "landmarks"])
def test_a_crop_of_twice_the_side_is_seen_as_its_means(network: nn.Module):
    """Every pixel written four times has itself as the mean; single larger pixels average to something else."""
    network.eval()
    with torch.no_grad():
        torch.testing.assert_close(network(enlarged(checks(32))), network(checks(32)))
        means = checks(64).unflatten(3, (32, 2)).unflatten(2, (32, 2)).mean((3, 5))
        torch.testing.assert_close(network(checks(64)), network(means))


def test_the_parser_answers_in_the_size_of_the_crop():
    parser = FAMILY.parser().eval()
    with torch.no_grad():
        small, large = parser(checks(32)), parser(enlarged(checks(32)))
    assert small.shape == (2, 4, 32, 32)
    assert large.shape == (2, 4, 64, 64)
    # between pixels it fades, so the mean over the whole picture stays
    torch.testing.assert_close(large.mean((2, 3)), small.mean((2, 3)), atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize("judge", [Judge(), JudgeIdentity(SIDE)], ids=["attributes", "identity"])
def test_the_judge_looks_at_larger_crops_in_its_own_size(judge: nn.Module):
    with torch.no_grad():
        torch.testing.assert_close(judge.eval()(enlarged(checks(SIDE))), judge(checks(SIDE)))
