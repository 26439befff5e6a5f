"""The program that runs us: ComfyUI, or nobody.

This is the only file that imports ComfyUI's modules, and it looks for them only where ComfyUI has loaded them already:
elsewhere a stranger's `comfy` could answer. torch is imported late because listing packs must not wait for it.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, get_args

from typing_extensions import assert_never

from ..model.errors import DeviceError
from ..model.types import OnProgress, Progress, ignore_progress

if TYPE_CHECKING:
    import torch

DeviceName = Literal["auto", "cpu", "cuda", "mps"]
DEVICE_NAMES: tuple[DeviceName, ...] = get_args(DeviceName)


class Host(Protocol):
    """What we ask of the program around us."""

    def device(self) -> torch.device:
        """Return the device to compute on when the user names none."""
        ...

    def pack_folders(self) -> tuple[Path, ...]:
        """Return the host's own folders for model packs, in the order to search; they need not exist."""
        ...

    def on_progress(self) -> OnProgress:
        """Return a callback that shows progress and raises when the host wants us to stop."""
        ...


class PlainHost:
    """Nobody: a terminal, a script, a test."""

    def device(self) -> torch.device:
        """Return the first GPU, or else the CPU."""
        import torch  # noqa: PLC0415 - see the module's docstring

        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")

    def pack_folders(self) -> tuple[Path, ...]:
        """Return nothing: dva_plugin.home knows the user's own folder."""
        return ()

    def on_progress(self) -> OnProgress:
        """Return silence; the command line brings its own bar."""
        return ignore_progress


class ComfyHost:
    """ComfyUI, while it runs a graph."""

    def device(self) -> torch.device:
        """Return the device ComfyUI computes on."""
        return _comfy("comfy.model_management").get_torch_device()

    def pack_folders(self) -> tuple[Path, ...]:
        """Return models/dva of ComfyUI, or what its extra_model_paths.yaml says in its place."""
        folder_paths = _comfy("folder_paths")
        if "dva" in folder_paths.folder_names_and_paths:
            return tuple(Path(folder) for folder in folder_paths.get_folder_paths("dva"))
        return (Path(folder_paths.models_dir) / "dva",)

    def on_progress(self) -> OnProgress:
        """Return a callback that moves the bar of the node that is running.

        It raises ComfyUI's own interruption when the user presses Cancel, which must reach ComfyUI as it is.
        """
        bar = _comfy("comfy.utils").ProgressBar(1)
        stop_if_asked = _comfy("comfy.model_management").throw_exception_if_processing_interrupted

        def show(progress: Progress) -> None:
            stop_if_asked()
            bar.update_absolute(progress.done, progress.total)

        return show


def current_host() -> Host:
    """Return the host we run in."""
    return ComfyHost() if "comfy.model_management" in sys.modules else PlainHost()


def choose_device(name: DeviceName = "auto") -> torch.device:
    """Turn the user's choice into a device that is there.

    Raises DeviceError when the named device is absent.
    """
    import torch  # noqa: PLC0415 - see the module's docstring

    match name:
        case "auto":
            return current_host().device()
        case "cpu":
            return torch.device("cpu")
        case "cuda":
            present = torch.cuda.is_available()
            lack = "finds no CUDA device" if torch.version.cuda else "was built without CUDA"
        case "mps":
            present = torch.backends.mps.is_available()
            lack = "finds no Apple GPU"
        case _:
            assert_never(name)
    if not present:
        raise DeviceError(f"asked for the device {name!r}, but torch {torch.__version__} {lack}; use 'auto' or 'cpu'")
    return torch.device(name)


def _comfy(module: str) -> Any:  # noqa: ANN401 - ComfyUI's modules come without types
    return import_module(module)
