"""Memory of one evaluation of the network, kept for the next.

glibc gives every block above some megabytes back to the system at once, and the system clears each page anew when the
next evaluation asks for the same block again. At 256x256 that takes a third of an evaluation's time on a CPU.
"""

import ctypes
import sys
from collections.abc import Generator
from contextlib import contextmanager
from threading import Lock

# malloc.h
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD, _MMAP_MAX = -1, -2, -3, -4
_WHILE_KEPT = ((_MMAP_MAX, 0), (_TRIM_THRESHOLD, 2**31 - 1), (_TOP_PAD, 2**26))
"""No block outside the heap, nothing given back from its end, and growth in strides of 64 MiB."""
_AFTERWARDS = ((_MMAP_MAX, 65536), (_MMAP_THRESHOLD, 2**25), (_TRIM_THRESHOLD, 2**26), (_TOP_PAD, 0))
"""Where glibc's own adjustment, which any call of mallopt ends, arrives in a process that has used large blocks."""


class _Heap:
    """The process's heap, and how many want it kept."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.users = 0
        library = ctypes.CDLL(None) if sys.platform.startswith("linux") else None
        self.libc = library if hasattr(library, "mallopt") and hasattr(library, "malloc_trim") else None

    def enter(self) -> None:
        with self.lock:
            self.users += 1
            if self.libc and self.users == 1:
                self.set(_WHILE_KEPT)

    def leave(self) -> None:
        with self.lock:
            self.users -= 1
            if self.libc and self.users == 0:
                self.set(_AFTERWARDS)
                self.libc.malloc_trim(0)

    def set(self, options: tuple[tuple[int, int], ...]) -> None:
        assert self.libc
        for option, value in options:
            self.libc.mallopt(option, value)


_heap = _Heap()


@contextmanager
def kept_heap() -> Generator[None]:
    """Large blocks that are freed inside stay with the process; at the end all that is free goes back to the system.

    The setting is the whole process's; nested and concurrent users share it. Without glibc (macOS, Windows, musl)
    nothing is changed.
    """
    _heap.enter()
    try:
        yield
    finally:
        _heap.leave()
