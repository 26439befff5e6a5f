import pytest
import torch
from torch import Tensor

from dva.model.samplers import (
    ddim_decode,
    ddim_encode,
    ddim_step,
    fixed_point_encode,
    guided,
    published_decode,
    published_encode,
    x0_from_eps,
)
from dva.model.schedule import NoiseSchedule

LEVELS = NoiseSchedule().levels(20)


@pytest.fixture
def x0() -> Tensor:
    return torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(0)).double() * 2 - 1


def gaussian_eps(x: Tensor, t: int) -> Tensor:
    """The exact noise of pictures drawn from N(0, 0.5^2): its score is linear, so paths can be worked out by hand."""
    alpha_bar = float(NoiseSchedule().alpha_bar()[t])
    return (1 - alpha_bar) ** 0.5 / (alpha_bar * 0.25 + 1 - alpha_bar) * x


def test_walking_back_undoes_a_walk_for_constant_noise(x0: Tensor):
    noise = torch.randn(x0.shape, generator=torch.Generator().manual_seed(1)).double()
    up = ddim_encode(x0, LEVELS, lambda x, t: noise)
    torch.testing.assert_close(ddim_decode(up, LEVELS, lambda x, t: noise), x0)


def test_a_step_keeps_the_implied_clean_picture(x0: Tensor):
    eps = torch.randn_like(x0)
    moved = ddim_step(x0, eps, 0.9, 0.3)
    torch.testing.assert_close(x0_from_eps(moved, eps, 0.3), x0_from_eps(x0, eps, 0.9))


def test_many_steps_follow_the_ode_of_a_gaussian_to_its_closed_form(x0: Tensor):
    levels = NoiseSchedule().levels(1000)
    spread = (levels[-1].alpha_bar * 0.25 + 1 - levels[-1].alpha_bar) ** 0.5
    expected = x0 / 0.5 * spread  # each path keeps its quantile
    torch.testing.assert_close(ddim_encode(x0, levels, gaussian_eps), expected, rtol=0.02, atol=0.02)


def test_fixed_point_inversion_undoes_decoding_where_explicit_inversion_does_not(x0: Tensor):
    def error(encoded: Tensor) -> float:
        return float((ddim_decode(encoded, LEVELS, gaussian_eps) - x0).abs().max())

    explicit = error(ddim_encode(x0, LEVELS, gaussian_eps))
    implicit = error(fixed_point_encode(x0, LEVELS, gaussian_eps, iterations=8))
    assert implicit < 1e-3 < explicit


def test_published_paths_take_one_step_fewer_up_than_down_and_clamp(x0: Tensor):
    levels = NoiseSchedule().published_levels(5)
    seen: list[int] = []

    def predict(x: Tensor, t: int) -> Tensor:
        seen.append(t)
        return torch.zeros_like(x)

    encoded = published_encode(x0 * 3, levels, predict)
    assert seen == [0, 200, 400, 600]
    seen.clear()
    decoded = published_decode(encoded, levels, predict)
    assert seen == [800, 600, 400, 200, 0]
    assert decoded.abs().max() <= 1


def test_guidance_extrapolates_and_changes_nothing_where_the_edit_changes_nothing(x0: Tensor):
    assert torch.equal(guided(gaussian_eps, gaussian_eps, 3.0)(x0, 500), gaussian_eps(x0, 500))
    there = guided(lambda x, t: 3 * x, lambda x, t: 1 * x, 0.5)(x0, 500)
    torch.testing.assert_close(there, 4 * x0)
