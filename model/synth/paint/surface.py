"""What a painter is told about one place, and what it answers."""

from typing import NamedTuple

from ..compiled import Vec3, compiled
from ..expression import Mouth
from ..motion import Expression


class Spot(NamedTuple):
    """One place on a surface."""

    at: Vec3
    """Where it is, in head space, deformed by the expression."""
    rest: Vec3
    """Where it was before expression and beard: what is fixed to the skin is drawn here."""
    clip: float
    """Distance inside the hairline."""
    u: float
    v: float


class Pose(NamedTuple):
    """The moment at which a head is painted."""

    expression: Expression
    mouth: Mouth
    row_x: Vec3
    """The rows of the head's rotation."""
    row_y: Vec3
    row_z: Vec3
    light_side: float
    """-1 or 1: on which side of the eyes the key light glints."""


class Paint(NamedTuple):
    """A surface, ready to be lit."""

    colour: Vec3
    normal: Vec3
    gloss: float
    sharpness: float
    wrap: Vec3
    """How far light reaches past the terminator, per colour: blood makes it reach furthest in red."""
    glow: float
    """Added on top of all light."""
    label: int
    """A class of PARSING."""


@compiled
def cover(paint: Paint, colour: Vec3, share: float) -> Paint:
    """Lay a matt colour over part of the surface."""
    rest = 1 - share
    old = paint.colour
    mixed = (
        old[0] * rest + colour[0] * share,
        old[1] * rest + colour[1] * share,
        old[2] * rest + colour[2] * share,
    )
    return Paint(mixed, paint.normal, paint.gloss * rest, paint.sharpness, paint.wrap, paint.glow, paint.label)


@compiled
def darken(paint: Paint, red: float, green: float, blue: float) -> Paint:
    """Multiply the colour."""
    colour = (paint.colour[0] * red, paint.colour[1] * green, paint.colour[2] * blue)
    return Paint(colour, paint.normal, paint.gloss, paint.sharpness, paint.wrap, paint.glow, paint.label)


@compiled
def relabel(paint: Paint, label: int) -> Paint:
    return Paint(paint.colour, paint.normal, paint.gloss, paint.sharpness, paint.wrap, paint.glow, label)
