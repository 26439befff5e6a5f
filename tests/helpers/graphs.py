"""A graph in ComfyUI's API format, run as ComfyUI runs it: along the wires, each node once for equal inputs."""

import json
from collections.abc import Mapping
from typing import Any


class GraphRunner:
    """Keeps outputs between runs, as ComfyUI does: a node runs again when its settings or anything above it changed."""

    def __init__(self, nodes: Mapping[str, type]) -> None:
        self.nodes = nodes
        self.executed: list[str] = []
        """The classes that ran in the latest run, in their order."""
        self._instances: dict[str, Any] = {}
        self._kept: dict[str, tuple[Any, ...]] = {}

    def run(self, graph: dict[str, Any]) -> None:
        """Run every node whose inputs are new."""
        self.executed = []
        self._keys: dict[str, str] = {}
        for node in graph:
            self._outputs(graph, node)

    def _outputs(self, graph: dict[str, Any], node: str) -> tuple[Any, ...]:
        key = self._key(graph, node)
        if key not in self._kept:
            kind = self.nodes[graph[node]["class_type"]]
            inputs = {
                name: self._outputs(graph, value[0])[value[1]] if isinstance(value, list) else value
                for name, value in graph[node]["inputs"].items()
            }
            instance = self._instances.setdefault(node, kind())
            if getattr(kind, "INPUT_IS_LIST", False):  # lists of one item, here as everywhere
                inputs = {name: [value] for name, value in inputs.items()}
            made = getattr(instance, kind.FUNCTION)(**inputs)
            made = made.get("result", ()) if isinstance(made, dict) else made
            self._kept[key] = tuple(one for (one,) in made) if hasattr(kind, "OUTPUT_IS_LIST") else made
            self.executed.append(graph[node]["class_type"])
        return self._kept[key]

    def _key(self, graph: dict[str, Any], node: str) -> str:
        """A node's class, its settings, what it says of its files, and the same of every node above it."""
        if node not in self._keys:
            kind, inputs = graph[node]["class_type"], graph[node]["inputs"]
            given = {n: [self._key(graph, v[0]), v[1]] if isinstance(v, list) else v for n, v in inputs.items()}
            changed = getattr(self.nodes[kind], "IS_CHANGED", None)
            constants = {n: None if isinstance(v, list) else v for n, v in inputs.items()}
            self._keys[node] = json.dumps([kind, given, changed(**constants) if changed else False])
        return self._keys[node]
