"""The colours that skin, hair, eyes, make-up and frames are chosen from; linear light, 0 to 1."""

import numpy as np

from .compiled import Vec3


def linear(*rgb: int) -> Vec3:
    """Linear light from an sRGB colour given as three bytes."""
    red, green, blue = (float((value / 255) ** 2.2) for value in rgb)
    return red, green, blue


SKIN_TONES = (
    linear(240, 200, 176),
    linear(232, 186, 156),
    linear(218, 166, 130),
    linear(196, 140, 102),
    linear(160, 106, 72),
    linear(120, 78, 52),
    linear(84, 55, 38),
)
HAIR_TONES = {
    "Black_Hair": linear(24, 20, 20),
    "Brown_Hair": linear(88, 58, 38),
    "": linear(146, 68, 32),
    "Blond_Hair": linear(208, 168, 106),
    "Gray_Hair": linear(168, 165, 160),
}
"""In the order of the style number `under_hair`, from -1 to 1; red hair has no name."""
IRISES = (
    linear(52, 32, 20),
    linear(84, 52, 26),
    linear(110, 84, 40),
    linear(98, 116, 66),
    linear(104, 130, 140),
    linear(84, 128, 168),
)
LIPSTICKS = (linear(120, 18, 50), linear(178, 20, 40), linear(212, 44, 88), linear(214, 78, 70))
SHADOWS = (linear(52, 40, 92), linear(40, 84, 120), linear(110, 60, 110), linear(96, 52, 36), linear(34, 30, 34))
FRAMES = (
    linear(14, 13, 15),
    linear(66, 36, 22),
    linear(140, 104, 50),
    linear(136, 138, 144),
    linear(140, 24, 32),
    linear(24, 44, 104),
    linear(14, 13, 15),
)


def along(colours: tuple[Vec3, ...], where: float) -> Vec3:
    """A colour from a ramp; where runs from -1 (the first) to 1 (the last)."""
    position = (where + 1) / 2 * (len(colours) - 1)
    red, green, blue = (
        float(np.interp(position, range(len(colours)), channel)) for channel in zip(*colours, strict=True)
    )
    return red, green, blue


def shade_of(colour: Vec3, factor: float, warmth: float = 0.0) -> Vec3:
    """A brighter or darker, warmer or cooler version of a colour."""
    return colour[0] * factor * (1 + warmth), colour[1] * factor, colour[2] * factor * (1 - warmth)


def free_colour(red: float, green: float, blue: float) -> Vec3:
    """A cloth colour from three style numbers: dark ones are as common as bright ones."""
    r, g, b = (0.01 + 0.62 * ((value + 1) / 2) ** 2.2 for value in (red, green, blue))
    return r, g, b
