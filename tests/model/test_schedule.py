from itertools import pairwise

import numpy as np
import pytest

from dva.model.schedule import CLEAN, NoiseSchedule


def test_alpha_bar_is_the_running_product_of_one_minus_beta():
    alpha_bar = NoiseSchedule().alpha_bar()
    product = 1.0
    for k, expected in enumerate(alpha_bar):
        product *= 1 - (1e-4 + k * (2e-2 - 1e-4) / 999)
        assert expected == pytest.approx(product, rel=1e-9)


@pytest.mark.parametrize(("steps", "start"), [(20, 1000), (20, 600), (7, 600), (1000, 1000), (2, 600)])
def test_levels_rise_from_clean_to_the_start_in_even_steps(steps: int, start: int):
    levels = NoiseSchedule().levels(steps, start)
    assert levels[0] == CLEAN
    assert levels[-1].t == start - 1
    assert len(levels) - 1 == max(1, round(steps * start / 1000))
    gaps = np.diff([level.t for level in levels[1:]])
    assert gaps.size == 0 or (gaps.min() >= 1 and gaps.max() - gaps.min() <= 1)
    assert all(a.alpha_bar > b.alpha_bar for a, b in pairwise(levels))


@pytest.mark.parametrize(("steps", "start"), [(20, 1000), (20, 600), (100, 600), (1000, 600), (2, 600), (2, 1000)])
def test_bent_levels_have_the_same_ends_and_never_lie_closer_higher_up(steps: int, start: int):
    levels, even = NoiseSchedule().bent_levels(steps, start), NoiseSchedule().levels(steps, start)
    assert (levels[0], levels[-1], len(levels)) == (even[0], even[-1], len(even))
    gaps = np.diff([-1, *(level.t for level in levels[1:])])
    assert gaps.min() >= 1
    assert np.diff(gaps).min(initial=0) >= -1  # but for rounding


def test_published_levels_are_every_nth_time_from_zero():
    assert [level.t for level in NoiseSchedule().published_levels(5)] == [0, 200, 400, 600, 800]


@pytest.mark.parametrize("steps", [2, 20, 30, 77, 100, 334, 1000])
def test_a_published_path_has_as_many_levels_as_steps(steps: int):
    times = [level.t for level in NoiseSchedule().published_levels(steps)]
    assert len(times) == steps
    assert len({b - a for a, b in pairwise(times)}) == 1
