import numpy as np
import pytest

from dva.model.metrics.clip import CURVES, Measured
from dva.model.metrics.flags import FEWEST, REACH, Rule, band, flags, ranges

T = 40


def measured(**curves: np.ndarray) -> Measured:
    every = {name: np.full(T, np.nan) for name in CURVES} | curves
    present = np.ones(T, bool)
    return Measured({}, {}, {}, every, present, np.zeros(T, bool), None, {}, {})


def test_the_band_is_the_median_and_so_many_spreads():
    rng = np.random.default_rng(0)
    curve = rng.normal(3.0, 0.5, 100_001)
    normal = band(curve, Rule("seam", "seam", "both", 0.0))
    assert normal is not None
    assert normal.median == pytest.approx(3, abs=0.01)
    assert normal.high - normal.median == pytest.approx(REACH * 0.5, rel=0.01)  # 1.4826 MAD is a Gaussian's sigma
    assert normal.median - normal.low == pytest.approx(REACH * 0.5, rel=0.01)


def test_a_third_of_bad_frames_does_not_move_the_band():
    rng = np.random.default_rng(1)
    curve = rng.normal(0.2, 0.01, 99)
    curve[::3] = 5
    normal = band(curve, Rule("seam", "seam", "above", 0.01))
    assert normal is not None
    assert normal.high < 0.5


def test_a_step_that_nobody_would_notice_is_no_flag():
    shift = np.full(T, 0.1)
    shift[7] += 0.9  # far beyond the clip's spread of zero, and still less than a pixel
    assert flags(measured(shift=shift)) == []
    shift[7] += 0.2
    assert [(flag.frame, flag.kind) for flag in flags(measured(shift=shift))] == [(7, "jitter")]


def test_a_frame_that_was_not_edited_is_flagged_and_a_slow_fade_is_not():
    change = np.full(T, 0.05)
    change[11] = 0
    assert [(flag.frame, flag.kind) for flag in flags(measured(change=change))] == [(11, "change")]
    assert flags(measured(change=np.linspace(0, 0.1, T))) == []


def test_what_is_wrong_in_every_frame_is_flagged_in_every_frame():
    found = flags(measured(spill=np.full(T, 0.5)))
    assert [flag.frame for flag in found] == list(range(T))
    few = np.full(T, np.nan)
    few[: FEWEST - 1] = [0.0, 0.0, 0.2, 0.5]
    assert [flag.frame for flag in flags(measured(spill=few))] == [3]  # no habit yet, but a limit


def test_gaps_and_lost_faces_are_always_flagged():
    clip = measured()
    clip.present[5:8] = False
    clip.lost[20] = True
    assert [(flag.frame, flag.kind) for flag in flags(clip)] == [(5, "gap"), (6, "gap"), (7, "gap"), (20, "lost")]


def test_frames_are_told_as_ranges():
    assert ranges([9, 3, 7, 8, 8]) == "3, 7-9"
    assert ranges([]) == ""
