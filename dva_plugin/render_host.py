"""The host of a graph that runs without ComfyUI: its files, its progress, its device."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..model.errors import UsageError
from ..model.types import OnProgress, ignore_progress
from .graph_check import file_name
from .host import current_host
from .plain_host import PlainHost, codes_below

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Withheld:
    """Stands in the place of an output that is not made."""

    reason: str


class RenderHost(PlainHost):
    """Reads beside the graph, writes below the output folder or to the files that the user named."""

    def __init__(
        self,
        folder: Path,
        output: Path,
        device: "torch.device | None" = None,
        on_progress: OnProgress = ignore_progress,
    ) -> None:
        """folder: of the graph. device: the plain host's where none is given."""
        super().__init__(output)
        self._folder = folder
        self._device = device
        self._on_progress = on_progress
        self.targets: Mapping[str, Path] = {}
        """Node -> the file that the user wants from it."""
        self.codes: Mapping[str, Path] = {}
        """Clip codes that the user named, by the name as given."""
        self.running = ""
        """The node that runs, which is the one that asks."""

    def device(self) -> "torch.device":
        """Return the device that the user chose."""
        return self._device or super().device()

    def on_progress(self) -> OnProgress:
        """Return the one callback of the whole run."""
        return self._on_progress

    def code_files(self) -> dict[str, Path]:
        """Return those beside the graph and below, and those that the user named."""
        found = codes_below(self._folder, "")
        inside = {name: path for name, path in found.items() if path.resolve().is_relative_to(self._folder.resolve())}
        return inside | dict(self.codes)

    def new_output_file(self, prefix: str, suffix: str) -> Path:
        """Return the file that the user named for the node that asks, or the next free one."""
        target = self.targets.get(self.running)
        if target is None:
            return super().new_output_file(prefix, suffix)
        if target.suffix.lower() != suffix:
            raise UsageError(f"it writes {suffix} files, which {target} is not; name the output so, or set its codec")
        return target

    def withheld(self, reason: str) -> Withheld:
        """Return what fails where it is used, and only there."""
        return Withheld(reason)

    def input_file(self, name: str) -> Path:
        """Return a file that the graph names; one of the user's own has its whole path."""
        return self._folder / file_name(name)


def rendering() -> RenderHost:
    """Return the host of the graph that runs."""
    host = current_host()
    assert isinstance(host, RenderHost), "core nodes of ours run in a graph of ours only"
    return host
