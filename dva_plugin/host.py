"""The program that runs us: ComfyUI, or nobody.

This is the only file that imports ComfyUI's modules, and it looks for them only where ComfyUI has loaded them already:
elsewhere a stranger's `comfy` could answer. torch is imported late because listing packs must not wait for it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar, get_args

from typing_extensions import assert_never

from ..model.errors import DeviceError, UsageError
from ..model.types import OnProgress, Progress
from .plain_host import CODE_SUFFIX, PlainHost, codes_below

if TYPE_CHECKING:
    import torch

    from ..model.video import FrameSource

__all__ = [
    "CODE_SUFFIX",
    "DEVICE_NAMES",
    "ComfyHost",
    "DeviceName",
    "Host",
    "PlainHost",
    "TakesChunks",
    "borrowed_device",
    "choose_device",
    "current_host",
    "hosted_by",
    "with_less_memory",
]

DeviceName = Literal["auto", "cpu", "cuda", "mps"]
DEVICE_NAMES: tuple[DeviceName, ...] = get_args(DeviceName)
PLAYED_BY_BROWSERS = (".mp4", ".webm")
PREVIEW_EVERY = 0.5
"""Seconds between two pictures of the work as it stands, at least."""
PREVIEW_SHARE = 10
"""And at least so many times as long as it took to make one: some cost as much as a step of the work."""
Result = TypeVar("Result")


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

    def make_room(self, size: int, device: torch.device) -> None:
        """See to it that networks of so many bytes, and what they compute, fit on the device, as far as one can."""
        ...

    def give_back(self, device: torch.device) -> None:
        """Leave the device's memory to others, after work that has ended."""
        ...

    def free_memory(self, device: torch.device) -> None:
        """Give back the device memory that others hold and could do without, after a lack of it."""
        ...

    def code_files(self) -> dict[str, Path]:
        """Return every clip code that a user of the host can choose: the name it is shown under -> file."""
        ...

    def new_output_file(self, prefix: str, suffix: str) -> Path:
        """Return where the next file of that kind goes, in a folder that is there; UsageError if prefix leads away."""
        ...

    def shown_file(self, path: Path) -> dict[str, Any]:
        """Return what a node answers so that the host shows the clip that was saved in its output folder."""
        ...

    def graph_notes(self, prompt: Any, extra: Any) -> dict[str, str]:  # noqa: ANN401 - the host's own
        """Return what a saved clip says of the graph that made it, so that the host can open it from there."""
        ...

    def temp_folder(self) -> Path:
        """Return a folder for files that the host throws away when it ends."""
        ...

    def video(self, source: FrameSource) -> Any:  # noqa: ANN401 - each host has its own kind of video
        """Return a clip as the host passes clips on; it is read when it is saved, and not before."""
        ...

    def video_source(self, video: Any) -> FrameSource | None:  # noqa: ANN401
        """Return the clip in one of the host's videos, to be read frame by frame; None for one that is in memory."""
        ...

    def withheld(self, reason: str) -> Any:  # noqa: ANN401
        """Return what stands in the place of an output that is not made; where it is used, the reason is shown."""
        ...


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
        """Return a callback that moves the bar of the node that is running and now and then shows the picture so far.

        It raises ComfyUI's own interruption when the user presses Cancel, which must reach ComfyUI as it is.
        """
        from .preview import preview_of  # noqa: PLC0415 - listing packs needs no pictures

        bar = _comfy("comfy.utils").ProgressBar(1)
        stop_if_asked = _comfy("comfy.model_management").throw_exception_if_processing_interrupted
        due = 0.0

        def show(progress: Progress) -> None:
            nonlocal due
            stop_if_asked()
            if progress.preview is None or (begun := monotonic()) < due:
                bar.update_absolute(progress.done, progress.total)
                return
            picture = preview_of(progress.preview())
            due = begun + max(PREVIEW_EVERY, PREVIEW_SHARE * (monotonic() - begun))
            bar.update_absolute(progress.done, progress.total, picture)

        return show

    def make_room(self, size: int, device: torch.device) -> None:
        """Have ComfyUI unload models that it keeps, if it must."""
        management = _comfy("comfy.model_management")
        management.free_memory(size + management.minimum_inference_memory(), device)

    def give_back(self, device: torch.device) -> None:
        """Empty torch's cache as ComfyUI does."""
        del device  # ComfyUI knows one
        _comfy("comfy.model_management").soft_empty_cache()

    def free_memory(self, device: torch.device) -> None:
        """Have ComfyUI unload the models of other nodes from the device."""
        management = _comfy("comfy.model_management")
        management.free_memory(sys.float_info.max, device)
        management.soft_empty_cache()

    def code_files(self) -> dict[str, Path]:
        """Return those in ComfyUI's input folder, and those in its output folder, marked as ComfyUI marks them."""
        folder_paths = _comfy("folder_paths")
        inputs = codes_below(Path(folder_paths.get_input_directory()), "")
        return inputs | codes_below(Path(folder_paths.get_output_directory()), " [output]")

    def new_output_file(self, prefix: str, suffix: str) -> Path:
        """Return the next free name in ComfyUI's output folder, counted as ComfyUI counts its pictures."""
        folder_paths = _comfy("folder_paths")
        root = Path(folder_paths.get_output_directory()).resolve()
        if not prefix or not (root / prefix).resolve().is_relative_to(root):
            raise UsageError(f"the prefix {prefix!r} leads outside ComfyUI's output folder; use one as 'dva/shot'")
        folder, name, counter, _, _ = folder_paths.get_save_image_path(prefix, str(root))
        return Path(folder) / f"{name}_{counter:05}_{suffix}"

    def shown_file(self, path: Path) -> dict[str, Any]:
        """Return its name, and where a browser can play it the answer of ComfyUI's own Save Video."""
        named: dict[str, Any] = {"text": [str(path)]}
        if path.suffix not in PLAYED_BY_BROWSERS:
            return named
        place = path.relative_to(Path(_comfy("folder_paths").get_output_directory()).resolve())
        shown = {"filename": place.name, "subfolder": place.parent.as_posix().removeprefix("."), "type": "output"}
        return {"images": [shown], "animated": (True,), **named}

    def graph_notes(self, prompt: Any, extra: Any) -> dict[str, str]:  # noqa: ANN401
        """Return what ComfyUI's own Save Video writes, and nothing where its user forbids that."""
        notes = {} if _comfy("comfy.cli_args").args.disable_metadata else {**(extra or {}), "prompt": prompt}
        return {name: json.dumps(value) for name, value in notes.items() if value is not None}

    def temp_folder(self) -> Path:
        """Return ComfyUI's, which it empties when it starts and ends."""
        return Path(_comfy("folder_paths").get_temp_directory())

    def video(self, source: FrameSource) -> Any:  # noqa: ANN401 - ComfyUI's modules come without types
        """Return a VIDEO that streams when it is saved."""
        from .comfy_video import lazy_video  # noqa: PLC0415 - it imports torch

        return lazy_video(source, _comfy, self.on_progress)

    def video_source(self, video: Any) -> FrameSource | None:  # noqa: ANN401
        """Return the clip behind a VIDEO of ours or one from a file; None for any other."""
        from .comfy_video import streamed_source  # noqa: PLC0415 - it imports torch

        return streamed_source(video, _comfy)

    def withheld(self, reason: str) -> Any:  # noqa: ANN401
        """Return what keeps every node behind the output from running, and shows the reason there."""
        return _comfy("comfy_execution.graph_utils").ExecutionBlocker(reason)


_hosts: list[Host] = []
"""Those that hosted_by has put in place; the last one counts, in every thread."""


@contextmanager
def hosted_by(host: Host) -> Generator[None, None, None]:
    """Let nodes that run inside meet this host."""
    _hosts.append(host)
    try:
        yield
    finally:
        _hosts.pop()


def current_host() -> Host:
    """Return the host we run in."""
    if _hosts:
        return _hosts[-1]
    return ComfyHost() if "comfy.model_management" in sys.modules else PlainHost()


def choose_device(name: DeviceName = "auto") -> torch.device:
    """Turn the user's choice into a device that is there; DeviceError when the named one is absent."""
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


@contextmanager
def borrowed_device(size: int) -> Generator[torch.device, None, None]:
    """Let the host make room for so many bytes of networks on its device, and have it back at the end."""
    host = current_host()
    device = host.device()
    host.make_room(size, device)
    try:
        yield device
    finally:
        host.give_back(device)


class TakesChunks(Protocol):
    """Something that sends several frames through a network together."""

    device: torch.device
    chunk: int
    """Frames at once, at least 1."""


def with_less_memory(taker: TakesChunks, work: Callable[[], Result]) -> Result:
    """Return what work gives, beginning anew with half the chunk whenever the device runs out of memory.

    What other programs' models hold is freed first. At a chunk of one frame the error goes on to the host as it is.
    """
    import torch  # noqa: PLC0415 - see the module's docstring

    while True:
        try:
            return work()
        except torch.cuda.OutOfMemoryError:
            if taker.chunk == 1:
                raise
        # Outside the handler: the error holds on to every tensor of the attempt.
        taker.chunk //= 2
        current_host().free_memory(taker.device)


def _comfy(module: str) -> Any:  # noqa: ANN401 - ComfyUI's modules come without types
    return import_module(module)
