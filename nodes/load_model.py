"""Load DVA Model."""

from ..dva_plugin.home import find_pack, installed_packs
from ..model.packs.pack import Pack, load_pack
from .sockets import CATEGORY, MODEL, Inputs


class LoadModel:
    """A pack by its name."""

    CATEGORY = CATEGORY
    DESCRIPTION = "Loads a model pack. 'mini' comes with the plugin; `dva packs list` tells how to get others."
    RETURN_TYPES = (MODEL,)
    RETURN_NAMES = ("model",)
    OUTPUT_TOOLTIPS = ("The model pack, for every node below.",)
    FUNCTION = "load"

    @classmethod
    def INPUT_TYPES(cls) -> Inputs:  # noqa: N802 - ComfyUI's name
        """What ComfyUI shows."""
        tooltip = "Name of an installed pack: a folder in models/dva, or 'mini', which comes with the plugin."
        return {"required": {"pack": (list(installed_packs()), {"default": "mini", "tooltip": tooltip})}}

    def load(self, pack: str) -> tuple[Pack]:
        """Read and check the pack's files."""
        return (load_pack(find_pack(pack)),)
