"""The host where there is none: a terminal, a script, a test. torch is imported late, as in host.py."""

from __future__ import annotations

import atexit
import tempfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..model.errors import UsageError
from ..model.types import OnProgress, ignore_progress
from .manifest import ROOT

if TYPE_CHECKING:
    import torch

    from ..model.video import FrameSource

CODE_SUFFIX = ".dva"
"""Of the files that hold clip codes."""


class PlainHost:
    """Nobody: a terminal, a script, a test."""

    def __init__(self, output: Path | None = None) -> None:
        """output: the folder for what is saved; `output` below the current one where none is given."""
        self._output = output

    def device(self) -> torch.device:
        """Return the first GPU, or else the CPU."""
        import torch  # noqa: PLC0415 - see the module's docstring

        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")

    def pack_folders(self) -> tuple[Path, ...]:
        """Return models/dva of the ComfyUI that this plugin is installed in, so that its command and its nodes agree.

        What extra_model_paths.yaml says is known inside ComfyUI only; the command is told by DVA_PACKS.
        """
        comfyui = ROOT.parent.parent
        is_inside = ROOT.parent.name == "custom_nodes" and (comfyui / "folder_paths.py").is_file()
        return (comfyui / "models" / "dva",) if is_inside else ()

    def on_progress(self) -> OnProgress:
        """Return silence; the command line brings its own bar."""
        return ignore_progress

    def make_room(self, size: int, device: torch.device) -> None:
        """Do nothing: nobody else is here."""

    def give_back(self, device: torch.device) -> None:
        """Let torch's own cache go."""
        self.free_memory(device)

    def free_memory(self, device: torch.device) -> None:
        """Let torch's own cache go."""
        import torch  # noqa: PLC0415 - see the module's docstring

        if device.type == "cuda":
            torch.cuda.empty_cache()

    def code_files(self) -> dict[str, Path]:
        """Return those of the folder output below the current one."""
        return codes_below(self._output_folder(), "")

    def new_output_file(self, prefix: str, suffix: str) -> Path:
        """Return prefix_00001_.dva, or with the next free number, in the folder output below the current one."""
        folder = self._output_folder()
        stem = (folder / prefix).resolve()
        if not prefix or not stem.is_relative_to(folder) or stem == folder:
            raise UsageError(f"the prefix {prefix!r} leads outside {folder}; use a name such as 'clips/shot'")
        stem.parent.mkdir(parents=True, exist_ok=True)
        ours = [path.stem for path in stem.parent.iterdir() if path.stem.startswith(stem.name + "_")]
        taken = [name[len(stem.name) + 1 :].rstrip("_") for name in ours]
        number = max((int(text) for text in taken if text.isdecimal()), default=0) + 1
        return stem.with_name(f"{stem.name}_{number:05}_{suffix}")

    def shown_file(self, path: Path) -> dict[str, Any]:
        """Return its name."""
        return {"text": [str(path)]}

    def graph_notes(self, prompt: Any, extra: Any) -> dict[str, str]:  # noqa: ANN401
        """Return nothing: nobody would open it, and the graph may name files of the user's."""
        del prompt, extra
        return {}

    def temp_folder(self) -> Path:
        """Return a folder that goes when Python ends."""
        return _passing_folder()

    def video(self, source: FrameSource) -> FrameSource:
        """Return the clip itself."""
        return source

    def video_source(self, video: FrameSource) -> FrameSource:
        """Return the clip itself."""
        return video

    def withheld(self, reason: str) -> Any:  # noqa: ANN401
        """Return None."""

    def _output_folder(self) -> Path:
        return (self._output or Path("output")).resolve()


def codes_below(folder: Path, mark: str) -> dict[str, Path]:
    """Return the clip codes in a folder and below: path inside it, with a mark behind -> file."""
    return {path.relative_to(folder).as_posix() + mark: path for path in sorted(folder.rglob(f"*{CODE_SUFFIX}"))}


@cache
def _passing_folder() -> Path:
    folder = tempfile.TemporaryDirectory(prefix="dva-")
    atexit.register(folder.cleanup)
    return Path(folder.name)
