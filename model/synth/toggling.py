"""The same person with one attribute changed: the renderer's answer to "what should this edit look like?"."""

import numpy as np

from .identity import ATTRIBUTES, EXCLUSIVE, HAIR_COLOURS, STYLE, Identity

UNDER_HAIR = {"Black_Hair": -1.0, "Brown_Hair": -0.5, "": 0.0, "Blond_Hair": 0.5, "Gray_Hair": 1.0}
"""Where each colour (red has no name) lies on the style number that colours the brows and beard of a bald head."""

CLEAR_COVER = 0.4
"""Beyond this a `beard_cover` means a full beard, or below its negative no beard but the mustache."""

USUAL: dict[str, dict[str, float]] = {
    "Eyeglasses": {
        "glasses_shape": 0.5,
        "glasses_size": 1.0,
        "glasses_thickness": -0.2,
        "glasses_hue": -0.6,
        "glasses_light": 0.0,
        "lens_tint": -1.0,
    },
    "Wearing_Hat": {"hat_brim": -1.0, "hat_height": 0.0, "hat_red": -0.4, "hat_green": -0.3, "hat_blue": 0.1},
    "Wearing_Lipstick": {"lipstick_hue": -0.3, "lipstick_depth": 0.0},
    "Heavy_Makeup": {"shadow_hue": 0.9},
    "Wavy_Hair": {"curl": 0.0},
    "Bangs": {"fringe_height": 0.0, "fringe_slant": 0.0},
    "Mustache": {"mustache_droop": 0.0},
    "No_Beard": {"beard_length": -0.8, "mustache_droop": 0.0},
    "Goatee": {"beard_length": 0.0, "mustache_droop": 0.0},
}
"""How a thing looks that a toggle brings. Nothing about a person foretells which glasses or which hat come, and a
network that is shown all of them answers with their average, which is a haze. Those of No_Beard come where it goes."""

NEEDS_HAIR = frozenset((*HAIR_COLOURS, "Bangs", "Wavy_Hair", "Receding_Hairline", "Long_Hair"))
UNDER_A_HAT = frozenset(("Bald", "Bangs", "Receding_Hairline"))
FACIAL = frozenset(("No_Beard", "Mustache", "Goatee"))


def can_toggle(identity: Identity, attribute: str) -> bool:
    """Whether changing the attribute would show, and would be sensible, on this person."""
    on = identity.has(attribute)
    if identity.has("Bald") and attribute in NEEDS_HAIR:
        return False
    if identity.has("Wearing_Hat") and attribute in UNDER_A_HAT:
        return False
    if attribute in FACIAL:
        return identity.has("Male")
    if attribute == "Receding_Hairline":
        return not identity.has("Bangs")
    if attribute == "Bangs":
        return on or not identity.has("Receding_Hairline")
    return True


def entailed(attribute: str) -> frozenset[str]:
    """The other attributes that setting this one changes or hides by its meaning: a bald head has no fringe, a hat
    covers one."""
    tied = frozenset[str]().union(*(group for group in EXCLUSIVE if attribute in group))
    hidden = {"Bald": NEEDS_HAIR, "Wearing_Hat": UNDER_A_HAT}.get(attribute, frozenset[str]())
    return (tied | hidden) - {attribute}


def brings(attribute: str, value: bool) -> bool:  # noqa: FBT001
    """Whether setting the attribute to value brings a thing whose look USUAL settles."""
    return attribute in USUAL and value != (attribute == "No_Beard")


def toggle(identity: Identity, attribute: str, value: bool, rng: np.random.Generator) -> Identity:  # noqa: FBT001
    """The same head with one attribute set to value, and with what that excludes or calls for.

    Of the style numbers that already show only two ever move with it, both only where the change itself needs it:
    `under_hair` (so that a head that goes bald keeps its brows) and `beard_cover` (full beard or mustache alone). What
    comes looks as USUAL says. rng chooses the new hair colour where the old one is taken away.
    """
    if identity.has(attribute) == value:
        return identity
    on = {name for name in ATTRIBUTES if identity.has(name)}
    style = identity.style.copy()
    on ^= {attribute}
    if attribute in HAIR_COLOURS:
        _change_colour(on, attribute, rng)
    elif attribute == "Bald":
        _change_baldness(on, style)
    elif attribute in FACIAL:
        _change_facial_hair(on, style, attribute)
    elif attribute == "Male" and not value:
        on = (on - {"Mustache", "Goatee"}) | {"No_Beard"}
    if brings(attribute, value):
        for name, number in USUAL[attribute].items():
            style[STYLE.index(name)] = number
    return Identity(np.array([name in on for name in ATTRIBUTES]), style)


def _change_colour(on: set[str], attribute: str, rng: np.random.Generator) -> None:
    others = [name for name in HAIR_COLOURS if name != attribute]
    if attribute in on:
        on.difference_update((*others, "Bald"))
    else:
        on.add(others[rng.integers(len(others))])


def _change_baldness(on: set[str], style: np.ndarray) -> None:
    under = STYLE.index("under_hair")
    if "Bald" in on:
        colour = next((name for name in HAIR_COLOURS if name in on), "")
        style[under] = UNDER_HAIR[colour]
        on -= NEEDS_HAIR - {"Wavy_Hair"}
    else:
        colour = min(UNDER_HAIR, key=lambda name: abs(UNDER_HAIR[name] - float(style[under])))
        on |= {colour} if colour else set()


def _change_facial_hair(on: set[str], style: np.ndarray, attribute: str) -> None:
    cover = STYLE.index("beard_cover")
    if attribute == "No_Beard":
        on -= {"Mustache", "Goatee"}
        if "No_Beard" not in on:
            on.add("Mustache")
            style[cover] = max(abs(style[cover]), CLEAR_COVER)
    elif attribute in on:
        if "No_Beard" in on:
            style[cover] = -max(abs(style[cover]), CLEAR_COVER)
        on.discard("No_Beard")
    elif "Mustache" in on:
        style[cover] = -max(abs(style[cover]), CLEAR_COVER)
    elif attribute == "Goatee" or ("Goatee" not in on and style[cover] < 0):
        on.add("No_Beard")
