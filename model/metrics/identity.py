"""Whose face it is, and whether it stays the same: figures on embeddings of a judge's face recogniser.

A clip's embeddings are [T, D], one row a frame, of any length; rows of frames without a face are NaN and do not count.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..types import FloatArray


def tl_id(edited: FloatArray, source: FloatArray) -> float:
    """Local consistency: mean cosine of adjacent frames, divided by the source's own (Tzaban et al. 2022, section 4.2).

    1 means that neighbours are as alike as in the source, below 1 that the face flickers, above 1 that it moves less
    than the source. NaN where no two adjacent frames have a face in both clips.
    """
    return _ratio(_adjacent(edited, _both(edited, source)), _adjacent(source, _both(edited, source)))


def tg_id(edited: FloatArray, source: FloatArray) -> float:
    """Global consistency: mean cosine over all pairs of frames, divided by the source's own (same section).

    1 means that the person drifts no more over the clip than in the source. NaN where fewer than two frames have a
    face.
    """
    return _ratio(_all_pairs(edited, _both(edited, source)), _all_pairs(source, _both(edited, source)))


def identity_cosine(edited: FloatArray, source: FloatArray) -> float:
    """Cosine between the clips' mean embeddings, -1 to 1: whether it is still the same person.

    IP-FaceDiff (section 5.3) averages over frames likewise; its tables print 1 - cosine.
    """
    here = _both(edited, source)
    if not here.any():
        return float("nan")
    return float(unit(edited[here].mean(0)) @ unit(source[here].mean(0)))


def identity_curve(edited: FloatArray, source: FloatArray) -> FloatArray:
    """[T] cosine between the same frame of both clips; NaN where either has no face."""
    return (unit(edited) * unit(source)).sum(1)


def steadiness(edited: FloatArray, source: FloatArray) -> FloatArray:
    """[T] how much nearer each edited frame is to its clip's mean than the source's frame is to the source's.

    A turned head lies far from the mean in both clips and gives 0; a frame that an edit made look like somebody else,
    or that was left unedited, falls below 0.
    """
    here = _both(edited, source)
    if not here.any():
        return np.full(len(edited), np.nan)
    near = [unit(z) @ unit(np.median(unit(z[here]), axis=0)) for z in (edited, source)]
    return near[0] - near[1]


@dataclass(frozen=True)
class Retrieval:
    """How often, and how well, a clip is found again among others."""

    recall_at_1: float
    mean_reciprocal_rank: float


def retrieval(queries: FloatArray, gallery: FloatArray, truth: NDArray[np.integer]) -> Retrieval:
    """Look every query up in a gallery by Euclidean distance (IP-FaceDiff, section 5.3).

    queries: [N, D] mean embeddings of edited clips. gallery: [M, D] of original clips. truth: [N] the right row of
    each. Both figures are in (0, 1], 1 is best. An equally near stranger counts as nearer.
    """
    distance = np.linalg.norm(queries[:, None] - gallery[None], axis=2)
    right = distance[np.arange(len(queries)), truth]
    rank = (distance <= right[:, None]).sum(1)
    return Retrieval(float((rank == 1).mean()), float((1 / rank).mean()))


def unit(z: FloatArray) -> FloatArray:
    """Rows scaled to length 1."""
    return z / np.maximum(np.linalg.norm(z, axis=-1, keepdims=True), 1e-12)


def _both(edited: FloatArray, source: FloatArray) -> NDArray[np.bool_]:
    return np.isfinite(edited.sum(axis=1) + source.sum(axis=1))


def _adjacent(z: FloatArray, here: NDArray[np.bool_]) -> float:
    pairs = np.flatnonzero(here[:-1] & here[1:])
    cosine = (unit(z[pairs]) * unit(z[pairs + 1])).sum(1)
    return float(cosine.mean()) if len(pairs) else float("nan")


def _all_pairs(z: FloatArray, here: NDArray[np.bool_]) -> float:
    """The sum over pairs of unit vectors is half of what the square of their sum has beyond its diagonal."""
    n = int(here.sum())
    total = unit(z[here].astype(np.float64)).sum(0)
    return float((total @ total - n) / (n * (n - 1))) if n > 1 else float("nan")


def _ratio(edited: float, source: float) -> float:
    return edited / source if source else float("nan")
