"""What an identity looks like: the numbers that the geometry and the shaders work with.

Colours are linear light, 0 to 1. Lengths are in head units (see head.py).
"""

from typing import NamedTuple

import numpy as np

from .colours import FRAMES, HAIR_TONES, IRISES, LIPSTICKS, SHADOWS, SKIN_TONES, along, free_colour, shade_of
from .compiled import Vec3
from .head import Shape
from .identity import HAIR_COLOURS, Identity, Style
from .noise import scale


class Features(NamedTuple):
    """Where the drawn parts of the face lie at rest."""

    eye_x: float
    eye_w: float
    eye_h: float
    eye_tilt: float
    hood: float
    brow_y: float
    brow_arch: float
    brow_thickness: float
    mouth_y: float
    mouth_w: float
    lip_upper: float
    lip_lower: float
    nose_y: float
    nose_w: float


class Skin(NamedTuple):
    colour: Vec3
    age: float
    rosy: float
    shine: float
    bags: float
    freckles: float


class Makeup(NamedTuple):
    lips: Vec3
    lip_gloss: float
    liner: float
    shadow: Vec3
    shadow_strength: float


class FacialHair(NamedTuple):
    """Strengths are 0 to 1."""

    colour: Vec3
    brows: Vec3
    """Bushy ones are darker than the beard."""
    brow_density: float
    beard: float
    chin_only: float
    mustache: float
    droop: float
    stubble: float


class Hair(NamedTuple):
    colour: Vec3
    gloss: float
    streaks: float
    curls: float
    """How far light falls and rises along it, from curl to curl; 0 where it is straight."""
    scalp: float
    """How much of the hair's colour the skin shows along the hairline; 0 under a hat."""


class Things(NamedTuple):
    frame: Vec3
    hat: Vec3
    peaked: float
    """0 knitted to 1 woven."""
    cloth: Vec3
    stripes: float


class Look(NamedTuple):
    """Everything a shader asks about a person."""

    features: Features
    skin: Skin
    iris: Vec3
    makeup: Makeup
    facial_hair: FacialHair
    hair: Hair
    things: Things
    texture: float
    """Offset into the noise: which pores and strands this person has."""


def shape_of(identity: Identity) -> Shape:
    """The bones and flesh of a person."""
    s = identity.named_style()
    male, old = float(identity.has("Male")), 1.0 - identity.has("Young")
    chubby, big_nose, big_lips = (float(identity.has(name)) for name in ("Chubby", "Big_Nose", "Big_Lips"))
    sex = male * 2 - 1
    resting_nose_y = -0.46 - 0.055 * s.nose_length
    nose_y = resting_nose_y - 0.015 * old - 0.035 * big_nose
    return Shape(
        head_w=1 + 0.06 * s.head_width + 0.01 * sex + 0.02 * chubby,
        face_w=1 + 0.06 * s.face_width + 0.12 * chubby,
        jaw_w=1 + 0.11 * s.jaw_width + 0.07 * sex + 0.16 * chubby + 0.04 * old,
        jaw_y=-0.70 - 0.05 * s.jaw_drop,
        chin_y=-1.12 - 0.09 * s.chin_length - 0.035 * sex,
        chin_z=0.05 * s.chin_forward + 0.01 * sex,
        chin_w=1 + 0.32 * s.chin_width + 0.22 * sex + 0.35 * chubby,
        cheekbone=1.1 * s.cheekbones,
        fat=0.45 * s.fullness + 2.4 * chubby - 0.15 * sex,
        nose_y=nose_y,
        nose_w=1 + 0.20 * s.nose_width + 0.06 * sex + 0.52 * big_nose,
        bridge_z=0.04 * s.nose_bridge + 0.012 * sex + 0.03 * big_nose,
        tip_z=0.96 + 0.05 * s.nose_tip + 0.012 * sex + 0.09 * big_nose,
        tip_up=0.032 * s.nose_upturn - 0.012 * sex,
        tip_r=0.083 + 0.010 * s.nose_width + 0.004 * sex + 0.040 * big_nose,
        eye_x=0.315 + 0.025 * s.eye_spacing,
        eye_depth=0.4 * sex + 0.3 * old + 0.55 * s.eye_depth,
        brow_y=0.185 + 0.03 * s.brow_height - 0.022 * sex,
        brow_ridge=0.35 * sex + 0.3 * s.eye_depth,
        mouth_y=-0.70 - 0.03 * s.mouth_height + 0.3 * (resting_nose_y + 0.46),
        mouth_w=0.264 + 0.028 * s.mouth_width + 0.008 * sex + 0.015 * big_lips,
        lip_upper=max(0.056 + 0.018 * s.upper_lip - 0.006 * sex + 0.046 * big_lips - 0.016 * old, 0.022),
        lip_lower=max(0.074 + 0.018 * s.lower_lip - 0.006 * sex + 0.056 * big_lips - 0.016 * old, 0.032),
        forehead=1.8 * s.forehead,
        cranium_h=1 + 0.05 * s.cranium,
        hollow=-0.9 * s.fullness + 1.0 * old - 1.8 * chubby,
    )


def look_of(identity: Identity, shape: Shape) -> Look:
    """The surface of a person."""
    s = identity.named_style()
    skin = _skin(identity, s)
    hair = _hair(identity, s)
    return Look(
        features=_features(identity, s, shape),
        skin=skin,
        iris=shade_of(along(IRISES, s.eye_hue), 1.15 + 0.35 * s.eye_light),
        makeup=_makeup(identity, s, skin.colour),
        facial_hair=_facial_hair(identity, s, hair.colour, skin.colour),
        hair=hair,
        things=Things(
            frame=shade_of(along(FRAMES, s.glasses_hue), 1.0 + 0.6 * s.glasses_light),
            hat=free_colour(s.hat_red, s.hat_green, s.hat_blue),
            peaked=float(np.clip((s.hat_brim + 0.45) / 0.3, 0, 1)),
            cloth=free_colour(s.cloth_red, s.cloth_green, s.cloth_blue),
            stripes=max(s.cloth_stripes - 0.3, 0.0),
        ),
        texture=20.0 + 19.0 * s.texture,
    )


def _features(identity: Identity, s: Style, shape: Shape) -> Features:
    sex, old = identity.has("Male") * 2.0 - 1, 1.0 - identity.has("Young")
    narrow, bushy = identity.has("Narrow_Eyes"), identity.has("Bushy_Eyebrows")
    return Features(
        eye_x=shape.eye_x,
        eye_w=0.152 + 0.013 * s.eye_width + 0.004 * narrow,
        eye_h=max(1.04 + 0.20 * s.eye_opening - 0.06 * sex - 0.48 * narrow - 0.06 * old, 0.40),
        eye_tilt=0.05 + 0.10 * s.eye_tilt + 0.02 * narrow,
        hood=0.8 * max(-0.7 * s.eye_opening + 0.8 * old + 0.5 * narrow, 0.0),
        brow_y=shape.brow_y,
        brow_arch=0.10 + 0.06 * s.brow_arch - 0.025 * sex,
        brow_thickness=0.030 + 0.007 * s.brow_thickness + 0.006 * sex + 0.048 * bushy,
        mouth_y=shape.mouth_y,
        mouth_w=shape.mouth_w,
        lip_upper=shape.lip_upper,
        lip_lower=shape.lip_lower,
        nose_y=shape.nose_y,
        nose_w=shape.nose_w,
    )


def _skin(identity: Identity, s: Style) -> Skin:
    light = identity.has("Pale_Skin")
    where = (s.skin_tone + 1) / 2
    tone = 0.06 * where if light else 0.16 + 0.84 * where
    old = 1.0 - identity.has("Young")
    return Skin(
        colour=shade_of(along(SKIN_TONES, 2 * tone - 1), 1.0, 0.06 * s.skin_warmth),
        age=(0.95 + 0.25 * s.wrinkles) * old + (1 - old) * 0.06 * (1 + s.wrinkles),
        rosy=1.0 * identity.has("Rosy_Cheeks") + 0.08 * (s.flush + 1) + 0.2 * identity.has("Heavy_Makeup"),
        shine=0.6 + 0.4 * s.skin_shine,
        bags=1.0 * identity.has("Bags_Under_Eyes") + 0.2 * old,
        freckles=max(s.freckles - 0.5, 0.0) * 2.0,
    )


def _makeup(identity: Identity, s: Style, skin: Vec3) -> Makeup:
    heavy, lipstick = float(identity.has("Heavy_Makeup")), identity.has("Wearing_Lipstick")
    depth = 1 - 0.14 * (s.lip_depth + 1)
    bare = skin[0] * 0.92 * depth, skin[1] * 0.60 * depth, skin[2] * 0.62 * depth
    paint = shade_of(along(LIPSTICKS, s.lipstick_hue), 1.0 + 0.35 * s.lipstick_depth)
    lips = tuple(0.12 * b + 0.88 * p for b, p in zip(bare, paint, strict=True)) if lipstick else bare
    return Makeup(
        lips=(lips[0], lips[1], lips[2]),
        lip_gloss=0.12 if lipstick else 0.04,
        liner=0.12 + 0.88 * heavy,
        shadow=along(SHADOWS, s.shadow_hue),
        shadow_strength=0.78 * heavy,
    )


def _facial_hair(identity: Identity, s: Style, hair: Vec3, skin: Vec3) -> FacialHair:
    """Brows and beard are darker than the hair, and never lighter than the skin they stand on."""
    brown = HAIR_TONES["Brown_Hair"]
    colour = tuple(
        min((0.6 * h + 0.4 * min(h, b)) * (1 + 0.25 * s.brow_shade), 0.60 * k + 0.01)
        for h, b, k in zip(hair, brown, skin, strict=True)
    )
    shaven, goatee, mustache = (identity.has(name) for name in ("No_Beard", "Goatee", "Mustache"))
    full = 0.0 if goatee else (float(np.clip(0.5 + 2.5 * s.beard_cover, 0, 1)) if mustache else 1.0)
    bearded = 0.0 if shaven else max(full, float(goatee))
    bushy = identity.has("Bushy_Eyebrows")
    return FacialHair(
        colour=(colour[0], colour[1], colour[2]),
        brows=scale((colour[0], colour[1], colour[2]), 1 - 0.45 * bushy),
        brow_density=min(0.72 + 0.12 * s.brow_thickness + 0.25 * bushy, 0.97),
        beard=0.94 * bearded,
        chin_only=float(goatee),
        mustache=0.95 * mustache,
        droop=(s.mustache_droop + 1) / 2,
        stubble=identity.has("Male") * max(0.10 + 0.35 * s.stubble, 0.0),
    )


def _hair(identity: Identity, s: Style) -> Hair:
    if identity.has("Bald"):
        base = along(tuple(HAIR_TONES.values()), s.under_hair)
    else:
        base = HAIR_TONES[next((name for name in HAIR_COLOURS if identity.has(name)), "")]
    return Hair(
        colour=shade_of(base, 1 + 0.28 * s.hair_shade, 0.10 * s.hair_warmth),
        gloss=0.5 + 0.3 * s.hair_gloss,
        streaks=0.10 * identity.has("Gray_Hair"),
        curls=1.0 * identity.has("Wavy_Hair"),
        scalp=1.0,
    )
