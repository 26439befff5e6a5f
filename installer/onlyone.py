"""One installer at a time in one folder.

The lock belongs to the process, not to the file: the system drops it when the process ends, however it ends, so a
killed installer leaves nothing to clear away. A pip that outlives its installer keeps the lock, except on Windows.
"""

import os
import sys
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from trouble import TroubleError


@contextmanager
def only_one(lock: Path) -> Generator[None]:
    """Hold the lock file while the block runs.

    Raises TroubleError when another process holds it.
    """
    with lock.open("a+b") as file:
        if not _acquire(file.fileno()):
            raise TroubleError(
                f"another installer is at work in {lock.parent}; let it finish, then run the same command again"
            )
        os.set_inheritable(file.fileno(), True)  # noqa: FBT003 - the function takes it no other way
        yield  # closing the file gives the lock back


if sys.platform == "win32":
    import msvcrt

    def _acquire(descriptor: int) -> bool:
        with suppress(OSError):
            os.lseek(descriptor, 0, os.SEEK_SET)
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
            return True
        return False

else:
    import fcntl

    def _acquire(descriptor: int) -> bool:
        with suppress(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        return False
