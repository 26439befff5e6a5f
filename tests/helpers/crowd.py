"""Clips of several rendered people whose places are known."""

from collections.abc import Callable

import numpy as np

from dva.model.synth import build_head, render_frame, sample_identity, sample_scene, talking
from dva.model.types import ByteArray

Path = Callable[[int], float]
"""Frame -> x of the middle of a head's cut-out, in pixels."""
SIDE = 170
"""Of the square in which a head is rendered."""


class Head:
    """A rendered person who talks, cut out: [T, SIDE, SIDE, 3] and where it is not background."""

    def __init__(self, seed: int, frames: int) -> None:
        rng = np.random.default_rng(seed)
        head, scene = build_head(sample_identity(rng)), sample_scene(np.random.default_rng(1))
        seen = [render_frame(head, motion, scene, SIDE, SIDE, 0.42 * SIDE) for motion in talking(rng, frames, 25.0)]
        self.images: ByteArray = np.stack([rendering.image for rendering in seen])
        self.inside = np.stack([rendering.parsing > 0 for rendering in seen])


def crowd(people: list[tuple[Head, Path]], frames: int, height: int = 200, width: int = 480) -> ByteArray:
    """[T, H, W, 3]: every head on its path before a grey wall; a later one covers the earlier ones."""
    clip = np.full((frames, height, width, 3), (112, 116, 120), np.uint8)
    clip[:, ::16] -= 10
    for head, path in people:
        for t in range(frames):
            left, top = round(path(t) - SIDE / 2), (height - SIDE) // 2
            first, last = max(left, 0), min(left + SIDE, width)
            if first >= last:
                continue
            cut = slice(first - left, last - left)
            window = clip[t, top : top + SIDE, first:last]
            inside = head.inside[t % len(head.images)][:, cut]
            window[inside] = head.images[t % len(head.images)][:, cut][inside]
    return clip
