"""The host: nobody, or something that looks like ComfyUI."""

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
import torch

from dva.dva_plugin import home, host
from dva.dva_plugin.host import ComfyHost, PlainHost, choose_device, current_host
from dva.model.errors import DeviceError
from dva.model.types import Progress


class CancelledError(Exception):
    """Stands for ComfyUI's own interruption."""


@pytest.fixture
def comfyui(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> SimpleNamespace:
    """A ComfyUI of which only what we call is there."""
    state = SimpleNamespace(bars=[], cancelled=False, folders={})

    def stop_if_cancelled() -> None:
        if state.cancelled:
            raise CancelledError

    management = ModuleType("comfy.model_management")
    management.get_torch_device = lambda: torch.device("meta")
    management.throw_exception_if_processing_interrupted = stop_if_cancelled
    utils = ModuleType("comfy.utils")
    utils.ProgressBar = lambda total: SimpleNamespace(update_absolute=lambda *step: state.bars.append(step))
    folder_paths = ModuleType("folder_paths")
    folder_paths.models_dir = str(tmp_path / "models")
    folder_paths.folder_names_and_paths = state.folders
    folder_paths.get_folder_paths = lambda name: state.folders[name][0]
    for module in (ModuleType("comfy"), management, utils, folder_paths):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    return state


def test_without_comfyui_nobody_is_the_host() -> None:
    host = current_host()
    assert isinstance(host, PlainHost)
    assert host.pack_folders() == ()
    host.on_progress()(Progress("encode", 1, 2))


def test_a_device_that_is_absent_is_refused_with_a_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(DeviceError, match=r"'cuda'.*use 'auto' or 'cpu'"):
        choose_device("cuda")
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(DeviceError, match="'mps'"):
        choose_device("mps")


@pytest.mark.parametrize(("cuda", "mps", "chosen"), [(True, True, "cuda"), (False, True, "mps"), (False, False, "cpu")])
def test_auto_takes_the_best_device_there_is(
    monkeypatch: pytest.MonkeyPatch, cuda: bool, mps: bool, chosen: str
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    assert choose_device("auto") == torch.device(chosen)
    assert choose_device("cpu") == torch.device("cpu")


def test_comfyui_chooses_the_device(comfyui: SimpleNamespace) -> None:
    assert isinstance(current_host(), ComfyHost)
    assert choose_device("auto") == torch.device("meta")


def test_comfyui_shows_a_picture_of_the_work_now_and_then(
    comfyui: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter([10.0, 10.0, 10.2, 10.6, 10.8, 12.5, 12.7, 12.7])  # begun and made, or too early
    monkeypatch.setattr(host, "monotonic", lambda: next(clock))
    made: list[int] = []

    def picture() -> torch.Tensor:
        made.append(1)
        return torch.stack([torch.ones(16, 8), torch.zeros(16, 8), torch.full((16, 8), 2.0)])

    on_progress = current_host().on_progress()
    for done in range(5):
        on_progress(Progress("decode", done, 5, picture))
    on_progress(Progress("decode", 5, 5))
    assert [len(step) for step in comfyui.bars] == [3, 2, 3, 2, 3, 2]  # one that took 0.2 s makes the next wait for 2 s
    assert len(made) == 3  # a picture that nobody sees is not made
    kind, image, most = comfyui.bars[0][2]
    assert (kind, most, image.size) == ("JPEG", 512, (128, 256))
    assert image.getpixel((64, 128)) == (255, 0, 255)


def test_cancelling_in_comfyui_stops_long_work_with_its_own_exception(comfyui: SimpleNamespace) -> None:
    on_progress = current_host().on_progress()
    on_progress(Progress("encode", 1, 3))
    comfyui.cancelled = True
    with pytest.raises(CancelledError):
        on_progress(Progress("encode", 2, 3))
    assert comfyui.bars == [(1, 3)]


def test_packs_lie_in_comfyuis_models_first(comfyui: SimpleNamespace, tmp_path: Path) -> None:
    assert home.download_folder() == tmp_path / "models" / "dva"
    comfyui.folders["dva"] = ([str(tmp_path / "elsewhere")], {".safetensors"})
    assert home.download_folder() == tmp_path / "elsewhere"


def test_the_variable_comes_before_the_host(
    comfyui: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DVA_PACKS", str(tmp_path / "mine"))
    assert home.pack_folders() == (tmp_path / "mine",)
