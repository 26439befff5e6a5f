"""Who a synthetic person is: twenty-six yes-or-no attributes and a vector of style numbers, nothing hidden."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import UsageError
from ..types import FloatArray

ATTRIBUTES: tuple[str, ...] = (
    "Eyeglasses",
    "No_Beard",
    "Mustache",
    "Goatee",
    "Black_Hair",
    "Blond_Hair",
    "Brown_Hair",
    "Gray_Hair",
    "Bald",
    "Bangs",
    "Wavy_Hair",
    "Receding_Hairline",
    "Wearing_Hat",
    "Young",
    "Male",
    "Chubby",
    "Pale_Skin",
    "Rosy_Cheeks",
    "Wearing_Lipstick",
    "Heavy_Makeup",
    "Bushy_Eyebrows",
    "Big_Nose",
    "Big_Lips",
    "Narrow_Eyes",
    "Bags_Under_Eyes",
    "Long_Hair",
)
"""CelebA's names, in the order of Identity.attributes; Long_Hair is ours."""

HAIR_COLOURS = ("Black_Hair", "Blond_Hair", "Brown_Hair", "Gray_Hair")
"""Hair that is none of these is red, except on a bald head."""

EXCLUSIVE: tuple[frozenset[str], ...] = (
    frozenset((*HAIR_COLOURS, "Bald")),
    frozenset(("No_Beard", "Mustache", "Goatee")),
)
"""Groups that move together: at most one hair colour and none when bald; No_Beard excludes Mustache and Goatee.

A full beard is No_Beard off, Mustache on, Goatee off, with a positive style number `beard_cover`; a negative one leaves
the mustache alone.
"""


class Style(NamedTuple):
    """Every other visible choice, each in [-1, 1] and continuous in the picture.

    Hair colours, sex, age and the other attributes stay out of it; where an attribute is off (no glasses), its numbers
    (the shape of the glasses) wait without showing.
    """

    head_width: float
    face_width: float
    jaw_width: float
    jaw_drop: float
    chin_length: float
    chin_forward: float
    chin_width: float
    cheekbones: float
    fullness: float
    nose_length: float
    nose_width: float
    nose_bridge: float
    nose_tip: float
    nose_upturn: float
    eye_spacing: float
    eye_width: float
    eye_opening: float
    eye_tilt: float
    eye_depth: float
    brow_height: float
    mouth_height: float
    mouth_width: float
    upper_lip: float
    lower_lip: float
    forehead: float
    cranium: float
    neck_width: float
    ear_flare: float
    asymmetry: float
    # from here on every value is as likely as any other, while the shape above gathers around 0
    skin_tone: float
    skin_warmth: float
    skin_shine: float
    flush: float
    freckles: float
    wrinkles: float
    texture: float
    lip_depth: float
    lipstick_hue: float
    lipstick_depth: float
    shadow_hue: float
    eye_hue: float
    eye_light: float
    brow_thickness: float
    brow_arch: float
    brow_shade: float
    hair_shade: float
    hair_warmth: float
    under_hair: float
    hair_volume: float
    hair_length: float
    hair_part: float
    hair_lift: float
    hair_sweep: float
    hair_gloss: float
    hairline: float
    sideburns: float
    curl: float
    fringe_height: float
    fringe_slant: float
    beard_cover: float
    beard_length: float
    mustache_droop: float
    stubble: float
    glasses_shape: float
    glasses_size: float
    glasses_thickness: float
    glasses_hue: float
    glasses_light: float
    lens_tint: float
    hat_brim: float
    hat_height: float
    hat_red: float
    hat_green: float
    hat_blue: float
    collar: float
    cloth_red: float
    cloth_green: float
    cloth_blue: float
    cloth_stripes: float


STYLE: tuple[str, ...] = Style._fields
"""Names of the style numbers, in the order of Identity.style."""

SHAPE_NUMBERS = STYLE.index("skin_tone")


@dataclass(frozen=True, eq=False)
class Identity:
    """One person; everything that shows apart from motion, light, camera and background."""

    attributes: NDArray[np.bool_]
    """[26] in the order of ATTRIBUTES."""
    style: FloatArray
    """[79] float32 in [-1, 1], in the order of STYLE."""

    def has(self, attribute: str) -> bool:
        """Whether an attribute is on; UsageError for a name that is not in ATTRIBUTES."""
        if attribute not in ATTRIBUTES:
            raise UsageError(f"wanted one of {', '.join(ATTRIBUTES)}; got the attribute {attribute!r}")
        return bool(self.attributes[ATTRIBUTES.index(attribute)])

    def named_style(self) -> Style:
        return Style(*(float(value) for value in self.style))

    def vector(self) -> FloatArray:
        """[26 + 79] float32: the attributes as -1 or +1, then the style."""
        signs = np.where(self.attributes, 1.0, -1.0)
        return np.concatenate([signs, self.style]).astype(np.float32)


# Chances of the attributes, women and men: near one half of each where that is believable, so that an encoder sees
# every attribute with every other one.
CHANCES: dict[str, tuple[float, float]] = {
    "Eyeglasses": (0.30, 0.30),
    "Wavy_Hair": (0.40, 0.40),
    "Wearing_Hat": (0.15, 0.15),
    "Young": (0.65, 0.60),
    "Chubby": (0.28, 0.28),
    "Pale_Skin": (0.20, 0.20),
    "Rosy_Cheeks": (0.30, 0.25),
    "Wearing_Lipstick": (0.45, 0.15),
    "Heavy_Makeup": (0.42, 0.14),
    "Bushy_Eyebrows": (0.28, 0.35),
    "Big_Nose": (0.30, 0.32),
    "Big_Lips": (0.32, 0.28),
    "Narrow_Eyes": (0.28, 0.28),
    "Bags_Under_Eyes": (0.30, 0.32),
}
HAIR_CHANCES: dict[str, tuple[float, float]] = {
    "Bangs": (0.35, 0.25),
    "Receding_Hairline": (0.18, 0.40),
    "Long_Hair": (0.70, 0.25),
}
BALD_CHANCE = (0.06, 0.18)
FACIAL_HAIR = ((), ("Mustache",), ("Mustache",), ("Mustache",), ("Goatee",), ("Goatee", "Mustache"))


def sample_identity(rng: np.random.Generator) -> Identity:
    """Draw a person, attributes balanced and nearly independent of each other and of every style number."""
    style = rng.uniform(-1, 1, len(STYLE))
    style[:SHAPE_NUMBERS] = np.clip(rng.normal(0, 0.5, SHAPE_NUMBERS), -1, 1)
    sex = int(rng.random() < 0.5)
    attributes: set[str] = {"Male"} if sex else set()
    attributes |= {name for name, chance in CHANCES.items() if rng.random() < chance[sex]}
    attributes |= _sample_hair(rng, sex)
    facial_hair = FACIAL_HAIR[rng.integers(1, len(FACIAL_HAIR))] if sex and rng.random() < 0.55 else ()
    attributes |= set(facial_hair) if facial_hair else {"No_Beard"}
    flags = np.array([name in attributes for name in ATTRIBUTES])
    return Identity(flags, style.astype(np.float32))


def _sample_hair(rng: np.random.Generator, sex: int) -> set[str]:
    if rng.random() < BALD_CHANCE[sex]:
        return {"Bald"}
    colour = (*HAIR_COLOURS, "")[rng.choice(5, p=(0.23, 0.23, 0.23, 0.20, 0.11))]
    chosen = {name for name, chance in HAIR_CHANCES.items() if rng.random() < chance[sex]}
    if "Bangs" in chosen:
        chosen.discard("Receding_Hairline")  # nobody could see it
    return chosen | ({colour} if colour else set())
