"""Hair: a shell grown from the head inside the hairline, and a curtain where it is long."""

from dataclasses import dataclass

import numpy as np

from ..types import FloatArray
from .head import Shape
from .identity import Identity, Style
from .mesh import AZIMUTH, HAIR, MeshBuilder, grid, ripple, shell, step, textured, touching
from .noise import ROWS, crest

BALD_CROWN = 3.0
"""A hairline above every head."""
UNDER_HAT = 0.36
"""Height from which a hat presses the hair down."""


@dataclass(frozen=True)
class Haircut:
    """The choices of an identity that shape its hair; lengths in head units."""

    style: Style
    bangs: bool
    bald: bool
    wavy: bool
    long: bool
    hat: bool
    receding: float
    male: float
    phase: float
    """Where the locks lie."""
    waves: float
    """Where the slow ripple under the curls lies. For `curl` alone to say: synth/toggling.py settles how curls come."""

    @property
    def volume(self) -> float:
        """Thickness on the crown."""
        if self.bald:
            return 0.01
        full = (0.115 + 0.055 * self.style.hair_volume) * (1 - 0.25 * self.male)
        full += 0.10 * self.wavy + 0.02 * self.long
        return min(full, 0.05) if self.hat else full


def haircut_of(identity: Identity) -> Haircut:
    bald = identity.has("Bald")
    style = identity.named_style()
    wavy = identity.has("Wavy_Hair") and not bald
    return Haircut(
        style=style,
        bangs=identity.has("Bangs") and not bald,
        bald=bald,
        wavy=wavy,
        long=identity.has("Long_Hair") and not bald,
        hat=identity.has("Wearing_Hat"),
        receding=float(identity.has("Receding_Hairline") and not identity.has("Bangs")),
        male=float(identity.has("Male")),
        phase=3.0 * style.texture,
        waves=3.0 * (style.curl if wavy else style.texture),
    )


def inside_hairline(cut: Haircut, points: FloatArray) -> FloatArray:
    """[V] how far inside the hair each point of the skin [V, 3] lies; negative on bare skin."""
    s, y, around = cut.style, points[:, 1], np.abs(AZIMUTH)
    front = 0.79 - 0.06 * s.hairline + 0.17 * cut.receding
    back = cut.receding
    angles = np.radians([0, 20, 38, 55, 68, 78, 84, 97, 112, 180])
    temple = 0.30 + 0.04 * s.hairline + 0.06 * back
    burns = -0.10 - 0.13 * s.sideburns - 0.08 * cut.male
    heights = [front, front + 0.01 + 0.04 * back, front - 0.03 + 0.09 * back, front - 0.16 + 0.12 * back, temple]
    line = np.interp(around, angles, [*heights, burns + 0.08, burns, -0.02, -0.62, -0.66])
    if cut.bald:
        line = np.where(around < np.radians(86), BALD_CROWN, np.maximum(line, -0.6))
        return np.minimum(y - line, 0.24 - y)
    if cut.bangs:
        fringe = 0.31 + 0.06 * s.fringe_height + 0.14 * s.fringe_slant * np.sin(AZIMUTH)
        share = step(np.radians(34), np.radians(58), around)
        line = np.where(around < np.radians(58), fringe + (line - fringe) * share, line)
    return y - line + 0.05 * s.hair_sweep * np.sin(AZIMUTH) + 0.018 * ripple(points, 9, cut.phase)


def hair_thickness(cut: Haircut, points: FloatArray, inside: FloatArray) -> FloatArray:
    """[V] distance from the skin to the outside of the hair."""
    s, y = cut.style, points[:, 1]
    top = step(0.25, 0.95, y)
    sides = 0.48 + 0.36 * cut.long + 0.24 * s.hair_length
    lifted = step(0.2, 0.7, points[:, 2])
    rising = step(-0.03, 0.14 if cut.bangs else 0.24 + 0.26 * (1 - lifted), inside)
    thick = cut.volume * rising * (sides + (1.25 - sides) * top)
    lift = step(0.1, 0.8, points[:, 2]) * step(0.45, 0.85, y) * (1 - cut.bald) * (1 - cut.hat)
    thick = thick + 0.07 * (1 + s.hair_lift) * lift * rising * (0 if cut.bangs else 1)
    wave = 0.16 + 0.20 * cut.wavy
    thick = thick * (1 + wave * ripple(points, 6 + 4 * cut.wavy + s.curl, cut.waves) + 0.16 * _strands(cut, points))
    if cut.wavy:
        thick = thick * (1 + 0.24 * _crests(y))
    if not (cut.bangs or cut.bald or cut.hat):
        parting = np.exp(-(((points[:, 0] - 0.32 * s.hair_part) / 0.05) ** 2)) * step(0.1, 0.6, y)
        thick = thick * (1 - 0.55 * parting * step(-0.2, 0.3, points[:, 2]))
    if cut.bangs:
        around = np.abs(AZIMUTH)
        thick = thick + 0.035 * step(0, 0.06, inside) * step(np.radians(62), np.radians(40), around)
    if cut.hat:
        thick = np.where(y > UNDER_HAT, np.minimum(thick, 0.05), thick)  # pressed down, or it would grow through
    return np.maximum(thick + 0.012, 0.004)


def _strands(cut: Haircut, points: FloatArray) -> FloatArray:
    """Locks that run down and outwards from the parting, in -1..1."""
    u, v = flow(cut, points)
    return 0.6 * np.sin(u * 15 + 2.0 * np.sin(v * 4 + cut.phase)) + 0.4 * np.sin(u * 27 + v * 5 + 2 * cut.phase)


def flow(cut: Haircut, points: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Coordinates across and along the hair."""
    s = cut.style
    x, y, z = points.T
    across = np.arctan2(x - 0.12 * s.hair_part * step(0.2, 0.9, y), z + 0.12) * 1.2 + 0.25 * s.hair_sweep * y
    if cut.wavy:
        across = across + 0.16 * np.sin(ROWS * y)
    return across, y - 0.5 * z


def _crests(y: FloatArray) -> FloatArray:
    """The height of each place of the hair among its curls, -1 to 1: they stand out where they are painted light."""
    return np.asarray(np.vectorize(crest, otypes=[float])(y))


def add_hair(mesh: MeshBuilder, cut: Haircut, radii: FloatArray, skin: FloatArray, shape: Shape) -> None:
    """Put the hair on a head whose skin [V, 3] lies at these radii."""
    inside = inside_hairline(cut, skin)
    points = shell(radii + hair_thickness(cut, skin, inside))
    clip = inside * 1.6
    if cut.hat:
        clip = np.minimum(clip, (0.52 - skin[:, 1]) * 3 + 0.4)
    mesh.add(points, touching(inside > -0.2), HAIR, textured(points, clip, *flow(cut, skin)))
    if cut.long:
        _add_curtain(mesh, cut, shape)


def _add_curtain(mesh: MeshBuilder, cut: Haircut, shape: Shape) -> None:
    """Long hair behind and beside the face, from the crown to its tips."""
    rows, columns = 36, 73
    s, wavy = cut.style, float(cut.wavy)
    start = np.radians(60 + 9 * s.hair_part)
    down, across = np.linspace(0, 1, rows)[:, None], np.linspace(-1, 1, columns)[None]
    around = np.pi + across * (np.pi - start)
    tips = -1.20 - 0.60 * (s.hair_length + 1) / 2
    y = 0.55 + (tips - 0.55) * down + 0 * around
    width = (0.70 * shape.head_w + cut.volume * 1.1 + 0.05) * (0.80 + 0.20 * step(0, 0.28, down))
    width = width + 0.10 * step(0.3, 1, down) * (1 + s.hair_volume) * 0.7 - 0.05 * step(0.35, 0.8, down)
    wave = 0.010 * np.sin(y * 8.5 + 2.2 * np.sin(around * 3 + cut.waves)) + 0.085 * wavy * _crests(y)
    wave = wave * step(0.2, 0.6, down) + 0.014 * np.sin(around * 31 + 2 * np.sin(y * 3))
    sine = np.sign(np.sin(around)) * np.abs(np.sin(around)) ** 0.75
    depth = (0.86 + cut.volume) * np.where(np.cos(around) > 0, 0.62, 1.0) + wave
    points = np.stack([(width + wave) * sine, y, -0.12 + depth * np.cos(around)], -1).reshape(-1, 3)
    points += ripple(points, 5, cut.phase)[:, None] * np.array([0.03, 0, 0.03])
    edge = (1 - np.abs(across)) * (np.pi - start) * 1.2 - 0.02 + 0 * down
    clip = np.minimum(edge, (1 - down) * 1.5 - 0.08 + 0 * across)
    u = around * 1.2 + 0.16 * wavy * np.sin(ROWS * y)
    mesh.add(points, grid(rows, columns), HAIR, textured(points, clip.reshape(-1), u.reshape(-1), y.reshape(-1) * 0.8))
