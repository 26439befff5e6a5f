"""The example graphs without ComfyUI, with stand-ins for the few core nodes that they name."""

import json
from collections.abc import Callable
from copy import deepcopy
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from graphs import GraphRunner
from torch import Tensor

import dva
from dva.model.video import ArraySource, open_video, write_video

GRAPHS = Path(__file__).resolve().parents[2] / "example_workflows/api"


def core_nodes(clip: Path, folder: Path) -> dict[str, type]:
    """What ComfyUI brings: a VIDEO is the clip itself, as our plain host has it."""

    def node(function: Callable[..., tuple[Any, ...]]) -> type:
        return type("Core", (), {"FUNCTION": "run", "run": staticmethod(function)})

    def save_video(video: Any, filename_prefix: str, format: str, codec: str) -> tuple[()]:
        write_video(folder / "saved.mkv", video, video)
        return ()

    def save_image(images: Tensor, filename_prefix: str) -> tuple[()]:
        torch.save(images.clone(), folder / f"{Path(filename_prefix).name}.pt")
        return ()

    def components(video: Any) -> tuple[Tensor, None, float]:
        return torch.from_numpy(np.stack([frame.to_rgb() for frame in video])), None, float(video.frame_rate)

    return {
        "LoadVideo": node(lambda file: (open_video(clip),)),
        "GetVideoComponents": node(components),
        "MaskToImage": node(lambda mask: (mask[..., None].expand(-1, -1, -1, 3),)),
        "SaveVideo": node(save_video),
        "SaveImage": node(save_image),
    }


def graph_named(name: str) -> dict[str, Any]:
    graph = json.loads((GRAPHS / f"{name}.json").read_text(encoding="utf-8"))
    for node in graph.values():
        if node["class_type"] == "DVA_LoadModel":
            node["inputs"]["pack"] = "tiny"
    return graph


def set_input(graph: dict[str, Any], kind: str, **values: Any) -> dict[str, Any]:
    changed = deepcopy(graph)
    [node] = [node for node in changed.values() if node["class_type"] == kind]
    assert values.keys() <= node["inputs"].keys()
    node["inputs"].update(values)
    return changed


@pytest.fixture
def clip(images: Tensor, tmp_path: Path) -> Path:
    path = tmp_path / "clip.mkv"
    source = ArraySource((images.clamp(0, 1) * 255).byte().numpy(), Fraction(30000, 1001))
    write_video(path, source, source)
    return path


@pytest.fixture
def runner(model: object, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> GraphRunner:
    monkeypatch.chdir(tmp_path)
    return GraphRunner(dva.NODE_CLASS_MAPPINGS | core_nodes(clip, tmp_path))


@pytest.mark.parametrize("path", sorted(GRAPHS.glob("*.json")), ids=lambda path: path.stem)
def test_every_graph_names_every_input_in_its_place(path: Path) -> None:
    for node in json.loads(path.read_text(encoding="utf-8")).values():
        kind = dva.NODE_CLASS_MAPPINGS.get(node["class_type"])
        if kind is not None:
            sections = kind.INPUT_TYPES()
            given = list(node["inputs"])
            assert given[: len(sections["required"])] == list(sections["required"])
            assert set(given[len(sections["required"]) :]) <= set(sections.get("optional", ()))


def test_another_strength_runs_edit_decode_and_paste_back_only(runner: GraphRunner) -> None:
    graph = graph_named("quick_attribute_edit")
    runner.run(graph)
    assert "DVA_EncodeVideo" in runner.executed
    runner.run(graph)
    assert runner.executed == []
    runner.run(set_input(graph, "DVA_EditByAttribute", strength=0.5))
    assert runner.executed == ["DVA_EditByAttribute", "DVA_Decode", "DVA_PasteBack", "SaveVideo"]
    runner.run(set_input(graph, "DVA_PasteBack", feather=0.2))
    assert runner.executed == ["DVA_PasteBack", "SaveVideo"]


def test_a_video_is_edited_in_its_own_samples(runner: GraphRunner, clip: Path, tmp_path: Path) -> None:
    runner.run(graph_named("quick_attribute_edit"))
    before, after = open_video(clip), open_video(tmp_path / "saved.mkv")
    assert (after.frame_rate, after.frame_count, after.format) == (before.frame_rate, before.frame_count, before.format)
    same = [all(map(np.array_equal, one.planes, other.planes)) for one, other in zip(before, after, strict=True)]
    assert same == [False] * 5 + [True]  # the last frame has no face
    first, edited = next(iter(before)).to_rgb8(), next(iter(after)).to_rgb8()
    assert np.array_equal(first[:8], edited[:8])
    runner.run(set_input(graph_named("quick_attribute_edit"), "DVA_EditByAttribute", strength=0.0))
    for one, other in zip(before, open_video(tmp_path / "saved.mkv"), strict=True):
        assert all(map(np.array_equal, one.planes, other.planes))


def test_a_clip_is_not_read_before_it_is_saved(chain, clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    video = type(chain)(chain.model, open_video(clip))
    track, _, _ = video.align()
    crops, mask = video.decode(video.edit(video.encode(track)))
    images, edited = video.paste(track, crops, mask)
    assert images is None
    again = type(chain)(chain.model, edited)
    crops_again, mask_again = again.decode(again.edit(again.encode(track), -1.0))
    _, twice = again.paste(track, crops_again, mask_again)
    clip.unlink()
    with pytest.raises(Exception, match=r"clip\.mkv"):
        next(iter(twice))


def test_images_with_keyframes_and_a_mask(runner: GraphRunner, tmp_path: Path) -> None:
    runner.run(graph_named("images_keyframes"))
    source = torch.stack([torch.from_numpy(frame.to_rgb()) for frame in open_video(tmp_path / "clip.mkv")])
    pasted, mask = torch.load(tmp_path / "edited.pt"), torch.load(tmp_path / "mask.pt")
    changed = (pasted != source).flatten(1).any(1).tolist()
    assert changed == [False, True, True, True, True, False]  # "0:0, 4:1", and no face in the last
    assert mask.shape == source.shape
    assert (tmp_path / "output/dva/clip_00001_.dva").is_file()
