"""Graphs without ComfyUI: what runs, in which order, how often, and what is refused before anything does."""

import json
from pathlib import Path
from typing import Any

import pytest

from dva.dva_plugin.graph import node_classes, run_graph
from dva.dva_plugin.graph_check import fitting, stays_inside
from dva.dva_plugin.graph_file import read_graph
from dva.dva_plugin.render_cli import targets_of, with_clip, with_setting
from dva.dva_plugin.render_host import RenderHost
from dva.model.errors import InputError, UsageError


class Calls(list[tuple[str, Any]]):
    """Every call of a node, in its order: (class, what it got)."""

    def classes(self) -> dict[str, type]:
        def node(name: str, function: Any, *returns: str, optional: tuple[str, ...] = (), **inputs: Any) -> type:
            def run(_: object, **given: Any) -> Any:
                self.append((name, given))
                return function(**given)

            schema = {
                "required": {key: kind for key, kind in inputs.items() if key not in optional},
                "optional": {key: inputs[key] for key in optional},
            }
            return type(
                name, (), {"INPUT_TYPES": lambda: schema, "FUNCTION": "run", "run": run, "RETURN_TYPES": returns}
            )

        def refuse(value: int) -> None:
            raise InputError("that will not do")

        number = ("INT", {"default": 0, "min": 0, "max": 9})
        classes = {
            "Number": node("Number", lambda value: (value,), "INT", value=number),
            "Both": node("Both", lambda a, b=0: (a + b, str(a)), "INT", "STRING", a=number, b=number, optional=("b",)),
            "Numbers": node("Numbers", lambda count: (list(range(count)),), "INT", count=number),
            "Sum": node("Sum", lambda values: (sum(values),), "INT", values=number),
            "Refuse": node("Refuse", refuse, "INT", value=number),
            "Choose": node("Choose", lambda kind: (0,), "INT", kind=(["a", "b"],)),
            "Show": node("Show", lambda value: {"ui": {"text": [str(value)]}}, value=("INT,STRING",)),
        }
        classes["Numbers"].OUTPUT_IS_LIST = (True,)
        classes["Sum"].INPUT_IS_LIST = True
        classes["Show"].OUTPUT_NODE = True
        return classes

    def names(self) -> list[str]:
        return [name for name, _ in self]


@pytest.fixture
def calls() -> Calls:
    return Calls()


def written(folder: Path, graph: object) -> Path:
    path = folder / "graph.json"
    path.write_text(json.dumps(graph), encoding="utf-8")
    return path


def nodes(**kinds: tuple[str, dict[str, Any]]) -> dict[str, Any]:
    return {name: {"class_type": kind, "inputs": inputs} for name, (kind, inputs) in kinds.items()}


def run(folder: Path, calls: Calls, graph: object) -> list[str]:
    return run_graph(read_graph(written(folder, graph)), RenderHost(folder, folder), calls.classes())


def test_values_travel_along_the_wires(tmp_path: Path, calls: Calls) -> None:
    graph = nodes(
        show=("Show", {"value": ["sum", 0]}),
        sum=("Both", {"a": ["one", 0], "b": 4}),
        one=("Number", {"value": "3"}),
        text=("Show", {"value": ["sum", 1]}),
    )
    assert sorted(run(tmp_path, calls, graph)) == ["3", "7"]
    assert calls.names().count("Both") == 1


def test_equal_nodes_run_once_and_what_nobody_needs_never(tmp_path: Path, calls: Calls) -> None:
    graph = nodes(
        a=("Number", {"value": 2}),
        b=("Number", {"value": 2}),
        unused=("Refuse", {"value": ["a", 0]}),
        left=("Both", {"a": ["a", 0], "b": ["b", 0]}),
        right=("Both", {"a": ["b", 0], "b": ["a", 0]}),
        one=("Show", {"value": ["left", 0]}),
        two=("Show", {"value": ["right", 0]}),
    )
    assert run(tmp_path, calls, graph) == ["4", "4"]
    assert sorted(calls.names()) == ["Both", "Number", "Show", "Show"]


def test_lists_are_mapped_over_or_taken_whole(tmp_path: Path, calls: Calls) -> None:
    graph = nodes(
        list=("Numbers", {"count": 4}),
        plus=("Both", {"a": ["list", 0], "b": 1}),
        sum=("Sum", {"values": ["plus", 0]}),
        single=("Sum", {"values": 5}),
        one=("Show", {"value": ["sum", 0]}),
        two=("Show", {"value": ["single", 0]}),
    )
    assert sorted(run(tmp_path, calls, graph)) == ["10", "5"]
    assert [given["a"] for name, given in calls if name == "Both"] == [0, 1, 2, 3]


def test_the_error_of_a_node_names_the_node_and_keeps_its_kind(tmp_path: Path, calls: Calls) -> None:
    graph = nodes(a=("Refuse", {"value": 1}), b=("Show", {"value": ["a", 0]}))
    with pytest.raises(InputError, match=r"node a \(Refuse\): that will not do"):
        run(tmp_path, calls, graph)


@pytest.mark.parametrize(
    ("node", "said"),
    [
        (("Number", {}), "'value' is missing"),
        (("Number", {"value": 10}), "0 to 9, not 10"),
        (("Number", {"value": "x"}), "must be INT, not 'x'"),
        (("Number", {"value": 1, "more": 2}), "no input 'more', only value"),
        (("Number", {"value": ["nowhere", 0]}), "node nowhere, which is not in the graph"),
        (("Number", {"value": ["end", 0]}), "output 0 of node end"),
        (("Number", {"value": ["text", 1]}), r"takes INT, but output 1 of node text \(Both\) is STRING"),
        (("Number", {"value": ["text", -1]}), "output -1 of node text"),
        (("Choose", {"kind": "c"}), "one of a, b, not 'c'"),
        (("Show", {"value": 3}), "needs a wire that brings INT or STRING"),
        (("Both", {"a": ["this", 0]}), "in a circle: this -> this"),
    ],
)
def test_what_is_wrong_is_said_before_anything_runs(tmp_path: Path, calls: Calls, node: Any, said: str) -> None:
    graph = nodes(this=node, text=("Both", {"a": 1}), end=("Show", {"value": ["text", 0]}))
    with pytest.raises(UsageError, match=said):
        run(tmp_path, calls, graph)
    assert calls == []


def test_all_faults_are_said_at_once(tmp_path: Path, calls: Calls) -> None:
    graph = nodes(a=("Number", {}), b=("Number", {"value": 77}), c=("Show", {"value": ["a", 0]}))
    with pytest.raises(UsageError, match=r"node a .* is missing; node b .* 77"):
        run(tmp_path, calls, graph)


def test_foreign_nodes_are_refused_by_name(tmp_path: Path) -> None:
    graph = nodes(**{"7": ("KSampler", {}), "8": ("VHS_LoadVideo", {"video": "x.mp4"})})
    with pytest.raises(UsageError, match=r"KSampler \(node 7\), VHS_LoadVideo \(node 8\).*LoadVideo.*SaveVideo"):
        run_graph(read_graph(written(tmp_path, graph)), RenderHost(tmp_path, tmp_path))


def test_a_graph_that_leaves_nothing_behind_is_refused(tmp_path: Path, calls: Calls) -> None:
    with pytest.raises(UsageError, match="saves nothing"):
        run(tmp_path, calls, nodes(a=("Number", {"value": 1})))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[]", "holds no graph"),
        ('{"nodes": [], "links": []}', r"Export \(API\)"),
        ('{"1": {"inputs": {}}}', "'1' is not a node"),
        ('{"1": {"class_type": "LoadVideo", "inputs": []}}', "'1' is not a node"),
    ],
)
def test_what_is_no_graph_is_one_sentence(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "graph.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=said):
        read_graph(path)


NAMES_OUTSIDE = [
    "../clip.mp4",
    "/clip.mp4",
    "a/../../clip.mp4",
    "C:\\clip.mp4",
    "..\\clip.mp4",
    "\\\\host\\share\\c.mp4",
]


@pytest.mark.parametrize("name", NAMES_OUTSIDE)
def test_a_graph_reads_no_file_outside_its_folder(tmp_path: Path, name: str) -> None:
    assert not stays_inside(name)
    folder = tmp_path / "graphs"
    folder.mkdir()
    (tmp_path / "c.mp4").touch()
    graph = nodes(a=("LoadVideo", {"file": name}), b=("PreviewAny", {"source": ["a", 0]}))
    with pytest.raises(UsageError, match=r"leads out of the graph's folder"):
        run_graph(read_graph(written(folder, graph)), RenderHost(folder, folder))


def test_a_link_that_leads_outside_is_a_way_out_too(tmp_path: Path) -> None:
    folder = tmp_path / "graphs"
    folder.mkdir()
    (tmp_path / "secret.png").touch()
    (folder / "innocent.png").symlink_to(tmp_path / "secret.png")
    graph = nodes(
        a=("LoadImage", {"image": "innocent.png"}), b=("SaveImage", {"images": ["a", 0], "filename_prefix": "x"})
    )
    with pytest.raises(UsageError, match="leads out"):
        run_graph(read_graph(written(folder, graph)), RenderHost(folder, folder))
    (tmp_path / "secret.dva").touch()
    (folder / "innocent.dva").symlink_to(tmp_path / "secret.dva")
    (folder / "own.dva").touch()
    host = RenderHost(folder, folder)
    assert host.code_files().keys() == {"own.dva"}
    host.codes = {"/any/where.dva": tmp_path / "secret.dva"}
    assert host.code_files().keys() == {"own.dva", "/any/where.dva"}


@pytest.mark.parametrize("prefix", ["../x", "/x", "a/../../x", "C:x"])
def test_a_graph_writes_nothing_outside_the_output_folder(tmp_path: Path, prefix: str) -> None:
    graph = nodes(
        a=("SolidMask", {"value": 1, "width": 4, "height": 4}),
        b=("MaskToImage", {"mask": ["a", 0]}),
        c=("SaveImage", {"images": ["b", 0], "filename_prefix": prefix}),
    )
    with pytest.raises(UsageError, match="leads out of the output folder"):
        run_graph(read_graph(written(tmp_path, graph)), RenderHost(tmp_path, tmp_path / "out"))


def test_the_user_may_name_any_file(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere/clip.mkv"
    elsewhere.parent.mkdir()
    elsewhere.touch()
    graph = read_graph(written(tmp_path, nodes(**{"1": ("LoadVideo", {"file": "clip.mp4"})})))
    for changed in (with_clip(graph, str(elsewhere)), with_setting(graph, f"1.file={elsewhere}", node_classes())):
        assert changed.nodes["1"].inputs["file"] == str(elsewhere)
        assert ("1", "file") in changed.trusted


def test_a_clip_takes_the_place_of_the_demo_clip_and_of_its_images(tmp_path: Path) -> None:
    clip = tmp_path / "clip.mkv"
    clip.touch()
    graph = nodes(
        **{
            "1": ("DVA_DemoClip", {"kind": "one person", "seconds": 0.5}),
            "2": ("PreviewAny", {"source": ["1", 0]}),
            "3": ("PreviewAny", {"source": ["1", 1]}),
        }
    )
    changed = with_clip(read_graph(written(tmp_path, graph)), f"1={clip}")
    kinds = {name: changed.nodes[changed.nodes[name].wires()["source"].node].kind for name in ("2", "3")}
    assert kinds == {"2": "GetVideoComponents", "3": "LoadVideo"}


def test_the_node_meant_by_an_option_must_be_clear(tmp_path: Path) -> None:
    graph = nodes(
        **{
            "1": ("LoadVideo", {"file": "a.mp4"}),
            "2": ("LoadVideo", {"file": "b.mp4"}),
            "3": ("SaveVideo", {"video": ["1", 0], "filename_prefix": "x", "format": "auto", "codec": "auto"}),
        }
    )
    (tmp_path / "c.mp4").touch()
    read = read_graph(written(tmp_path, graph))
    with pytest.raises(UsageError, match=r"1 \(LoadVideo\), 2 \(LoadVideo\); say which"):
        with_clip(read, str(tmp_path / "c.mp4"))
    assert with_clip(read, f"2={tmp_path / 'c.mp4'}").nodes["1"].inputs["file"] == "a.mp4"
    for text, said in (
        ("LoadVideo.file=x", "several"),
        ("9.file=x", "no node"),
        ("1.strength=1", "no input"),
        ("1", "takes"),
    ):
        with pytest.raises(UsageError, match=said):
            with_setting(read, text, node_classes())
    for clip, said in ((tmp_path / "none.mp4", "no file"), (tmp_path, "is a folder")):
        with pytest.raises(UsageError, match=said):
            with_clip(read, f"2={clip}")
    assert targets_of(read, ["out.mkv"])[0] == {"3": Path("out.mkv")}
    assert targets_of(read, [str(tmp_path)]) == ({}, tmp_path)
    for name, said in (
        ("1=out.mkv", "node 1 is LoadVideo"),
        ("out.avi", "suffix must"),
        ("no/o.mkv", "no folder"),
        ("out.dva", "no node for .dva files"),
    ):
        with pytest.raises(UsageError, match=said):
            targets_of(read, [name])


def test_types_fit_as_in_comfyui() -> None:
    assert fitting("IMAGE", "IMAGE,VIDEO")
    assert fitting("VIDEO", "*")
    assert not fitting("MASK", "IMAGE,VIDEO")
    assert not fitting("IMAGE", ["a", "b"])
