"""A saved canvas (ComfyUI's UI format) as the API graph that its front end sends."""

from collections.abc import Mapping
from typing import Any

from dva.dva_plugin.graph_check import Classes, sockets

WIDGETS = ("INT", "FLOAT", "STRING", "BOOLEAN")
NOTES = ("MarkdownNote", "Note")
UPLOAD = {"LoadVideo", "LoadImage", "LoadImageMask"}
"""Behind their widgets stands one more, the upload button, which is not sent."""


def api_of(canvas: Mapping[str, Any], classes: Classes) -> dict[str, Any]:
    """Node id -> class and inputs. Widgets are taken by their position, wires by their input's name."""
    nodes = {node["id"]: node for node in canvas["nodes"]}
    wires = {link[0]: (link[1], link[2]) for link in canvas["links"]}

    def origin(link: int) -> list[Any]:
        node, output = wires[link]
        if nodes[node]["type"] == "Reroute":
            return origin(nodes[node]["inputs"][0]["link"])
        return [str(node), output]

    found: dict[str, Any] = {}
    for node in nodes.values():
        if node["type"] in (*NOTES, "Reroute"):
            continue
        schema = sockets(classes[node["type"]])
        widgets = [name for name, socket in schema.items() if _is_widget(socket.type, socket.options)]
        values = node["widgets_values"][: -1 if node["type"] in UPLOAD else None]
        assert len(values) == len(widgets), f"{node['type']}: {values} for {widgets}"
        given = dict(zip(widgets, values, strict=True))
        given |= {entry["name"]: origin(entry["link"]) for entry in node["inputs"] if entry["link"] is not None}
        inputs = {name: given[name] for name in schema if name in given}
        found[str(node["id"])] = {"class_type": node["type"], "inputs": inputs}
    return found


def _is_widget(kind: object, options: Mapping[str, Any]) -> bool:
    return (isinstance(kind, list) or kind in WIDGETS) and not options.get("forceInput")
