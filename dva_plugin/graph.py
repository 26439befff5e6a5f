"""Runs a graph of our nodes, and of the few core nodes that they need, without ComfyUI.

It does what ComfyUI does with the same file: nothing runs that no output needs, a node that stands twice with equal
inputs runs once, and lists are mapped over. What a node gave is let go of behind the last node that takes it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import torch

from ..model.errors import DvaError, UsageError
from .core_nodes import CORE_NODES, SILENT
from .graph_check import Classes, check_graph, converted, sockets
from .graph_file import Graph, Node, Wire
from .host import hosted_by
from .render_host import RenderHost, Withheld

Outputs = list[list[Any]]
"""One list an output; it has more than one item where a node gives a list."""


def node_classes() -> dict[str, type[Any]]:
    """Return the classes of every node that runs without ComfyUI."""
    from ..nodes import NODE_CLASS_MAPPINGS  # noqa: PLC0415 - --help does not wait for torch

    return {**CORE_NODES, **NODE_CLASS_MAPPINGS}


@dataclass(frozen=True)
class Plan:
    """What has to run, in an order in which it can."""

    order: tuple[str, ...]
    twins: Mapping[str, str]
    """Node -> the node that runs for it: itself, or an equal one before it."""


def run_graph(graph: Graph, host: RenderHost, classes: Classes | None = None) -> list[str]:
    """Check a graph, run what its outputs need, and return what the outputs say of themselves.

    Raises UsageError for a graph that cannot run; a node's own error comes with the node's name before it.
    """
    classes = node_classes() if classes is None else classes
    with hosted_by(host), torch.inference_mode():
        check_graph(graph, classes)
        return _Run(graph, host, classes).run()


def plan_of(graph: Graph, classes: Classes) -> Plan:
    """Find what the outputs need. UsageError for a graph that would leave nothing behind."""
    wanted = [n.id for n in graph.nodes.values() if getattr(classes[n.kind], "OUTPUT_NODE", False)]
    wanted = [node for node in wanted if graph.nodes[node].kind not in SILENT]
    if not wanted:
        raise UsageError(f"{graph.path} saves nothing; add Save Video, Save Image or Save Clip Code")
    needed: dict[str, set[str]] = {}
    while wanted:
        node = wanted.pop()
        needed[node] = {wire.node for wire in graph.nodes[node].wires().values()}
        wanted += needed[node] - needed.keys()
    order = tuple(TopologicalSorter(needed).static_order())
    twins: dict[str, str] = {}
    seen: dict[str, str] = {}
    for node in order:
        key = _key(graph.nodes[node], twins)
        is_output = getattr(classes[graph.nodes[node].kind], "OUTPUT_NODE", False)
        twins[node] = node if is_output else seen.setdefault(key, node)
    return Plan(order, twins)


def _key(node: Node, twins: Mapping[str, str]) -> str:
    """Equal for nodes that give the same."""
    given = {n: [[twins[v.node], v.output]] if isinstance(v, Wire) else v for n, v in node.inputs.items()}
    return json.dumps([node.kind, given], sort_keys=True, default=str)


class _Run:
    """One run of a graph that was found to be sound."""

    def __init__(self, graph: Graph, host: RenderHost, classes: Classes) -> None:
        self._graph, self._host, self._classes = graph, host, classes
        self._plan = plan_of(graph, classes)
        self._made: dict[str, Outputs] = {}
        self._said: list[str] = []
        self._takers: dict[str, int] = dict.fromkeys(self._plan.order, 0)
        for node in self._running():
            for source in self._sources(node):
                self._takers[source] += 1

    def run(self) -> list[str]:
        for node in self._running():
            self._host.running = node.id
            try:
                self._made[node.id] = self._call(node)
            except DvaError as error:
                raise type(error)(f"node {node.id} ({node.kind}): {error}") from error
            for source in self._sources(node):
                self._takers[source] -= 1
            for source in [*self._sources(node), node.id]:
                if not self._takers[source]:
                    self._made.pop(source, None)
        return self._said

    def _running(self) -> list[Node]:
        return [self._graph.nodes[node] for node in self._plan.order if self._plan.twins[node] == node]

    def _sources(self, node: Node) -> list[str]:
        return [self._plan.twins[wire.node] for wire in node.wires().values()]

    def _call(self, node: Node) -> Outputs:
        """Run a node once for each item of its longest list, or once with all lists if it asks for that."""
        kind = self._classes[node.kind]
        inputs = {name: self._values(node, name) for name in sockets(kind) if name in node.inputs}
        function = getattr(kind(), kind.FUNCTION)
        if getattr(kind, "INPUT_IS_LIST", False):
            results = [function(**inputs, **self._hidden(node, as_list=True))]
        else:
            rows = _rows(inputs)
            results = [function(**row, **self._hidden(node, as_list=False)) for row in rows]
        return self._collected(kind, results)

    def _values(self, node: Node, name: str) -> list[Any]:
        value = node.inputs[name]
        if not isinstance(value, Wire):
            return [converted(value, sockets(self._classes[node.kind])[name])]
        values = self._made[self._plan.twins[value.node]][value.output]
        for item in values:
            if isinstance(item, Withheld):
                raise UsageError(f"{name!r} got nothing: {item.reason}")
        return values

    def _hidden(self, node: Node, *, as_list: bool) -> dict[str, Any]:
        """What a node asks of the runner itself; ComfyUI has more of it."""
        known = {"PROMPT": prompt_of(self._graph), "UNIQUE_ID": node.id}
        asked = self._classes[node.kind].INPUT_TYPES().get("hidden", {})
        given = {name: known.get(what) for name, what in asked.items()}
        return {name: [value] for name, value in given.items()} if as_list else given

    def _collected(self, kind: type[Any], results: list[Any]) -> Outputs:
        """One row a call -> one list an output. A node that shows something brings that in a dict."""
        shown = [result.get("ui", {}) for result in results if isinstance(result, dict)]
        self._said += [_sentence(str(text)) for ui in shown for text in ui.get("text", ())]
        rows = [result.get("result", ()) if isinstance(result, dict) else result for result in results]
        is_list = getattr(kind, "OUTPUT_IS_LIST", (False,) * len(kind.RETURN_TYPES))
        return [
            [item for row in rows for item in row[i]] if is_list[i] else [row[i] for row in rows]
            for i in range(len(kind.RETURN_TYPES))
        ]


def _sentence(text: str) -> str:
    """What a node says of itself: the file that it wrote, or a text."""
    return f"wrote {text}" if "\n" not in text and Path(text).exists() else text


def _rows(inputs: Mapping[str, list[Any]]) -> list[dict[str, Any]]:
    """The inputs of each call; shorter lists repeat their last item."""
    count = max((len(values) for values in inputs.values()), default=1)
    return [{name: values[min(i, len(values) - 1)] for name, values in inputs.items()} for i in range(count)]


def prompt_of(graph: Graph) -> dict[str, Any]:
    """Return the graph as its file has it."""
    return {
        node.id: {
            "class_type": node.kind,
            "inputs": {n: [v.node, v.output] if isinstance(v, Wire) else v for n, v in node.inputs.items()},
        }
        for node in graph.nodes.values()
    }
