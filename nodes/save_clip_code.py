"""Save Clip Code."""

from typing import Any

from ..dva_plugin.host import CODE_SUFFIX, current_host
from ..model.code import ClipCode, save_code
from .sockets import CATEGORY, CODE_INPUT, Inputs

PREFIX_TIP = "Name of the file in the output folder, without number and suffix; 'shots/a' puts it into a folder there."


class SaveClipCode:
    """An encoded clip into a file."""

    CATEGORY = CATEGORY
    DESCRIPTION = "Writes the encoded clip, with its track and its edits, into a .dva file in the output folder."
    RETURN_TYPES = ()
    OUTPUT_NODE = True
    FUNCTION = "save"

    @classmethod
    def INPUT_TYPES(cls) -> Inputs:  # noqa: N802 - ComfyUI's name
        """What ComfyUI shows."""
        prefix = ("STRING", {"default": "dva/clip", "tooltip": PREFIX_TIP})
        return {"required": {"code": CODE_INPUT, "filename_prefix": prefix}}

    def save(self, code: ClipCode, filename_prefix: str) -> dict[str, Any]:
        """Write under the next free number."""
        path = current_host().new_output_file(filename_prefix, CODE_SUFFIX)
        save_code(code, path)
        return {"ui": {"text": [str(path)]}, "result": ()}
