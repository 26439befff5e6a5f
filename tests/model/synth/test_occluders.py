"""Hands and microphones: they hide what they cover, shade what is beside them, and belong to nobody's identity."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("numba")

from plain_head import PLAIN, SCENE, STILL
from safetensors.torch import load_file

from dva.model.synth import PARSING, Identity, Rendering, build_head, render, toggle
from dva.model.training import data

SIZE = 64
SEEDS = range(1, 13)
BACKGROUND = PARSING.index("background")


def drawn(identity: Identity, seed: int) -> Rendering:
    """In the crop of PLAIN, whoever it is."""
    return render(build_head(identity), STILL, replace(SCENE, held=seed), SIZE, crop_of=build_head(PLAIN))


@pytest.fixture(scope="module")
def bare() -> Rendering:
    return drawn(PLAIN, 0)


@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_held_hides_and_shades_and_brightens_nothing_else(bare: Rendering, seed: int):
    covered = drawn(PLAIN, seed)
    hidden = covered.parsing != bare.parsing
    assert (covered.parsing[hidden] == BACKGROUND).all()
    assert 0 < hidden.mean() < 0.4
    np.testing.assert_array_equal(covered.landmarks, bare.landmarks)
    # A label is read off one ray of a pixel and its colour off four, so a thing's edge may lie in the next pixel.
    beside = np.ones_like(hidden)
    for dy, dx in np.ndindex(3, 3):
        beside &= covered.parsing == np.roll(covered.parsing, (dy - 1, dx - 1), (0, 1))
    beside &= ~hidden & (bare.parsing != BACKGROUND)
    brighter = covered.image.astype(int)[beside] - bare.image.astype(int)[beside]
    assert brighter.max() <= 0
    assert brighter.min() < 0


def test_some_of_them_reach_the_mouth_and_some_leave_it_free(bare: Rendering):
    lips = np.isin(bare.parsing, [PARSING.index("lips"), PARSING.index("mouth")])
    left = [int((drawn(PLAIN, seed).parsing == bare.parsing)[lips].sum()) for seed in range(1, 41)]
    assert min(left) < 0.5 * lips.sum()
    assert max(left) == lips.sum()


def test_the_same_thing_is_held_before_a_toggled_head(bare: Rendering):
    beard = toggle(PLAIN, "No_Beard", value=False, rng=np.random.default_rng(0))
    seed = next(s for s in SEEDS if (drawn(PLAIN, s).parsing != bare.parsing).mean() > 0.05)
    before, after = drawn(PLAIN, seed), drawn(beard, seed)
    held = before.parsing != bare.parsing
    assert np.array_equal(after.parsing[held], before.parsing[held])
    assert np.abs(after.image.astype(int) - before.image)[held].mean() < 2  # a rim of mixed pixels
    free = drawn(beard, 0).image
    assert np.abs(free.astype(int) - bare.image)[held].mean() > 5  # what the thing hides of the beard


def test_a_seed_gives_the_same_people_whatever_they_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    shards = []
    for share in (0.0, 1.0):
        monkeypatch.setattr(data, "HELD", share)
        data.render_shard(tmp_path / f"{share}.safetensors", 2, 1, 16)
        shards.append(load_file(tmp_path / f"{share}.safetensors"))
    empty, full = shards
    for name in ("vectors", "landmarks", "person", "pairs"):
        assert np.array_equal(empty[name], full[name])
    changed = (empty["images"] != full["images"]).float().mean((1, 2, 3))
    assert (changed > 0.01).float().mean() > 0.9
