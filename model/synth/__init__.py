"""Faces from code alone: pictures with exact parsing maps, landmarks and attributes, and no photograph of anybody.

    rng = np.random.default_rng(0)
    identity = sample_identity(rng)
    rendering = render(build_head(identity), sample_motion(rng), sample_scene(rng), size=64)

Everything visible is in the identity's vector, the motion and the scene; the same three give the same picture, and
`toggle` gives the same person with one attribute changed.
"""

from .build import Head, build_head
from .identity import ATTRIBUTES, EXCLUSIVE, STYLE, Identity, sample_identity
from .motion import Motion, sample_motion, talking
from .parsing import PARSING
from .render import Rendering, render, render_frame
from .scene import Scene, sample_scene
from .toggling import brings, can_toggle, entailed, toggle

__all__ = [
    "ATTRIBUTES",
    "EXCLUSIVE",
    "PARSING",
    "STYLE",
    "Head",
    "Identity",
    "Motion",
    "Rendering",
    "Scene",
    "brings",
    "build_head",
    "can_toggle",
    "entailed",
    "render",
    "render_frame",
    "sample_identity",
    "sample_motion",
    "sample_scene",
    "talking",
    "toggle",
]
