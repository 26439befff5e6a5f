"""What a person at a terminal sees: bars with an ETA, sentences, exit codes."""

import sys
from types import TracebackType
from typing import NoReturn

from tqdm import tqdm

from ..model.types import Progress


class ConsoleProgress:
    """An OnProgress that draws one bar a stage."""

    def __init__(self, *, text_changes: bool = False) -> None:
        self._bar: tqdm[NoReturn] | None = None
        self._stage = ""
        self._text_changes = text_changes

    def __enter__(self) -> "ConsoleProgress":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._close()

    def __call__(self, progress: Progress) -> None:
        bar = self._bar
        if bar is None or (progress.stage != self._stage and not self._text_changes):
            bar = self._open(progress)
        if self._text_changes:
            bar.set_description_str(progress.stage, refresh=False)
        bar.update(progress.done - bar.n)

    def _open(self, progress: Progress) -> "tqdm[NoReturn]":
        """A new bar; one may go on from the middle, where an earlier run ended, and its ETA counts from there."""
        self._close()
        begun = progress.done
        bar = tqdm(total=progress.total, desc=progress.stage, initial=begun, dynamic_ncols=True, mininterval=0.5)
        self._bar, self._stage = bar, progress.stage
        return bar

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None


def say(text: str) -> None:
    """A line for the user."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def complain(text: str) -> None:
    """A line about what went wrong."""
    sys.stderr.write(f"dva: {text}\n")
