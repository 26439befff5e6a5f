"""Runs pip and says in a few lines what it is doing.

pip alone is either silent for minutes or prints hundreds of lines. On a terminal one line is kept up to date; elsewhere
a line is printed for each big step and every 20 seconds. Everything pip says goes into a log file.
"""

import queue
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from threading import Thread
from typing import IO

HEARTBEAT_SECONDS = 20.0
LINE_WIDTH = 100
"""At most; a line longer than the terminal is wide could not be written over."""
BIG = re.compile(r"(GB|[2-9]\d\.\d MB|\d{3,}(\.\d)? MB)")


class Phase:
    """What pip is doing now, read off its lines."""

    def __init__(self, site_packages: Path) -> None:
        self.site_packages = site_packages
        self.text = "starting pip"
        self.is_milestone = False
        self._to_install = 0
        self._present_before = 0

    def read(self, line: str) -> None:
        """Take in one line of pip's."""
        self.is_milestone = False
        if found := re.match(r"\s*Collecting (\S+)", line):
            self.text = f"looking for {found[1]}"
        elif found := re.match(r"\s*(Downloading|Using cached) (\S+) \((.+)\)", line):
            if not found[2].endswith(".metadata"):
                verb = "downloading" if found[1] == "Downloading" else "already downloaded:"
                name = "-".join(Path(found[2]).name.split("-")[:2])
                self.text = f"{verb} {name} ({found[3]})"
                self.is_milestone = BIG.search(found[3]) is not None
        elif found := re.match(r"\s*Installing collected packages: (.+)", line):
            self._to_install = len(found[1].split(","))
            self._present_before = self._present()
            self.text, self.is_milestone = f"installing {self._to_install} packages", True
        elif "Retrying (" in line:
            self.text = "the package index does not answer, trying again"

    def describe(self) -> str:
        """Return the phase as a few words."""
        if not self._to_install:
            return self.text
        # pip replaces old versions too, hence the bound from below
        done = max(0, self._present() - self._present_before)
        return f"installing packages, {min(done, self._to_install)} of {self._to_install}"

    def _present(self) -> int:
        return sum(1 for _ in self.site_packages.glob("*.dist-info"))


class StatusLine:
    """Shows a phase and the time it has all taken."""

    def __init__(self, stream: IO[str] = sys.stdout) -> None:
        self._stream = stream
        self._is_terminal = stream.isatty()
        self._start = self._last = time.monotonic()

    def show(self, text: str, *, is_milestone: bool = False) -> None:
        """Show the text now if it is due."""
        now = time.monotonic()
        if not (self._is_terminal or is_milestone or now - self._last >= HEARTBEAT_SECONDS):
            return
        self._last = now
        minutes, seconds = divmod(int(now - self._start), 60)
        width = min(LINE_WIDTH, shutil.get_terminal_size().columns - 1) if self._is_terminal else LINE_WIDTH
        line = f"  {minutes}:{seconds:02d}  {text}"[:width]
        self._stream.write(f"\r{line:<{width}}" if self._is_terminal else f"{line}\n")
        self._stream.flush()

    def close(self) -> None:
        """Leave the line."""
        if self._is_terminal:
            self._stream.write("\n")


def watch_pip(command: Sequence[str], folder: Path, site_packages: Path, log: Path) -> tuple[int, list[str]]:
    """Run a pip command in folder, showing progress.

    Returns pip's exit code and every line it printed, which the log file holds too.
    """
    with subprocess.Popen(
        list(command),
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        close_fds=False,  # the lock goes along, see onlyone
    ) as process:
        try:
            return _follow(process, Phase(site_packages), log)
        finally:
            if process.poll() is None:
                process.terminate()


def _follow(process: "subprocess.Popen[str]", phase: Phase, log: Path) -> tuple[int, list[str]]:
    arriving: queue.Queue[str | None] = queue.Queue()

    def read() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            arriving.put(line.rstrip())
        arriving.put(None)

    Thread(target=read, daemon=True).start()
    lines: list[str] = []
    status = StatusLine()
    with log.open("w", encoding="utf-8") as record:
        while True:
            try:
                line = arriving.get(timeout=1.0)
            except queue.Empty:
                status.show(phase.describe())
                continue
            if line is None:
                break
            lines.append(line)
            record.write(f"{line}\n")
            phase.read(line)
            status.show(phase.describe(), is_milestone=phase.is_milestone)
    status.close()
    return process.wait(), lines
