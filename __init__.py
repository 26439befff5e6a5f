"""Diffusion Video Autoencoders as a Python package and as a ComfyUI node pack.

ComfyUI asks this module for its three names below; only then are the nodes imported, so `import dva.model` stays light.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .nodes import NODE_CLASS_MAPPINGS, NODE_DISPLAY_NAME_MAPPINGS

WEB_DIRECTORY = "./web"

__all__ = ["NODE_CLASS_MAPPINGS", "NODE_DISPLAY_NAME_MAPPINGS", "WEB_DIRECTORY"]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - the signature Python lays down for modules
    if name in ("NODE_CLASS_MAPPINGS", "NODE_DISPLAY_NAME_MAPPINGS"):
        from . import nodes  # noqa: PLC0415 - the nodes bring torch with them

        return getattr(nodes, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
