"""What can be wrong with a graph, found before anything is computed, and said all at once."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from inspect import signature
from pathlib import Path, PureWindowsPath
from typing import Any

from ..model.errors import UsageError
from .graph_file import Graph, Node, Wire

Classes = Mapping[str, type[Any]]
"""class_type -> the class that runs it, with ComfyUI's INPUT_TYPES, RETURN_TYPES and FUNCTION."""

FILE_INPUTS = {("LoadVideo", "file"), ("LoadImage", "image"), ("LoadImageMask", "image")}
"""Constants that name a file to read, relative to the graph's folder."""
PREFIX_INPUT = "filename_prefix"
"""Of every node that writes files: where in the output folder, and how they are called."""
INPUT_MARK = " [input]"
"""How ComfyUI marks a file of its input folder; our graphs have their files beside them."""


@dataclass(frozen=True)
class Socket:
    """What a node asks of one input."""

    type: str | list[Any]
    """A type's name, several with commas between, or the choices."""
    options: Mapping[str, Any]
    is_required: bool


def sockets(kind: type[Any]) -> dict[str, Socket]:
    """Return the inputs of a class by name; the hidden ones are not among them."""
    sections = kind.INPUT_TYPES()
    found: dict[str, Socket] = {}
    for section in ("required", "optional"):
        for name, (type_, *options) in sections.get(section, {}).items():
            found[name] = Socket(type_, options[0] if options else {}, section == "required")
    return found


def check_graph(graph: Graph, classes: Classes) -> None:
    """Raise UsageError that names every fault of a graph, or the nodes that only ComfyUI can run."""
    if foreign := [node for node in graph.nodes.values() if node.kind not in classes]:
        named = ", ".join(f"{node.kind} (node {node.id})" for node in foreign)
        ours = ", ".join(sorted(kind for kind in classes if not kind.startswith("DVA_")))
        raise UsageError(
            f"{graph.path} has nodes that run in ComfyUI only: {named}; "
            f"without it there are the DVA nodes and {ours}, so take the others out or run the graph in ComfyUI"
        )
    schemas = {kind: sockets(classes[kind]) for kind in {node.kind for node in graph.nodes.values()}}
    faults = [
        f"node {node.id} ({node.kind}): {fault}"
        for node in graph.nodes.values()
        for fault in _faults_of(node, graph, classes, schemas[node.kind])
    ]
    faults += _cycle(graph)
    if faults:
        raise UsageError(f"{graph.path} cannot be run: {'; '.join(faults)}")


def converted(value: Any, socket: Socket) -> Any:  # noqa: ANN401 - what JSON or a command line brings
    """Return a constant as the type that the node expects, as ComfyUI does; ValueError where that cannot be."""
    try:
        match socket.type:
            case "INT":
                return int(value)
            case "FLOAT":
                return float(value)
            case "STRING":
                return str(value)
            case "BOOLEAN":
                return _boolean(value)
            case _:
                return value
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"must be {socket.type}, not {value!r}") from error


def fitting(received: str, wanted: str | list[Any]) -> bool:
    """Whether an output's type may go into an input: one of the types that both name."""
    if isinstance(wanted, list):
        return received in ("STRING", "COMBO", "*")
    return "*" in (received, wanted) or not set(received.split(",")).isdisjoint(wanted.split(","))


def _boolean(value: Any) -> bool:  # noqa: ANN401
    """Text comes from command lines; ComfyUI would take "false" for true."""
    match str(value).lower():
        case "true" | "1" | "yes" | "on":
            return True
        case "false" | "0" | "no" | "off":
            return False
        case _:
            raise ValueError


def _faults_of(node: Node, graph: Graph, classes: Classes, schema: Mapping[str, Socket]) -> Iterator[str]:
    for name in node.inputs:
        if name not in schema:
            yield f"there is no input {name!r}, only {', '.join(schema)}"
    for name, socket in schema.items():
        if name not in node.inputs:
            if socket.is_required:
                yield f"the input {name!r} is missing"
        elif isinstance(node.inputs[name], Wire):
            yield from _wire_faults(name, node.inputs[name], socket, graph, classes)
        else:
            yield from _constant_faults(node, name, socket, graph)
    yield from _own_faults(node, classes[node.kind], schema)


def _own_faults(node: Node, kind: type[Any], schema: Mapping[str, Socket]) -> Iterator[str]:
    """What a class itself finds wrong with constants, as ComfyUI asks it; it gets a list where it always does."""
    validate = getattr(kind, "VALIDATE_INPUTS", None)
    if validate is None:
        return
    given = {name: node.inputs[name] for name in signature(validate).parameters if name in node.inputs}
    try:
        constants = {n: None if isinstance(v, Wire) else converted(v, schema[n]) for n, v in given.items()}
    except ValueError:
        return  # said already
    if getattr(kind, "INPUT_IS_LIST", False):
        constants = {name: [value] for name, value in constants.items()}
    if (said := validate(**constants)) is not True:
        yield str(said)


def _wire_faults(name: str, wire: Wire, socket: Socket, graph: Graph, classes: Classes) -> Iterator[str]:
    if wire.node not in graph.nodes:
        yield f"{name!r} is wired to node {wire.node}, which is not in the graph"
        return
    kind = graph.nodes[wire.node].kind
    given = classes[kind].RETURN_TYPES
    if not 0 <= wire.output < len(given):
        yield f"{name!r} is wired to output {wire.output} of node {wire.node} ({kind}), which has {len(given)}"
    elif not fitting(given[wire.output], socket.type):
        wanted = "one of a list" if isinstance(socket.type, list) else socket.type.replace(",", " or ")
        yield f"{name!r} takes {wanted}, but output {wire.output} of node {wire.node} ({kind}) is {given[wire.output]}"


def _constant_faults(node: Node, name: str, socket: Socket, graph: Graph) -> Iterator[str]:
    value = node.inputs[name]
    if (node.kind, name) in FILE_INPUTS:
        is_users = (node.id, name) in graph.trusted
        yield from () if is_users else _file_faults(name, value, graph)
        return
    if isinstance(socket.type, str) and socket.type not in ("INT", "FLOAT", "STRING", "BOOLEAN"):
        yield f"{name!r} needs a wire that brings {socket.type.replace(',', ' or ')}, not {value!r}"
        return
    try:
        value = converted(value, socket)
    except ValueError as error:
        yield f"{name!r} {error}"
        return
    if isinstance(socket.type, list) and value not in socket.type:
        yield f"{name!r} must be one of {', '.join(map(str, socket.type)) or 'none'}, not {value!r}"
    low, high = socket.options.get("min", -math.inf), socket.options.get("max", math.inf)
    if socket.type in ("INT", "FLOAT") and not low <= value <= high:
        yield f"{name!r} must be {low} to {high}, not {value}"
    if name == PREFIX_INPUT and not stays_inside(value):
        yield f"{name!r} leads out of the output folder: {value!r}"


def _file_faults(name: str, value: object, graph: Graph) -> Iterator[str]:
    if not isinstance(value, str) or not value:
        yield f"{name!r} must name a file, not {value!r}"
    elif not stays_inside(file_name(value)) or not _file(graph, value).resolve().is_relative_to(graph.folder.resolve()):
        yield f"{name!r} leads out of the graph's folder: {value!r}; name your own file with --input or --set"
    elif not _file(graph, value).is_file():
        yield f"{name!r}: there is no file {value!r} beside the graph; name your own with --input or --set"


def file_name(value: str) -> str:
    """Return a file's name without ComfyUI's mark."""
    return value.removesuffix(INPUT_MARK)


def stays_inside(name: str) -> bool:
    """Whether a name stays in its folder on every system: Windows knows all separators, and drives."""
    path = PureWindowsPath(name)
    return not path.anchor and ".." not in path.parts


def _file(graph: Graph, value: str) -> Path:
    return graph.folder / file_name(value)


def _cycle(graph: Graph) -> list[str]:
    wires = {node.id: {wire.node for wire in node.wires().values()} for node in graph.nodes.values()}
    try:
        TopologicalSorter(wires).prepare()
    except CycleError as error:
        return [f"the wires run in a circle: {' -> '.join(error.args[1])}"]
    return []
