"""What our nodes and ComfyUI pass to one another as VIDEO and as files, with stand-ins for ComfyUI's modules."""

import json
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from types import ModuleType, SimpleNamespace

import av
import numpy as np
import pytest
import torch
from torch import Tensor

from dva.dva_plugin.host import ComfyHost, borrowed_device
from dva.model.errors import UsageError
from dva.model.video import ArraySource, open_video, write_video
from dva.nodes.convert import rate_of, source_of
from dva.nodes.save_video import SaveVideo


class VideoInput:
    """Stands for ComfyUI's base class."""


class VideoFromFile(VideoInput):
    """Stands for ComfyUI's video of a file; it copies where ComfyUI copies packets."""

    def __init__(self, file: str) -> None:
        self.file = file

    def get_stream_source(self) -> str:
        return self.file

    def save_to(self, path: str, **options: object) -> None:
        Path(path).write_bytes(Path(self.file).read_bytes())
        Path(path).with_suffix(".options").write_text(f"{sorted(options)} {Path(self.file).suffix}")


class VideoInMemory(VideoInput):
    def __init__(self, images: Tensor, frame_rate: Fraction) -> None:
        self.components = SimpleNamespace(images=images, frame_rate=frame_rate)

    def get_components(self) -> SimpleNamespace:
        return self.components


@pytest.fixture
def comfyui(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> SimpleNamespace:
    """A ComfyUI of which only what we call is there."""
    state = SimpleNamespace(freed=[])
    management = ModuleType("comfy.model_management")
    management.get_torch_device = lambda: torch.device("cpu")
    management.throw_exception_if_processing_interrupted = lambda: None
    management.free_memory = lambda size, device: state.freed.append((size, device))
    management.minimum_inference_memory = lambda: 800
    management.soft_empty_cache = lambda: state.freed.append("cache")
    utils = ModuleType("comfy.utils")
    utils.ProgressBar = lambda total: SimpleNamespace(update_absolute=lambda *step: None)
    folder_paths = ModuleType("folder_paths")
    folder_paths.get_input_directory = lambda: str(tmp_path / "input")
    folder_paths.get_output_directory = lambda: str(tmp_path / "output")
    folder_paths.get_save_image_path = lambda prefix, root: (f"{root}/dva", "clip", 7, "dva", prefix)
    latest = ModuleType("comfy_api.latest")
    latest.Input = SimpleNamespace(Video=VideoInput)
    latest.InputImpl = SimpleNamespace(VideoFromFile=VideoFromFile)
    latest.Types = SimpleNamespace(VideoComponents=SimpleNamespace)
    cli_args = ModuleType("comfy.cli_args")
    cli_args.args = state.args = SimpleNamespace(disable_metadata=False)
    for module in (ModuleType("comfy"), management, utils, folder_paths, ModuleType("comfy_api"), latest, cli_args):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    return state


@pytest.fixture
def images() -> Tensor:
    return torch.rand(4, 32, 48, 3, generator=torch.Generator().manual_seed(0))


def test_an_edited_clip_is_a_video_to_comfyui(comfyui: SimpleNamespace, images: Tensor, tmp_path: Path) -> None:
    video = ComfyHost().video(ArraySource(images.numpy(), Fraction(30000, 1001)))
    assert isinstance(video, VideoInput)
    assert (video.get_dimensions(), video.get_frame_count()) == ((48, 32), 4)
    assert video.get_duration() == pytest.approx(4 * 1001 / 30000)
    assert torch.equal(video.get_components().images, images)
    video.save_to(str(tmp_path / "out.mp4"), format="auto", codec="auto", metadata={"prompt": {}})
    saved = open_video(tmp_path / "out.mp4")
    assert (saved.frame_rate, saved.frame_count) == (Fraction(30000, 1001), 4)
    assert (tmp_path / "out.options").read_text() == "['codec', 'format', 'metadata'] .mp4"
    close = np.abs(next(iter(saved)).to_rgb() - images[0].numpy()).mean()
    assert close < 0.2  # noise loses its colour detail in 4:2:0; another picture would be 0.33 off


def test_a_file_is_streamed_and_a_part_of_one_is_not(comfyui: SimpleNamespace, images: Tensor, tmp_path: Path) -> None:
    clip = ArraySource((images * 255).byte().numpy(), Fraction(25))
    write_video(tmp_path / "clip.mkv", clip, clip)
    whole = VideoFromFile(str(tmp_path / "clip.mkv"))
    assert source_of(whole, Fraction(24)).path == tmp_path / "clip.mkv"
    again = ComfyHost().video(source_of(whole, Fraction(24)))
    assert source_of(again, Fraction(24)) is again.source
    part = VideoFromFile(str(tmp_path / "clip.mkv"))
    part._VideoFromFile__start_time = 0.04
    assert ComfyHost().video_source(part) is None
    memory = source_of(VideoInMemory(images, Fraction(30)), Fraction(24))
    assert (memory.path, memory.frame_rate, memory.frame_count) == (None, 30, 4)


def test_sound_that_mp4_cannot_hold_still_reaches_comfyui(
    comfyui: SimpleNamespace, images: Tensor, tmp_path: Path
) -> None:
    path = tmp_path / "pcm.mov"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 48, 32, "yuv420p"
        sound = container.add_stream("pcm_s16le", rate=8000)
        sound.layout = "mono"
        for image in (images * 255).byte().numpy():
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        tone = av.AudioFrame.from_ndarray(np.zeros((1, 1280), np.int16), format="s16", layout="mono")
        tone.sample_rate = 8000
        container.mux(sound.encode(tone))
        container.mux([*stream.encode(), *sound.encode()])
    video = ComfyHost().video(open_video(path))
    video.save_to(str(tmp_path / "out.mp4"))
    assert (tmp_path / "out.options").read_text() == "[] .mov"
    assert open_video(tmp_path / "out.mp4").has_audio


def test_clip_codes_are_shown_as_comfyui_shows_files(comfyui: SimpleNamespace, tmp_path: Path) -> None:
    for name in ("input/a.dva", "input/a.mp4", "output/dva/b.dva"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    host = ComfyHost()
    assert list(host.code_files()) == ["a.dva", "dva/b.dva [output]"]
    assert host.new_output_file("dva/clip", ".dva").name == "clip_00007_.dva"
    for prefix in ("../clip", "/etc/clip", ""):
        with pytest.raises(UsageError, match="leads outside"):
            host.new_output_file(prefix, ".dva")


def test_room_is_made_for_what_comes_and_the_cache_emptied_behind_it(comfyui: SimpleNamespace) -> None:
    with pytest.raises(ZeroDivisionError), borrowed_device(1000) as device:
        assert comfyui.freed == [(1800, device)]
        raise ZeroDivisionError
    assert comfyui.freed[1:] == ["cache"]


def test_a_lack_of_memory_has_other_models_unloaded(comfyui: SimpleNamespace) -> None:
    ComfyHost().free_memory(torch.device("cpu"))
    [(size, device), cache] = comfyui.freed
    assert size > 1e15
    assert (device, cache) == (torch.device("cpu"), "cache")


@pytest.mark.parametrize(
    ("shown", "exact"),
    [(24.0, Fraction(24)), (29.97, Fraction(30000, 1001)), (23.976, Fraction(24000, 1001)), (12.5, Fraction(25, 2))],
)
def test_a_rounded_frame_rate_finds_its_fraction(shown: float, exact: Fraction) -> None:
    assert rate_of(shown) == exact


@pytest.mark.parametrize(("codec", "spelt"), [("h264", str.lower), ("prores", str.lower), ("ffv1", str.upper)])
def test_a_saved_clip_holds_its_graph_unless_the_user_forbids(
    comfyui: SimpleNamespace, images: Tensor, tmp_path: Path, codec: str, spelt: Callable[[str], str]
) -> None:
    """As ComfyUI's own Save Video has it, from where its front end opens the graph again."""
    (tmp_path / "output/dva").mkdir(parents=True)
    prompt, workflow = {"1": {"class_type": "DVA_SaveVideo"}}, {"nodes": ["für"]}

    def metadata() -> dict[str, str]:
        (file,) = SaveVideo().save(images, "dva/clip", codec, 24.0, prompt, {"workflow": workflow})["result"]
        with av.open(file) as container:
            assert sum(1 for _ in container.decode(video=0)) == len(images)
            return dict(container.metadata)

    kept = metadata()
    assert json.loads(kept[spelt("prompt")]) == prompt and json.loads(kept[spelt("workflow")]) == workflow
    comfyui.args.disable_metadata = True
    assert metadata().keys().isdisjoint(map(spelt, ("prompt", "workflow")))
