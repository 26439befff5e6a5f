"""What is done of a long run, kept beside its output until the output is whole, so that a killed run goes on.

The folder is called after the output, with a dot before it. In it every stash holds what one piece of work has made so
far, under a digest of all that its result depends on: other footage, another pack or other settings never meet an old
stash. All of it goes when the output is there.
"""

import hashlib
import json
import os
import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from ..model.errors import DvaError, InputError, Interrupted, UsageError
from ..model.video import is_sequence

VERSION = 1
"""Part of every stash's digest; raised when a stage computes something else."""
SPARE = 1 << 26
"""Bytes that must stay free beside what the work is known to need."""


class Workspace:
    """A context that holds the work for one output file. Only one run at a time may have it."""

    def __init__(self, target: Path) -> None:
        self.target = target
        self._is_folder = is_sequence(target)  # pictures get a folder, and the work lies beside that
        self._place = target.parent if self._is_folder else target
        self.folder = self._place.with_name(f".{self._place.name}.work")
        self._lock: BinaryIO | None = None
        self._reached = ""

    def __enter__(self) -> "Workspace":
        """Raises UsageError while another run writes the same output, InputError where the folder takes no files."""
        try:
            self.folder.mkdir(exist_ok=True)
            self._lock = (self.folder / "lock").open("ab")
        except OSError as error:
            raise InputError(f"{self.target} cannot be written: {error.strerror}; check the permissions") from error
        if not _locked(self._lock):
            self._lock.close()
            raise UsageError(f"another run is writing {self.target}; wait for it, or name another output file")
        self._remove_leftovers()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        kept = error is not None and any(self.folder.glob("*/*"))
        if not kept:  # while we hold the lock, so that no other run moves in meanwhile
            shutil.rmtree(self.folder, ignore_errors=True)
        if self._lock is not None:
            self._lock.close()
        if not kept:
            shutil.rmtree(self.folder, ignore_errors=True)  # Windows removes no file that is open
            return
        told = f"what was done{self._reached} is kept in {self.folder} ({_megabytes(self.folder)} MB): "
        # In place: whoever tells a stop by Ctrl-C from a fault must still be able to.
        if isinstance(error, (KeyboardInterrupt, Interrupted)):
            error.args = (f"stopped; {told}the same command goes on from there",)
        elif isinstance(error, DvaError):
            error.args = (f"{error} ({told}the next run goes on from there)",)

    def stash(self, kind: str, depends_on: object) -> "Stash":
        """The folder of one piece of work. depends_on: all that decides its result, as JSON can say it."""
        text = json.dumps([VERSION, depends_on], sort_keys=True)
        folder = self.folder / f"{kind}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"
        return Stash(folder, self)

    def reached(self, stage: str, done: int) -> None:
        """Remember what to say to somebody who stops the run."""
        self._reached = f" ({stage}: {done} frames)"

    def check_space(self, needed: int) -> None:
        """InputError where the disk has less room than the work needs, in bytes."""
        free = shutil.disk_usage(self.folder).free
        if free < needed + SPARE:
            raise InputError(
                f"the work on {self.target} needs {needed / 1e6:.0f} MB beside it, where {free / 1e6:.0f} MB are free; "
                "make room, or write to another disk"
            )

    def _remove_leftovers(self) -> None:
        """What a killed run's VideoWriter left: nobody else writes this output while we hold the lock."""
        place = self._place
        stem, suffix = (place.name, "") if self._is_folder else (place.stem, place.suffix)
        part = re.compile(rf"\.{re.escape(stem)}\.[0-9a-f]{{8}}\.part{re.escape(suffix)}")
        for path in place.parent.iterdir():
            if part.fullmatch(path.name):
                shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


@dataclass(frozen=True)
class Stash:
    """One piece of work: files, and how far each stage of it is."""

    folder: Path
    workspace: Workspace

    def file(self, name: str) -> Path:
        """A file's place; the folder is made where it is not there yet."""
        self.folder.mkdir(exist_ok=True)
        return self.folder / name

    def mark(self, stage: str) -> "StageMark":
        return StageMark(self.folder / f"{stage}.done", self.workspace)

    def remove(self) -> None:
        """Begin anew."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def remove_others(self) -> None:
        """Remove the stashes of the same kind that other settings left."""
        kind = self.folder.name.partition("-")[0]
        for folder in self.workspace.folder.glob(f"{kind}-*"):
            if folder != self.folder:
                shutil.rmtree(folder, ignore_errors=True)


@dataclass(frozen=True)
class StageMark:
    """How far a stage is: a number in a file that is always whole."""

    path: Path
    workspace: Workspace

    @property
    def done(self) -> int:
        try:
            return int(self.path.read_text(encoding="ascii"))
        except (OSError, ValueError):
            return 0

    def advance(self, done: int) -> None:
        """Remember it. Raises OSError."""
        part = self.path.with_suffix(".part")
        with part.open("w", encoding="ascii") as file:
            file.write(str(done))
            file.flush()
            os.fsync(file.fileno())
        part.replace(self.path)
        self.workspace.reached(self.path.stem, done)


def _locked(file: BinaryIO) -> bool:
    """Take the file for this process alone; the system lets go of it when the process ends, however it ends."""
    try:
        if sys.platform == "win32":
            import msvcrt  # noqa: PLC0415 - there is none elsewhere

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl  # noqa: PLC0415 - there is none on Windows

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    except OSError:  # some network drives know no locks; a lock is then not worth refusing to work
        return True
    return True


def _megabytes(folder: Path) -> int:
    """What the files take on the disk: rows that are not there yet take nothing, where the system can tell."""
    found = [path.stat() for path in folder.rglob("*")]
    return round(sum(512 * getattr(stat, "st_blocks", stat.st_size / 512) for stat in found) / 1e6)
