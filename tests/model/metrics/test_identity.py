from itertools import combinations, pairwise
from math import comb

import numpy as np
import pytest

from dva.model.metrics.identity import (
    identity_cosine,
    identity_curve,
    retrieval,
    steadiness,
    tg_id,
    tl_id,
)

D = 8


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


def clips(frames: int = 9) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    person = rng.normal(size=D)
    edited, source = (person + 0.5 * rng.normal(size=(frames, D)) for _ in range(2))
    return edited, source


def test_both_consistencies_are_means_over_pairs_relative_to_the_source():
    edited, source = clips()
    edited[4] = np.nan  # no face in one of them: the frame counts in neither
    source[7] = np.nan
    seen = [0, 1, 2, 3, 5, 6, 8]
    near = [(a, b) for a, b in pairwise(seen) if b == a + 1]
    every = list(combinations(seen, 2))
    for pairs, measure in ((near, tl_id), (every, tg_id)):
        here, there = (np.mean([cosine(z[a], z[b]) for a, b in pairs]) for z in (edited, source))
        assert measure(edited, source) == pytest.approx(here / there, rel=1e-9)


def test_an_identical_clip_is_as_consistent_as_itself():
    _, source = clips()
    assert tl_id(source, source) == pytest.approx(1)
    assert tg_id(source, source) == pytest.approx(1)
    assert identity_cosine(source, source) == pytest.approx(1)
    assert identity_curve(source, source) == pytest.approx(np.ones(len(source)))
    assert steadiness(source, source) == pytest.approx(np.zeros(len(source)), abs=1e-12)


@pytest.mark.parametrize("frames", [8, 20])
def test_an_identity_swapped_half_way_shows_globally_and_hardly_locally(frames: int):
    a, b = np.eye(D)[:2]
    source = np.repeat(a[None], frames, 0)
    edited = np.concatenate([source[: frames // 2], np.repeat(b[None], frames // 2, 0)])
    assert tl_id(edited, source) == pytest.approx((frames - 2) / (frames - 1))  # one pair of the neighbours is strange
    assert tg_id(edited, source) == pytest.approx(2 * comb(frames // 2, 2) / comb(frames, 2))
    assert identity_cosine(edited, source) == pytest.approx(np.sqrt(0.5))


def test_a_face_that_stands_still_is_more_alike_than_its_source():
    edited, source = clips()
    assert tl_id(np.repeat(edited[:1], len(edited), 0), source) > 1


def test_too_few_faces_give_no_figure():
    edited, source = clips(3)
    edited[1:] = np.nan
    assert np.isnan(tl_id(edited, source))
    assert np.isnan(tg_id(edited, source))
    edited[:] = np.nan
    assert np.isnan(identity_cosine(edited, source))


def test_steadiness_falls_at_the_frame_that_looks_like_somebody_else():
    rng = np.random.default_rng(1)
    source = np.eye(D)[0] + 0.02 * rng.normal(size=(12, D))
    edited = source + np.eye(D)[1]
    edited[5] = source[5]  # one frame left unedited
    curve = steadiness(edited, source)
    assert int(np.argmin(curve)) == 5
    assert curve[5] == pytest.approx(np.sqrt(0.5) - 1, abs=0.05)
    assert np.abs(np.delete(curve, 5)).max() < 0.05


def test_retrieval_by_hand():
    gallery = np.array([[0.0, 0], [10, 0], [0, 10], [10, 10]])
    queries = np.array([[1.0, 1], [2, 1], [9, 8]])  # nearest: row 0, row 0, row 3
    found = retrieval(queries, gallery, np.array([0, 1, 2]))
    # ranks: 1; 2 (row 0 at 2.2, row 1 at 8.1); 3 (row 3 at 2.2, row 1 at 8.1, row 2 at 9.2, row 0 at 12.0)
    assert found.recall_at_1 == pytest.approx(1 / 3)
    assert found.mean_reciprocal_rank == pytest.approx((1 + 1 / 2 + 1 / 3) / 3)


def test_a_stranger_who_is_just_as_near_counts_as_nearer():
    found = retrieval(np.zeros((1, 2)), np.array([[1.0, 0], [0, 1]]), np.array([0]))
    assert found.recall_at_1 == 0
    assert found.mean_reciprocal_rank == 0.5
