"""Released graphs and templates without ComfyUI: each one runs, and settings change what they should and no more."""

import json
from collections.abc import Callable
from copy import deepcopy
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from canvas import api_of
from graphs import GraphRunner
from tiny import write_tiny_pack
from torch import Tensor

import dva
from dva.dva_plugin.cli import main
from dva.dva_plugin.graph import node_classes, run_graph
from dva.dva_plugin.graph_check import check_graph
from dva.dva_plugin.graph_file import Graph, read_graph
from dva.dva_plugin.render_cli import with_clip
from dva.dva_plugin.render_host import RenderHost
from dva.model.errors import UsageError
from dva.model.video import ArraySource, open_video, write_video

PROJECT = Path(__file__).resolve().parents[2]
TEMPLATES = sorted((PROJECT / "example_workflows/api").glob("*.json"))
RELEASED = sorted((PROJECT / "tests/workflows").glob("*/api/*.json"))
FIRST_RELEASE = PROJECT / "tests/workflows/0.1.0/api"
LATEST = max((PROJECT / "tests/workflows").iterdir(), key=lambda folder: [int(part) for part in folder.name.split(".")])
HEIGHT, WIDTH = 48, 64


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
    graph = json.loads((FIRST_RELEASE / f"{name}.json").read_text(encoding="utf-8"))
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


@pytest.fixture
def with_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tiny pack with a CLIP of thirteen words."""
    pytest.importorskip("open_clip")
    from small_clip import write_small_clip

    from dva.model.packs.text import add_text

    add_text(write_tiny_pack(tmp_path / "worded/tiny"), write_small_clip(tmp_path / "clip.safetensors"))
    monkeypatch.setenv("DVA_PACKS", str(tmp_path / "worded"))
    monkeypatch.setenv("DVA_DIRECTIONS", str(tmp_path / "directions"))


def named(path: Path) -> str:
    return path.relative_to(PROJECT).as_posix()


def for_clip(graph: Graph, clip: Path) -> Graph:
    """The graph on a small clip and the tiny pack, which knows few words and attributes."""
    [source] = graph.of_kind("LoadVideo", "DVA_DemoClip")
    changed = with_clip(graph, f"{source.id}={clip}")
    small = {"pack": "tiny", "attribute": "Eyeglasses", "iterations": 2, "width": WIDTH, "height": HEIGHT}
    for node in graph.nodes.values():
        for name in node.inputs.keys() & small.keys():
            changed = changed.with_input(node.id, name, small[name])
    return changed


@pytest.mark.parametrize("path", RELEASED, ids=named)
def test_every_graph_fits_the_nodes_as_they_are(path: Path, clip: Path) -> None:
    """Before anything is replaced but the clip: attributes, choices and ranges are those of a fresh installation."""
    graph = read_graph(path)
    [source] = graph.of_kind("LoadVideo", "DVA_DemoClip")
    check_graph(graph if source.kind == "DVA_DemoClip" else with_clip(graph, str(clip)), node_classes())


@pytest.mark.parametrize("path", RELEASED, ids=named)
def test_every_graph_saves_a_clip_that_differs_from_its_source_only_where_it_should(
    path: Path, model: object, clip: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    graph = for_clip(read_graph(path), clip)
    if graph.of_kind("DVA_EditByText"):
        request.getfixturevalue("with_words")
    told = run_graph(graph, RenderHost(graph.folder, tmp_path / "out", torch.device("cpu")))
    files = [Path(sentence.removeprefix("wrote ")) for sentence in told if sentence.startswith("wrote ")]
    assert all(file.is_relative_to(tmp_path / "out") for file in files)
    films = [open_video(file) for file in files if file.suffix in (".mp4", ".mkv")]
    pictures = [file for file in files if file.suffix == ".png"]
    before = open_video(clip)
    assert films or len(pictures) == 2 * before.frame_count  # the frames and their masks
    for film in films:
        assert film.frame_rate == before.frame_rate
        assert film.frame_count == before.frame_count
        assert film.size[0] == HEIGHT
        assert film.has_audio == before.has_audio
    for film in [film for film in films if film.format == before.format]:
        same = [np.array_equal(one.to_rgb8(), other.to_rgb8()) for one, other in zip(before, film, strict=True)]
        assert same[-1], "the last frame has no face"
        assert not all(same)


def test_keyframes_that_cannot_be_read_are_told_before_anything_runs() -> None:
    graph = read_graph(PROJECT / "example_workflows/api/edit_over_time.json").with_input("5", "keyframes", "0:0, 48=1")
    with pytest.raises(UsageError, match=r"node 5 \(DVA_EditByAttribute\): keyframes are pairs .* one reads '48=1'"):
        check_graph(graph, node_classes())
    for name in ("EditByAttribute", "EditByText"):
        validate = dva.NODE_CLASS_MAPPINGS[f"DVA_{name}"].VALIDATE_INPUTS
        assert validate(["0:0, 48:1"]) is True and validate([None]) is True and "twice" in validate(["3:1, 3:2"])


def test_a_template_stays_as_it_was_released() -> None:
    kept = {path.name: path.read_bytes() for path in RELEASED if path.parent.parent == LATEST}
    assert {path.name: path.read_bytes() for path in TEMPLATES} == kept


@pytest.mark.parametrize("path", sorted(PROJECT.glob("example_workflows/*.json")), ids=named)
def test_the_canvas_shows_the_graph_that_is_tested(path: Path) -> None:
    """Widgets lie in a saved canvas by position: read as ComfyUI reads them, they are the API graph."""
    canvas = json.loads(path.read_text(encoding="utf-8"))
    api = json.loads((path.parent / "api" / path.name).read_text(encoding="utf-8"))
    assert api_of(canvas, node_classes()) == {node: {k: api[node][k] for k in ("class_type", "inputs")} for node in api}


def test_every_template_has_both_forms_and_a_thumbnail() -> None:
    folder = PROJECT / "example_workflows"
    names = {path.stem for path in TEMPLATES}
    assert {path.stem for path in folder.glob("*.json")} == names
    assert {path.stem for path in folder.glob("*.jpg")} == names
    assert len(names) >= 5
    assert all(path.stat().st_size < 60_000 for path in folder.glob("*.jpg"))


def test_two_people_are_edited_without_a_file_in_between(model: object, clip: Path, tmp_path: Path) -> None:
    """The second Paste Back takes the video of the first; strength 0 in both leaves the film as it was."""
    graph = for_clip(read_graph(PROJECT / "example_workflows/api/two_people.json"), clip)
    for edit in graph.of_kind("DVA_EditByAttribute"):
        graph = graph.with_input(edit.id, "strength", 0.0)
    host = RenderHost(graph.folder, tmp_path, torch.device("cpu"))
    [saver] = graph.of_kind("SaveVideo")
    host.targets = {saver.id: tmp_path / "both.mkv"}
    run_graph(graph, host)
    for one, other in zip(open_video(clip), open_video(tmp_path / "both.mkv"), strict=True):
        assert all(map(np.array_equal, one.planes, other.planes))


def test_the_command_renders_a_graph(
    model: object, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    graph = str(FIRST_RELEASE / "quick_attribute_edit.json")
    options = ["--set", "DVA_LoadModel.pack=tiny", "--set", "5.strength=0", "--input", clip.name, "--device", "cpu"]
    assert main(["render", graph, *options, "-o", "made.mkv"]) == 0
    assert "wrote made.mkv" in capsys.readouterr().out
    for one, other in zip(open_video(clip), open_video(tmp_path / "made.mkv"), strict=True):
        assert all(map(np.array_equal, one.planes, other.planes))
    assert main(["render", graph, *options, "--set", "5.strength=11"]) == 2
    assert "'strength' must be -10" in capsys.readouterr().err
