"""Who is drawn: the rules between attributes, with no picture rendered."""

import numpy as np
import pytest

pytest.importorskip("numba")

from plain_head import person

from dva.model.errors import UsageError
from dva.model.synth import (
    ATTRIBUTES,
    EXCLUSIVE,
    STYLE,
    Identity,
    brings,
    can_toggle,
    entailed,
    sample_identity,
    toggle,
)
from dva.model.synth.toggling import USUAL

HAIR, BEARD = EXCLUSIVE
PEOPLE = [sample_identity(np.random.default_rng(seed)) for seed in range(300)]


def on(identity: Identity) -> set[str]:
    return {name for name in ATTRIBUTES if identity.has(name)}


def assert_consistent(identity: Identity) -> None:
    assert len(on(identity) & HAIR) <= 1
    assert not ("No_Beard" in on(identity) and on(identity) & {"Mustache", "Goatee"})
    assert "Male" in on(identity) or "No_Beard" in on(identity)


def test_sampled_people_keep_the_exclusions():
    for identity in PEOPLE:
        assert_consistent(identity)
        assert np.abs(identity.vector()).max() <= 1
        assert identity.vector().shape == (len(ATTRIBUTES) + len(STYLE),)


def test_every_attribute_is_seen_on_and_off():
    shares = np.mean([identity.attributes for identity in PEOPLE], axis=0)
    for name, share in zip(ATTRIBUTES, shares, strict=True):
        assert 0.07 < share < 0.85, name


def test_skin_is_independent_of_hair_and_sex():
    vectors = np.stack([identity.vector() for identity in PEOPLE])
    tone = vectors[:, len(ATTRIBUTES) + STYLE.index("skin_tone")]
    for name in (*HAIR, "Male", "Young"):
        assert abs(np.corrcoef(tone, vectors[:, ATTRIBUTES.index(name)])[0, 1]) < 0.2, name


@pytest.mark.parametrize("attribute", ATTRIBUTES)
def test_setting_an_attribute_moves_only_what_it_entails(attribute):
    moved: set[str] = set()
    for identity in PEOPLE:
        if not identity.has(attribute) and can_toggle(identity, attribute):
            moved |= on(toggle(identity, attribute, True, np.random.default_rng(0))) ^ on(identity)
    assert moved - {attribute} <= entailed(attribute)


def test_going_bald_entails_the_hair_and_glasses_entail_nothing():
    assert entailed("Bald") == {*HAIR, "Bangs", "Wavy_Hair", "Receding_Hairline", "Long_Hair"} - {"Bald"}
    assert not entailed("Eyeglasses")


@pytest.mark.parametrize("attribute", ATTRIBUTES)
def test_a_toggle_sets_its_attribute_and_breaks_no_rule(attribute):
    for identity in PEOPLE[:60]:
        if can_toggle(identity, attribute):
            value = not identity.has(attribute)
            changed = toggle(identity, attribute, value, np.random.default_rng(0))
            assert changed.has(attribute) == value
            assert_consistent(changed)
            moved = {STYLE[i] for i in np.flatnonzero(changed.style != identity.style)}
            brought = USUAL[attribute] if brings(attribute, value) else {}
            assert moved <= {"under_hair", "beard_cover", *brought}
            assert {name: pytest.approx(getattr(changed.named_style(), name)) for name in brought} == brought


def test_toggling_to_the_present_value_changes_nothing():
    identity = PEOPLE[0]
    assert toggle(identity, "Young", identity.has("Young"), np.random.default_rng(0)) is identity


def test_a_new_hair_colour_drives_out_the_old_one_and_baldness():
    rng = np.random.default_rng(0)
    assert on(toggle(person("Black_Hair"), "Blond_Hair", True, rng)) == {"Blond_Hair"}
    assert on(toggle(person("Bald"), "Gray_Hair", True, rng)) == {"Gray_Hair"}
    (colour,) = on(toggle(person("Black_Hair"), "Black_Hair", False, rng))
    assert colour in HAIR - {"Black_Hair", "Bald"}


@pytest.mark.parametrize("colour", ["Black_Hair", "Brown_Hair", "Blond_Hair", "Gray_Hair", "No_Beard"])
def test_going_bald_and_back_returns_the_colour(colour):
    """No_Beard stands for red hair, which has no attribute."""
    rng = np.random.default_rng(0)
    before = person("No_Beard", colour, "Bangs", "Long_Hair")
    bald = toggle(before, "Bald", True, rng)
    assert on(bald) == {"No_Beard", "Bald"}
    assert on(toggle(bald, "Bald", False, rng)) == {"No_Beard", colour}


def test_a_beard_brings_its_mustache_and_shaving_takes_everything():
    rng = np.random.default_rng(0)
    shaven = person("Male", "No_Beard", beard_cover=-0.3)
    bearded = toggle(shaven, "No_Beard", False, rng)
    assert on(bearded) == {"Male", "Mustache"}
    assert bearded.named_style().beard_cover > 0
    assert on(toggle(bearded, "No_Beard", True, rng)) == on(shaven)
    assert on(toggle(bearded, "Male", False, rng)) == {"No_Beard"}


def test_a_mustache_alone_comes_and_goes():
    rng = np.random.default_rng(0)
    shaven = person("Male", "No_Beard", beard_cover=0.7)
    mustache = toggle(shaven, "Mustache", True, rng)
    assert on(mustache) == {"Male", "Mustache"}
    assert mustache.named_style().beard_cover < 0
    assert on(toggle(mustache, "Mustache", False, rng)) == on(shaven)


def test_shaving_a_goatee_leaves_no_full_beard_behind():
    rng = np.random.default_rng(0)
    goatee = person("Male", "Goatee", "Mustache", beard_cover=0.9)
    assert toggle(goatee, "Goatee", False, rng).named_style().beard_cover < 0
    assert on(toggle(person("Male", "Goatee"), "Goatee", False, rng)) == {"Male", "No_Beard"}


@pytest.mark.parametrize(
    ("attributes", "attribute"),
    [
        (("Bald",), "Bangs"),
        (("Bald",), "Blond_Hair"),
        (("Bald",), "Wavy_Hair"),
        (("Brown_Hair", "Wearing_Hat"), "Bangs"),
        (("Brown_Hair", "Wearing_Hat"), "Bald"),
        (("Brown_Hair", "Bangs"), "Receding_Hairline"),
        (("No_Beard",), "Mustache"),
    ],
)
def test_what_could_not_be_seen_cannot_be_toggled(attributes, attribute):
    assert not can_toggle(person(*attributes), attribute)


def test_an_unknown_attribute_is_named():
    with pytest.raises(UsageError, match="Smiling"):
        can_toggle(PEOPLE[0], "Smiling")
