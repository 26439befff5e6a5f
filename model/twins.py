"""Frames that are the same, so that the network sees each once: held drawings, stills, repeated frames."""

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from .files import tensor_bytes


@dataclass(frozen=True)
class Twins:
    """Frames sorted into groups of equals."""

    firsts: NDArray[np.intp]
    """[m] the first frame of every group, rising."""
    _rows: NDArray[np.intp]
    """[n] all frames, group by group."""
    _begins: NDArray[np.intp]
    """[m + 1] where in `_rows` each group begins."""

    @classmethod
    def among(cls, frames: NDArray[np.intp], *parts: Tensor) -> "Twins":
        """Group frames [n] that are equal in all parts, byte by byte. parts: [T, ...] each, on the CPU.

        Compared by a digest of 128 bits, so that the parts of a long clip pass through memory one frame at a time.
        """
        group_of: dict[bytes, int] = {}
        groups = np.zeros(len(frames), np.intp)
        for i, frame in enumerate(frames.tolist()):
            digest = hashlib.blake2b(digest_size=16)
            for part in parts:
                digest.update(tensor_bytes(part[frame]))
            groups[i] = group_of.setdefault(digest.digest(), len(group_of))
        order = np.argsort(groups, kind="stable")
        begins = np.searchsorted(groups[order], np.arange(len(group_of) + 1))
        rows = frames[order]
        return cls(rows[begins[:-1]], rows, begins)

    def of(self, first: int, count: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """For the groups first, first + 1, ... the frames in them [n], and which of the groups each is of [n]."""
        begins = self._begins[first : first + count + 1]
        return self._rows[begins[0] : begins[-1]], np.repeat(np.arange(count), np.diff(begins))
