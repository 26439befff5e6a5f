"""One array a frame, of a clip of any length: held, mapped from a file, or worked out when it is asked for."""

from collections.abc import Callable
from typing import Any, Protocol

from numpy.typing import NDArray

BLOCK = 32
"""Frames that are worked out together."""


class Rows(Protocol):
    """What a numpy array [T, ...] is too."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> NDArray[Any]: ...


class ComputedRows:
    """Rows that are made a block at a time and not kept: frames in order cost one block of memory.

    Each row depends on the rows that lie up to `support` frames away, so that blocks give what the whole clip would.
    """

    def __init__(self, compute: Callable[[slice], NDArray[Any]], length: int, support: int) -> None:
        """compute: the rows of a range of frames, from these frames alone."""
        self._compute, self._length, self._support = compute, length, support
        self._held: tuple[int, NDArray[Any]] | None = None

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: int, /) -> NDArray[Any]:
        first = index // BLOCK * BLOCK
        if self._held is None or self._held[0] != first:
            begin = max(0, first - self._support)
            wide = self._compute(slice(begin, min(self._length, first + BLOCK + self._support)))
            self._held = first, wide[first - begin :][:BLOCK]
        return self._held[1][index - first]
