"""Edit Identity by Attribute."""

from ..dva_plugin.home import installed_packs, pack_facts
from ..model.code import ClipCode
from ..model.editing.attribute import MAX_STRENGTH, attribute_edit
from ..model.editing.curve import curve_values, parse_keyframes
from ..model.errors import ModelFilesError
from ..model.packs.pack import Pack
from .sockets import CATEGORY, CODE, CODE_INPUT, MODEL_INPUT, Inputs

DEFAULT_ATTRIBUTE = "Eyeglasses"
ATTRIBUTE_TIP = "What to change. The list holds the attributes of all installed packs; the loaded pack must know it."
STRENGTH_TIP = (
    f"How far, -{MAX_STRENGTH:g} to {MAX_STRENGTH:g}: 1 adds the attribute, -1 takes it away, 0 edits nothing."
)
KEYFRAMES_TIP = (
    "Empty for the same strength throughout. Or pairs of frame:value, frames counted from 0, such as '0:0, 48:1': the "
    "strength is multiplied by the value, with straight lines between the pairs and constant outside them."
)


class EditByAttribute:
    """One more edit of the clip's identity."""

    CATEGORY = CATEGORY
    DESCRIPTION = "Adds an edit to the code. Edits chain, in any order; they are applied together by Decode."
    RETURN_TYPES = (CODE,)
    RETURN_NAMES = ("code",)
    OUTPUT_TOOLTIPS = ("The code with one more edit.",)
    FUNCTION = "edit"

    @classmethod
    def INPUT_TYPES(cls) -> Inputs:  # noqa: N802 - ComfyUI's name
        """What ComfyUI shows."""
        strength = {"default": 1.0, "min": -MAX_STRENGTH, "max": MAX_STRENGTH, "step": 0.05, "tooltip": STRENGTH_TIP}
        return {
            "required": {
                "model": MODEL_INPUT,
                "code": CODE_INPUT,
                "attribute": (known_attributes(), {"default": DEFAULT_ATTRIBUTE, "tooltip": ATTRIBUTE_TIP}),
                "strength": ("FLOAT", strength),
                "keyframes": ("STRING", {"default": "", "multiline": False, "tooltip": KEYFRAMES_TIP}),
            }
        }

    def edit(self, model: Pack, code: ClipCode, attribute: str, strength: float, keyframes: str) -> tuple[ClipCode]:
        """Append the edit; nothing is computed yet."""
        code.check_pack(model)
        curve = strength * curve_values(parse_keyframes(keyframes), len(code))
        return (code.with_edit(attribute_edit(model, attribute, curve, len(code))),)


def known_attributes() -> list[str]:
    """The attributes of every installed pack, each once; those of a damaged pack are left out, for it cannot load."""
    names: dict[str, None] = {}
    for folder in installed_packs().values():
        try:
            names |= dict.fromkeys(str(attribute["name"]) for attribute in pack_facts(folder)["attributes"])
        except (ModelFilesError, KeyError, TypeError):
            continue
    return list(names)
