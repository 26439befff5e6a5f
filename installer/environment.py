"""The plugin's own Python environment, .venv, and how it is told whether it is complete.

A stamp is written last, so an environment without one was never finished. The stamp holds a digest of everything that
decides what pip would install; while it matches, nothing is done at all.
"""

import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pipwatch import watch_pip
from trouble import DamagedError, TroubleError, from_pip

SMOKE_TEST = "import torch, torchvision, cv2, av, facenet_pytorch, dva.model.errors"
"""What fails if a process was killed half-way through unpacking."""

CAPTURED: dict[str, Any] = {"capture_output": True, "encoding": "utf-8", "errors": "replace"}
"""What a child says, whatever code page this computer has."""


class Environment:
    """The folder .venv inside the plugin's folder."""

    def __init__(self, plugin: Path) -> None:
        self.plugin = plugin
        self.folder = plugin / ".venv"
        self.stamp = self.folder / "dva-stamp.json"
        self.log = self.folder / "dva-pip.log"
        scripts = ("Scripts", "python.exe") if sys.platform == "win32" else ("bin", "python")
        self.python = self.folder.joinpath(*scripts)

    def version(self) -> str | None:
        """Return the Python in it as "3.11", or None if it does not start or has no pip."""
        script = "import pip, sys; print('%d.%d' % sys.version_info[:2])"
        try:
            answer = subprocess.run(
                [str(self.python), "-I", "-c", script],
                **CAPTURED,
                timeout=120,
                check=True,
            )
        except (OSError, subprocess.SubprocessError):
            return None
        return answer.stdout.strip()

    def site_packages(self, version: str) -> Path:
        """Return the folder that packages go to."""
        inside = ("Lib",) if sys.platform == "win32" else ("lib", f"python{version}")
        return self.folder.joinpath(*inside, "site-packages")

    def create(self) -> None:
        """Make it, replacing what stands there.

        Raises TroubleError when this Python cannot.
        """
        if self.folder.exists():
            shutil.rmtree(self.folder)
        made = subprocess.run(
            [sys.executable, "-m", "venv", str(self.folder)],
            **CAPTURED,
            check=False,
        )
        if made.returncode == 0:
            return
        said = (made.stdout + made.stderr).strip()
        if "ensurepip" in said:
            raise TroubleError(
                f"{sys.executable} cannot make environments because its pip module was left out; "
                "install it (on Debian and Ubuntu the package is called python3-venv) and run the same command again"
            )
        raise from_pip(said.splitlines(), made.returncode, self.plugin, self.log)

    def install(self, extras: Iterable[str], version: str) -> None:
        """Install the plugin and what it needs; pip skips what is there.

        Raises TroubleError with pip's reason, DamagedError when the environment itself may be the reason.
        """
        wanted = f".[{','.join(sorted(extras))}]"
        options = ["--disable-pip-version-check", "--no-input", "--progress-bar", "off"]
        command = [str(self.python), "-m", "pip", "install", *options, "--editable", wanted]
        code, lines = watch_pip(command, self.plugin, self.site_packages(version), self.log)
        if code != 0:
            raise from_pip(lines, code, self.plugin, self.log)
        tried = subprocess.run(
            [str(self.python), "-c", SMOKE_TEST],
            cwd=self.folder,
            **CAPTURED,
            check=False,
        )
        if tried.returncode != 0:
            last = (tried.stderr.strip() or "it said nothing").splitlines()[-1]
            raise DamagedError(f"the packages are installed but do not load: {last}")

    def stamped_extras(self, version: str) -> frozenset[str]:
        """Return the extras of the finished installation, or the empty set if there is none or it is out of date."""
        try:
            stamp = json.loads(self.stamp.read_text(encoding="utf-8"))
            is_current = stamp["digest"] == self.digest(version)
            return frozenset(stamp["extras"]) if is_current else frozenset()
        except (OSError, ValueError, KeyError, TypeError):
            return frozenset()

    def write_stamp(self, extras: Iterable[str], version: str) -> None:
        """Declare the installation finished."""
        stamp = {"digest": self.digest(version), "extras": sorted(extras)}
        self.stamp.write_text(json.dumps(stamp), encoding="utf-8")

    def remove_stamp(self) -> None:
        """Declare it unfinished, before touching it."""
        self.stamp.unlink(missing_ok=True)

    def digest(self, version: str) -> str:
        """Hash what decides the installation: pyproject's build and project tables, the Python, and the folder.

        The folder counts because an editable installation points to it.
        """
        lines = (self.plugin / "pyproject.toml").read_text(encoding="utf-8").splitlines()
        kept: list[str] = []
        is_kept = False
        for line in lines:
            if line.startswith("["):  # tomllib came with 3.11 only, and whole tables are enough here
                is_kept = line.startswith(("[build-system", "[project", "[tool.setuptools"))
            if is_kept:
                kept.append(line)
        text = "\n".join([*kept, version, str(self.plugin)])
        return hashlib.sha256(text.encode()).hexdigest()
