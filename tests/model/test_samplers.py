from functools import partial
from itertools import pairwise

import pytest
import torch
from torch import Tensor

from dva.model.errors import UsageError
from dva.model.samplers import (
    PATHS,
    Solver,
    anderson_encode,
    ddim_decode,
    ddim_encode,
    ddim_step,
    dpm_2m_decode,
    fixed_point_encode,
    guided,
    o_belm_decode,
    published_decode,
    published_encode,
    shared_noise_edit,
    x0_from_eps,
)
from dva.model.samplers.anderson import ROUNDS, TOLERANCE
from dva.model.schedule import Level, NoiseSchedule

LEVELS = NoiseSchedule().levels(20)
TWO_STEP: tuple[Solver, ...] = ("o_belm", "bdia")
EXACT: tuple[Solver, ...] = ("fixed_point", "anderson", "o_belm", "bdia")
"""Solvers whose way back retraces the way up, wholly or nearly."""


@pytest.fixture
def x0() -> Tensor:
    return torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(0)).double() * 2 - 1


def gaussian_eps(x: Tensor, t: int, rows: Tensor | None = None) -> Tensor:
    """The exact noise of pictures drawn from N(0, 0.5^2): its score is linear, so paths can be worked out by hand."""
    alpha_bar = float(NoiseSchedule().alpha_bar()[t])
    return (1 - alpha_bar) ** 0.5 / (alpha_bar * 0.25 + 1 - alpha_bar) * x


def curved_eps(x: Tensor, t: int, rows: Tensor | None = None) -> Tensor:
    """Noise that bends with x and mixes neighbouring pixels, as a network's does."""
    seen = gaussian_eps(x, t)
    return seen + 0.3 * torch.sin(2 * seen.roll(1, -1))


def spread(level: Level) -> float:
    return ((1 - level.alpha_bar) / level.alpha_bar) ** 0.5


@pytest.mark.parametrize("solver", [name for name in PATHS if name != "published"])
def test_walking_back_undoes_a_walk_for_constant_noise(x0: Tensor, solver: Solver):
    noise = torch.randn(x0.shape, generator=torch.Generator().manual_seed(1)).double()
    path = PATHS[solver]

    def constant(x: Tensor, t: int, rows: Tensor | None = None) -> Tensor:
        return noise if rows is None else noise[rows]

    up = path.encode(x0, LEVELS, constant)
    assert up.shape[1] == 3 * path.states
    torch.testing.assert_close(path.decode(up, LEVELS, constant), x0)


@pytest.mark.parametrize("solver", TWO_STEP)
@pytest.mark.parametrize("start", [150, 600, 1000])
def test_two_step_solvers_retrace_their_way_whatever_the_network_says(x0: Tensor, solver: Solver, start: int):
    path = PATHS[solver]
    levels = path.levels(NoiseSchedule(), 20, start)
    up = path.encode(x0, levels, curved_eps)
    torch.testing.assert_close(path.decode(up, levels, curved_eps), x0, rtol=0, atol=1e-6)


@pytest.mark.parametrize("solver", PATHS)
def test_a_solver_treats_rows_apart_and_remembers_nothing(x0: Tensor, solver: Solver):
    path = PATHS[solver]
    levels = path.levels(NoiseSchedule(), 10, 600)
    x0 = torch.cat([x0, 3 * x0])  # rows that converge sooner and later
    together = path.encode(x0, levels, curved_eps)
    for i in range(len(x0)):
        alone = path.encode(x0[i : i + 1], levels, curved_eps)
        torch.testing.assert_close(alone[0], together[i], rtol=1e-6, atol=1e-6)
    assert torch.equal(path.encode(x0, levels, curved_eps), together)


@pytest.mark.parametrize("solver", [name for name in PATHS if name != "published"])
def test_every_solver_comes_to_the_closed_form_in_many_steps(x0: Tensor, solver: Solver):
    levels = NoiseSchedule().levels(1000, 600)
    wide = (levels[-1].alpha_bar * 0.25 + 1 - levels[-1].alpha_bar) ** 0.5
    up = PATHS[solver].encode(x0, levels, gaussian_eps)
    torch.testing.assert_close(up[:, :3], x0 / 0.5 * wide, rtol=0.02, atol=0.02)


def test_o_belm_steps_are_exact_where_the_noise_grows_with_its_level(x0: Tensor):
    """eps = c s has the path y = y0 + c s^2 / 2 in y = x / sqrt(alpha_bar); two states of it lead back to y0."""
    c = torch.randn_like(x0)
    times = {level.t: spread(level) for level in LEVELS[1:]}
    states = [(level.alpha_bar**0.5) * (x0 + c * spread(level) ** 2 / 2) for level in LEVELS[-1:-3:-1]]
    down = o_belm_decode(torch.cat(states, 1), LEVELS, lambda x, t: c * times[t])
    torch.testing.assert_close(down, x0)


def test_dpm_follows_the_path_more_closely_than_ddim(x0: Tensor):
    """Second order: twice the steps leave a quarter of the error or less, before the last step to the picture."""

    def error(decode, steps: int) -> float:
        levels = [level for level in NoiseSchedule().levels(steps)[1:] if level.t >= 99]
        top, bottom = (
            ((level.alpha_bar * 0.25 + 1 - level.alpha_bar) ** 0.5 / 0.5) * x0 for level in (levels[-1], levels[0])
        )
        return float((decode(top, levels, gaussian_eps) - bottom).abs().max())

    assert error(dpm_2m_decode, 20) < error(ddim_decode, 20) / 4
    assert error(dpm_2m_decode, 40) / error(dpm_2m_decode, 80) > 3 > error(ddim_decode, 40) / error(ddim_decode, 80)


def test_anderson_comes_nearer_than_plain_iteration_at_less_cost(x0: Tensor):
    def run(encode) -> tuple[float, int]:
        asked: list[int] = []

        def predict(x: Tensor, t: int, rows: Tensor | None = None) -> Tensor:
            asked.append(len(x))
            return curved_eps(x, t)

        up = encode(x0, LEVELS, predict)
        return float((ddim_decode(up, LEVELS, curved_eps) - x0).abs().mean()), sum(asked)

    tolerance = 5e-3
    (plain, plain_cost), (mixed, cost) = run(fixed_point_encode), run(partial(anderson_encode, tolerance=tolerance))
    assert cost < plain_cost * 0.6
    assert mixed < min(plain / 2, tolerance)
    coarse, least = run(anderson_encode)
    assert least < cost
    assert mixed < coarse < 2 * TOLERANCE  # what a step leaves adds up


def test_anderson_converges_where_iteration_barely_shrinks_the_error(x0: Tensor):
    """One step whose map keeps up to 95 % of the error: what a denoiser does to detail in the first step."""
    here, there = LEVELS[0], LEVELS[1]
    kept = torch.linspace(0, 0.95, x0[0].numel(), dtype=x0.dtype).reshape(x0[0].shape)

    def stiff(x: Tensor, t: int, rows: Tensor | None = None) -> Tensor:
        return kept * x / (1 - there.alpha_bar) ** 0.5 if t == there.t else torch.zeros_like(x)

    wanted = there.alpha_bar**0.5 * x0 / (1 - kept)
    plain = fixed_point_encode(x0, [here, there], stiff, iterations=8)
    mixed = anderson_encode(x0, [here, there], stiff, tolerance=0.0)
    assert (mixed - wanted).norm() < (plain - wanted).norm() / 2


def test_a_frame_that_has_stopped_is_asked_about_no_more(x0: Tensor):
    """Beside one that never settles it ends where it ends alone, at what it costs alone."""
    x0, restless = x0.float(), torch.Generator().manual_seed(3)
    asked = [0, 0]

    def eps(x: Tensor, t: int, rows: Tensor | None = None) -> Tensor:
        held = range(len(x)) if rows is None else rows.tolist()
        for row in held:
            asked[row] += 1
        noise = 3 * torch.randn(x.shape, generator=restless)
        return torch.stack([noise[i] if row else torch.zeros_like(x[i]) for i, row in enumerate(held)])

    together, (calm, wild) = anderson_encode(x0, LEVELS, eps), asked
    assert torch.isfinite(together).all()
    assert (calm, wild) == (len(LEVELS), 1 + ROUNDS * (len(LEVELS) - 1))
    assert torch.equal(together[:1], anderson_encode(x0[:1], LEVELS, eps))
    assert asked[0] == 2 * calm


def test_anderson_has_nothing_to_mix_where_nothing_moves(x0: Tensor):
    """Without a tolerance no row stops; one whose iterates are all equal stays where it is."""
    up = anderson_encode(x0, LEVELS, lambda x, t, rows=None: torch.zeros_like(x), tolerance=0.0)
    assert torch.equal(up, anderson_encode(x0, LEVELS, lambda x, t, rows=None: torch.zeros_like(x)))


@pytest.mark.parametrize("solver", TWO_STEP)
def test_two_step_solvers_refuse_a_path_of_one_step(solver: Solver):
    with pytest.raises(UsageError, match="two-step solver needs more than 2 steps from time 600; take 4"):
        PATHS[solver].levels(NoiseSchedule(), 2, 600)
    assert len(PATHS[solver].levels(NoiseSchedule(), 4, 600)) == 3


@pytest.mark.parametrize("solver", EXACT)
def test_solvers_that_retrace_beat_plain_ddim(x0: Tensor, solver: Solver):
    def error(name: Solver) -> float:
        path = PATHS[name]
        return float((path.decode(path.encode(x0, LEVELS, curved_eps), LEVELS, curved_eps) - x0).abs().max())

    assert error(solver) < error("ddim") / 4


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
    there = guided(lambda x, t, rows=None: 3 * x, lambda x, t, rows=None: 1 * x, 0.5)(x0, 500)
    torch.testing.assert_close(there, 4 * x0)


def implying(target: Tensor, pull: float = 1.0):
    """The noise that a network sees which believes in a picture: it implies one that lies by pull nearer to it."""
    alpha_bar = NoiseSchedule().alpha_bar()

    def predict(x: Tensor, t: int) -> Tensor:
        a = float(alpha_bar[t])
        x0 = (1 - pull) * x / a**0.5 + pull * target
        return (x - a**0.5 * x0) / (1 - a) ** 0.5

    return predict


def test_an_edit_that_asks_for_nothing_leaves_the_picture_as_it_is(x0: Tensor):
    assert torch.equal(shared_noise_edit(x0, LEVELS, curved_eps, curved_eps), x0)


def test_the_change_is_what_the_edit_implies_beside_the_pictures_own(x0: Tensor):
    """What a network gets wrong of the picture itself, here all of it, does not come in."""
    wrong, wanted = torch.full_like(x0, 0.9), torch.full_like(x0, 0.9)
    wanted[:, :, 2:5] -= 0.4
    made = shared_noise_edit(x0, LEVELS, implying(wrong), implying(wanted)) - x0
    torch.testing.assert_close(made, wanted - wrong)


def test_no_implied_picture_is_brighter_than_white(x0: Tensor):
    """From one of 0.9 to one of 3 there is room for a tenth."""
    made = shared_noise_edit(x0, LEVELS, implying(x0 * 0 + 0.9), implying(x0 * 0 + 3)) - x0
    torch.testing.assert_close(made, torch.full_like(x0, 0.1))


def test_the_change_grows_as_ddim_would_walk_it(x0: Tensor):
    """Two networks that go half of the way to their pictures: what lies between them walks by ddim_step, noise and all.

    From low noise and in dull colours, so that nothing implied leaves the range.
    """
    x0, target = 0.3 * x0, 0.3 * x0.roll(2, -1)
    levels = NoiseSchedule().levels(100, 60)
    made = torch.zeros_like(x0)
    for here, there in pairwise([*levels[:0:-2], levels[0]]):
        x = here.alpha_bar**0.5 * made
        eps = implying(target - x0, 0.5)(x, here.t)
        made = ddim_step(x, eps, here.alpha_bar, there.alpha_bar) / there.alpha_bar**0.5
    assert made.abs().max() > 0.05
    found = shared_noise_edit(x0, levels, implying(x0, 0.5), implying(target, 0.5)) - x0
    torch.testing.assert_close(found, made)
