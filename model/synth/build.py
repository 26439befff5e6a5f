"""From an identity to a head that can be drawn."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..types import FloatArray
from .accessories import add_glasses, add_hat
from .body import add_body, add_ears
from .hair import add_hair, haircut_of, inside_hairline
from .head import solve_radii
from .identity import Identity, Style
from .landmarks import jaw_vertices
from .looks import Look, look_of, shape_of
from .mesh import AZIMUTH, DIRECTIONS, HEAD_GRID, SKIN, Mesh, MeshBuilder, ripple, shell, step, textured


@dataclass(frozen=True, eq=False)
class Head:
    """One person, built once and drawn many times."""

    look: Look
    mesh: Mesh
    face_count: int
    """The first vertices are the skin of the head, which expressions deform."""
    rigid_count: int
    """The first vertices move with the skull; neck and shoulders follow."""
    lenses: list[FloatArray]
    """Outlines [49, 3] of the lenses; none without glasses."""
    lens_tint: float
    """0 clear to 1 dark."""
    jaw: NDArray[np.int64]
    """[17] vertices of the jaw line, from the left of the picture to the right."""


def build_head(identity: Identity) -> Head:
    """Solve the surface of a head and dress it; about a twentieth of a second."""
    shape, style = shape_of(identity), identity.named_style()
    look = look_of(identity, shape)
    radii = solve_radii(DIRECTIONS, shape)
    skin = shell(radii)
    skin[:, 0] += 0.012 * style.asymmetry * np.sin(skin[:, 1] * 3)
    cut = haircut_of(identity)
    mesh = MeshBuilder()
    bearded = skin + DIRECTIONS * _beard_thickness(skin, look, style)[:, None]
    mesh.add(bearded, HEAD_GRID, SKIN, textured(skin, clip=inside_hairline(cut, skin)))
    add_hair(mesh, cut, radii, skin, shape)
    if not cut.long:
        add_ears(mesh, style, shape)
    lenses = add_glasses(mesh, style, shape) if identity.has("Eyeglasses") else []
    if cut.hat:
        add_hat(mesh, style, radii, skin)
    rigid_count = mesh.count
    add_body(mesh, identity)
    tint = float(step(0.7, 0.85, np.asarray(style.lens_tint)))
    return Head(look, mesh.build(), len(skin), rigid_count, lenses, tint, jaw_vertices(skin, look.features))


def _beard_thickness(skin: FloatArray, look: Look, style: Style) -> FloatArray:
    """[V] how far a full beard or goatee stands off the skin."""
    hair, mouth_y = look.facial_hair, look.features.mouth_y
    if hair.beard == 0:
        return np.zeros(len(skin))
    x, y, z = skin.T
    around = np.arctan2(np.abs(x), z)
    line = np.minimum(-0.10 - (1.25 - around) * 0.62, -0.12)
    line = np.where(np.abs(x) < 0.34, np.minimum(line, mouth_y + 0.04), line)
    grown = step(line + 0.06, line - 0.1, y) * step(1.5, 1.2, around)
    grown = grown * step(0.8, 1.5, (x / 0.28) ** 2 + ((y - mouth_y) / 0.12) ** 2)
    grown = grown * (1 - hair.chin_only * (1 - step(0.32, 0.2, np.abs(x))))
    length = (0.03 + 0.035 * (style.beard_length + 1)) * (1 + 0.6 * step(-0.9, -1.2, y))
    return hair.beard * grown * length * (1 + 0.3 * ripple(skin, 14, style.texture)) * (np.abs(AZIMUTH) < 2)
