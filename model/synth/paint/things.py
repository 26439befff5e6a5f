"""Hair, cloth, glasses and hats."""

import math

from ..compiled import Vec3, compiled
from ..looks import Look
from ..noise import crest, scale, smoothstep, value_noise
from ..parsing import IN_CLOTH, IN_EYEGLASSES, IN_HAIR, IN_HAT
from .surface import Paint, Spot


@compiled
def strand_tone(spot: Spot, texture: float) -> float:
    """Brightness of the single strand, 0 to 1; the gloss follows it too."""
    return value_noise(spot.u * 55 + texture, spot.v * 2.6, 2.0)


@compiled
def paint_hair(spot: Spot, normal: Vec3, look: Look) -> Paint:
    o = look.texture
    lock = value_noise(spot.u * 16 + o, spot.v * 1.6, 1.0)
    strand = strand_tone(spot, o)
    mass = value_noise(spot.u * 4 + o, spot.v * 2.0, 5.0) - 0.5
    light = (0.46 + 0.50 * lock + 0.40 * strand + 0.30 * mass) * (0.70 + 0.30 * smoothstep(-0.02, 0.16, spot.clip))
    row = crest(spot.rest[1])
    light *= 1 + look.hair.curls * (0.7 * row - 0.1)
    grey = 0.25 * look.hair.streaks * smoothstep(0.5, 0.8, strand) + 0.045 * look.hair.curls * max(row, 0.0) ** 2
    c = look.hair.colour
    colour = (c[0] * light + grey, c[1] * light + grey, c[2] * light + grey)
    bent = (normal[0] + 0.55 * (lock - 0.5) + 0.4 * (strand - 0.5), normal[1] + 0.35 * mass, normal[2])
    return Paint(colour, bent, 0.0, 18.0, (0.25, 0.25, 0.25), 0.0, IN_HAIR)


@compiled
def paint_cloth(spot: Spot, normal: Vec3, look: Look) -> Paint:
    x, y, z = spot.rest
    folds = value_noise(x * 4 + look.texture, y * 3, z * 4)
    weave = value_noise(x * 50, y * 50 + look.texture, z * 50)
    light = 0.75 + 0.3 * folds + 0.2 * weave
    stripe = 1.0 if math.sin(y * 40 * (0.6 + look.things.stripes)) > 0 else 0.0
    light *= 1 - look.things.stripes * (1 - stripe)
    bent = (normal[0] + 0.5 * (folds - 0.5), normal[1], normal[2])
    return Paint(scale(look.things.cloth, light), bent, 0.02, 18.0, (0.42, 0.42, 0.42), 0.0, IN_CLOTH)


@compiled
def paint_frame(normal: Vec3, look: Look) -> Paint:
    return Paint(look.things.frame, normal, 0.45, 40.0, (0.1, 0.1, 0.1), 0.0, IN_EYEGLASSES)


@compiled
def paint_hat(spot: Spot, normal: Vec3, look: Look) -> Paint:
    weave = value_noise(spot.u * 60 + look.texture, spot.v * 60, 1.0)
    rib = 0.12 * math.sin(spot.u * 60) * (1 - look.things.peaked)
    light = 0.85 + 0.2 * weave + rib
    return Paint(scale(look.things.hat, light), normal, 0.02, 18.0, (0.3, 0.3, 0.3), 0.0, IN_HAT)
