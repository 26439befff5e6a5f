"""`dva render`: a graph saved in ComfyUI, run without it."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ..model.errors import UsageError
from .console import ConsoleProgress, say
from .host import DEVICE_NAMES, choose_device

if TYPE_CHECKING:
    from ..model.video import CodecChoice
    from .graph_check import Classes
    from .graph_file import Graph, Node

CLIP_SOURCES = ("LoadVideo", "DVA_DemoClip")
SAVERS = {
    ".dva": ("DVA_SaveClipCode",),
    "": ("SaveVideo", "DVA_SaveVideo"),
}
"""Suffix -> the nodes that write it; those of the last line write every kind of clip."""


def add_render_options(render: argparse.ArgumentParser) -> None:
    """What `dva render` takes."""
    render.add_argument("graph", type=Path, metavar="GRAPH", help="graph in API format: Workflow > Export (API)")
    render.add_argument(
        "--set", action="append", default=[], metavar="NODE.INPUT=VALUE", dest="settings",
        help="change one setting; NODE is its number in the graph, or its class where there is one of that class",
    )  # fmt: skip
    render.add_argument(
        "--input", action="append", default=[], metavar="[NODE=]CLIP", dest="inputs",
        help="the clip to run on, in place of the one that the graph loads or draws",
    )  # fmt: skip
    render.add_argument(
        "-o", "--output", action="append", default=[], metavar="[NODE=]OUT", dest="outputs",
        help="file for what the graph saves, or a folder (default: ./output) for all it saves",
    )  # fmt: skip
    render.add_argument("--device", choices=DEVICE_NAMES, default="auto", help="where to compute (default auto)")
    render.set_defaults(run=_render)


def _render(options: argparse.Namespace) -> None:
    from .graph import node_classes, run_graph
    from .graph_file import read_graph
    from .jobs import memory_spoken
    from .render_host import RenderHost

    device, classes = choose_device(options.device), node_classes()
    graph = read_graph(options.graph)
    for clip in options.inputs:
        graph = with_clip(graph, clip)
    for setting in options.settings:
        graph = with_setting(graph, setting, classes)
    targets, folder = targets_of(graph, options.outputs)
    with memory_spoken(device, f"run {options.graph}"), ConsoleProgress() as progress:
        host = RenderHost(graph.folder, folder, device, progress)
        host.targets, host.codes = targets, named_codes(graph)
        told = run_graph(graph, host, classes)
    for sentence in told:
        say(sentence)


def with_setting(graph: "Graph", text: str, classes: "Classes") -> "Graph":
    """Return the graph with NODE.INPUT=VALUE; a file's name counts from the current folder."""
    from .graph_check import FILE_INPUTS, sockets

    place, equals, value = text.partition("=")
    name, dot, key = place.rpartition(".")
    if not equals or not dot:
        raise UsageError(f"--set takes NODE.INPUT=VALUE, such as 5.strength=0.5, not {text!r}")
    node = node_named(graph, name)
    if node.kind in classes and key not in (known := sockets(classes[node.kind])):
        raise UsageError(f"node {node.id} ({node.kind}) has no input {key!r}, only {', '.join(known)}")
    is_file = (node.kind, key) in FILE_INPUTS
    return graph.with_input(node.id, key, str(existing(value)) if is_file else value)


def with_clip(graph: "Graph", text: str) -> "Graph":
    """Return the graph with a clip of the user's in the place of the one that it loads or draws."""
    from dataclasses import replace

    from .graph_file import Node, Wire

    node, path = chosen_node(graph, text, CLIP_SOURCES, "--input", "clips")
    clip = str(existing(path))
    if node.kind == "LoadVideo":
        return graph.with_input(node.id, "file", clip)
    frames = f"{node.id} frames"  # a number cannot have a space, so no other node is called so
    moved = {Wire(node.id, 0): Wire(frames, 0), Wire(node.id, 1): Wire(node.id, 0)}
    nodes = {
        other.id: replace(
            other, inputs={n: moved.get(v, v) if isinstance(v, Wire) else v for n, v in other.inputs.items()}
        )
        for other in graph.nodes.values()
    }
    nodes[node.id] = Node(node.id, "LoadVideo", {})
    nodes[frames] = Node(frames, "GetVideoComponents", {"video": Wire(node.id, 0)})
    return replace(graph, nodes=nodes).with_input(node.id, "file", clip)


def targets_of(graph: "Graph", outputs: list[str]) -> tuple[dict[str, Path], Path]:
    """Return node -> file, and the folder for everything else."""
    targets: dict[str, Path] = {}
    folder = Path("output").absolute()
    for text in outputs:
        if Path(text).is_dir() or text.endswith(("/", "\\")):
            folder = Path(text).absolute()
            continue
        suffix = Path(text).suffix.lower()
        kinds = SAVERS.get(suffix, SAVERS[""])
        node, name = chosen_node(graph, text, kinds, "-o", f"{suffix or 'video'} files")
        targets[node.id] = writable(Path(name), node)
    return targets, folder


def writable(path: Path, node: "Node") -> Path:
    """Return the file or folder that a node is to write; UsageError where it cannot, or that would show at the end."""
    from ..model.video.encoding import ENCODERS, choose_codec

    chosen = node.inputs.get("codec") if node.kind == "DVA_SaveVideo" else None
    named: list[CodecChoice] = [codec for codec in ENCODERS if codec == chosen]
    codec = named[0] if named else "auto"
    folder = path.absolute().parent
    if codec in ("png8", "png16"):
        if path.suffix:
            raise UsageError(f"node {node.id} ({node.kind}) writes a folder of pictures; name it without {path.suffix}")
    elif node.kind != "DVA_SaveClipCode":
        choose_codec(path, codec)
        folder = folder.parent if path.suffix.lower() == ".png" else folder
    if not folder.is_dir():
        raise UsageError(f"{path} cannot be written: there is no folder {folder}; make it first")
    return path


def named_codes(graph: "Graph") -> dict[str, Path]:
    """Return the clip codes that --set names."""
    chosen = [(graph.nodes[node].inputs[name], name) for node, name in graph.trusted if node in graph.nodes]
    return {value: existing(value) for value, name in chosen if name == "code_file"}


def chosen_node(graph: "Graph", text: str, kinds: tuple[str, ...], option: str, what: str) -> "tuple[Node, str]":
    """Return the node that [NODE=]VALUE means, and the value; without NODE there has to be one node of these kinds."""
    name, equals, value = text.partition("=")
    candidates = graph.of_kind(*kinds)
    if equals and (name in graph.nodes or graph.of_kind(name)):
        node = node_named(graph, name)
        if node not in candidates:
            raise UsageError(f"{option} {text}: node {node.id} is {node.kind}, not {' or '.join(kinds)}")
        return node, value
    if not candidates:
        raise UsageError(f"{option} {text}: the graph has no node for {what}, which would be {' or '.join(kinds)}")
    if len(candidates) != 1:
        found = ", ".join(f"{node.id} ({node.kind})" for node in candidates)
        raise UsageError(
            f"{option} {text}: the graph has these nodes for {what}: {found}; say which: {option} NODE={text}"
        )
    return candidates[0], text


def node_named(graph: "Graph", name: str) -> "Node":
    """Return the node of that number, or the only one of that class; UsageError otherwise."""
    if name in graph.nodes:
        return graph.nodes[name]
    found = graph.of_kind(name)
    if len(found) == 1:
        return found[0]
    listed = ", ".join(f"{node.id} ({node.kind})" for node in found or graph.nodes.values())
    problem = "several nodes of the class" if found else "no node"
    raise UsageError(f"{graph.path} has {problem} {name!r}: {listed}")


def existing(name: str) -> Path:
    """Return a file of the user's, with its whole path."""
    path = Path(name).expanduser().absolute()
    if path.is_dir():
        raise UsageError(f"{path} is a folder; name a file")
    if not path.is_file():
        raise UsageError(f"there is no file {path}; name one that is there")
    return path
