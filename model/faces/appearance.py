"""What a face looks like: who the identity encoder says it is, and which colours the head has."""

from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray

from ..metrics.recognise import Recogniser
from ..types import ByteArray, FloatArray
from .align import crop_from_frame, quads_from_landmarks

SIDE = 64
"""Pixels of the crop whose colours are counted."""
BINS = (6, 12, 12)
"""Of the histogram over lightness and the two colour axes of CIELAB."""
COLOUR_RANGE = (64, 192)
"""Codes of the colour axes between which faces and hair lie; beyond, there are no bins."""


@dataclass
class Appearance:
    """The sum of several looks at one face."""

    looks: int = 0
    colours: NDArray[np.float64] = field(default_factory=lambda: np.zeros(int(np.prod(BINS))))
    """Square roots of histograms, summed: their scalar product is Bhattacharyya's coefficient."""
    identity: NDArray[np.float64] | None = None
    """[D] unit embeddings, summed; None without a recogniser."""

    def __add__(self, other: "Appearance") -> "Appearance":
        both = [z for z in (self.identity, other.identity) if z is not None]
        total = np.sum(both, axis=0) if both else None
        return Appearance(self.looks + other.looks, self.colours + other.colours, total)

    def own_likeness(self) -> float:
        """Mean cosine between two looks at this face; NaN where there are fewer than two, or no recogniser."""
        if self.identity is None or self.looks < 2:
            return float("nan")
        return float((self.identity @ self.identity - self.looks) / (self.looks * (self.looks - 1)))


def cosine(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """-1 to 1; 0 for a vector of zeros."""
    return float(one @ other / max(np.linalg.norm(one) * np.linalg.norm(other), 1e-12))


def look(image: ByteArray, landmarks: FloatArray, recogniser: Recogniser | None) -> Appearance:
    """Look once at the face with these landmarks [5, 2] in a frame [H, W, 3]."""
    (quad,) = quads_from_landmarks(landmarks[None], 0, 0)
    colours = _colours(_crop(image, quad, SIDE))
    if recogniser is None:
        return Appearance(1, colours)
    return Appearance(1, colours, _embed(_crop(image, quad, recogniser.resolution), recogniser))


def _crop(image: ByteArray, quad: FloatArray, side: int) -> ByteArray:
    return np.clip(np.rint(crop_from_frame(image, quad, side)), 0, 255).astype(np.uint8)


def _colours(crop: ByteArray) -> NDArray[np.float64]:
    """Square root of the histogram of the crop's inscribed circle, so that corners with background do not count."""
    import cv2  # noqa: PLC0415 - heavy

    inside = cv2.circle(np.zeros((SIDE, SIDE), np.uint8), (SIDE // 2, SIDE // 2), SIDE // 2 - 2, 1, -1)
    codes = cv2.cvtColor(crop, cv2.COLOR_RGB2LAB)
    counts = cv2.calcHist([codes], [0, 1, 2], inside, list(BINS), [0, 256, *COLOUR_RANGE, *COLOUR_RANGE])
    return np.sqrt(counts.ravel().astype(np.float64) / max(float(counts.sum()), 1.0))


@torch.inference_mode()
def _embed(crop: ByteArray, recogniser: Recogniser) -> NDArray[np.float64]:
    signed = torch.from_numpy(crop).permute(2, 0, 1)[None].float() / 127.5 - 1
    z = recogniser.embed(signed)[0].double().cpu().numpy()
    return z / max(float(np.linalg.norm(z)), 1e-12)
