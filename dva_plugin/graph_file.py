"""A graph as ComfyUI's "Export (API)" writes it: nodes by id, each with a class and its inputs.

An input is a constant, or a wire: the pair [id of a node, number of its output].
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from ..model.errors import UsageError

LARGEST = 16 * 2**20
"""Bytes of a graph's file; those of thousands of nodes stay far below."""


@dataclass(frozen=True)
class Wire:
    """Where an input comes from."""

    node: str
    output: int


@dataclass(frozen=True)
class Node:
    """One box of the graph."""

    id: str
    kind: str
    """ComfyUI's class_type."""
    inputs: Mapping[str, Any]
    """Name -> Wire or constant."""

    def wires(self) -> dict[str, Wire]:
        """Return the inputs that come from other nodes."""
        return {name: value for name, value in self.inputs.items() if isinstance(value, Wire)}


@dataclass(frozen=True)
class Graph:
    """Everything in one graph's file."""

    path: Path
    nodes: Mapping[str, Node]
    trusted: frozenset[tuple[str, str]] = frozenset()
    """(node, input) whose value came from the command line: it may name files anywhere."""

    @property
    def folder(self) -> Path:
        """Return where the files lie that the graph names."""
        return self.path.absolute().parent

    def with_input(self, node: str, name: str, value: object) -> "Graph":
        """Return the graph with one constant of the user's own."""
        changed = replace(self.nodes[node], inputs={**self.nodes[node].inputs, name: value})
        return replace(self, nodes={**self.nodes, node: changed}, trusted=self.trusted | {(node, name)})

    def of_kind(self, *kinds: str) -> list[Node]:
        """Return the nodes of these classes, in the order of the file."""
        return [node for node in self.nodes.values() if node.kind in kinds]


def read_graph(path: Path) -> Graph:
    """Read a graph's file; UsageError for one that is not a graph in API format."""
    try:
        if path.stat().st_size > LARGEST:
            raise UsageError(f"{path} is larger than {LARGEST >> 20} MiB, which no graph is; name a graph's file")
        data = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path} is not JSON ({error}); name a graph that ComfyUI exported") from error
    return Graph(path, _nodes_of(data, path))


def _nodes_of(data: object, path: Path) -> dict[str, Node]:
    how = "export it in ComfyUI with Workflow > Export (API)"
    if not isinstance(data, dict) or not data:
        raise UsageError(f"{path} holds no graph; {how}")
    graph = cast("dict[str, Any]", data)
    if isinstance(graph.get("nodes"), list) and "links" in graph:
        raise UsageError(f"{path} is a graph as the canvas saves it, which does not name its inputs; {how}")
    prompt = graph.get("prompt")
    if isinstance(prompt, dict) and "class_type" not in prompt:  # as it was sent to a server
        graph = cast("dict[str, Any]", prompt)
    for name, node in graph.items():
        is_node = isinstance(node, dict) and isinstance(node.get("class_type"), str)
        if not is_node or not isinstance(node.get("inputs", {}), dict):
            raise UsageError(f"{path}: {name!r} is not a node with a class_type and inputs; {how}")
    return {name: Node(name, node["class_type"], _inputs_of(node.get("inputs", {}))) for name, node in graph.items()}


def _inputs_of(inputs: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _value_of(value) for name, value in inputs.items()}


def _value_of(value: Any) -> Any:  # noqa: ANN401 - JSON
    match value:
        case [str() | int() as node, int() as output] if not isinstance(output, bool):
            return Wire(str(node), output)
        case {"__value__": wrapped}:  # how ComfyUI tells a list from a wire
            return wrapped
        case _:
            return value
