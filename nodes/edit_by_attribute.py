"""Edit Identity by Attribute."""

from collections.abc import Sequence
from typing import Any

from ..dva_plugin.home import installed_packs, pack_facts
from ..model.code import ClipCode
from ..model.editing.attribute import MAX_STRENGTH, attribute_edit
from ..model.errors import ModelFilesError
from ..model.packs.pack import Pack
from .lists import each_run, readable, strengths
from .sockets import CATEGORY, CODE, CODE_INPUT, CURVE_INPUT, KEYFRAMES_INPUT, MODEL_INPUT, Inputs

DEFAULT_ATTRIBUTE = "Eyeglasses"
ATTRIBUTE_TIP = "What to change. The list holds the attributes of all installed packs; the loaded pack must know it."
STRENGTH_TIP = (
    f"How far, -{MAX_STRENGTH:g} to {MAX_STRENGTH:g}: 1 adds the attribute, -1 takes it away, 0 edits nothing."
)


class EditByAttribute:
    """One more edit of the clip's identity."""

    CATEGORY = CATEGORY
    DESCRIPTION = "Adds an edit to the code. Edits chain, in any order; they are applied together by Decode."
    RETURN_TYPES = (CODE,)
    RETURN_NAMES = ("code",)
    OUTPUT_TOOLTIPS = ("The code with one more edit.",)
    FUNCTION = "edit"
    INPUT_IS_LIST = True
    OUTPUT_IS_LIST = (True,)

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
                "keyframes": KEYFRAMES_INPUT,
            },
            "optional": {"curve": CURVE_INPUT},
        }

    @classmethod
    def VALIDATE_INPUTS(cls, keyframes: Sequence[str | None] = ()) -> bool | str:  # noqa: N802 - ComfyUI's name
        """Refuse keyframes that cannot be read before the clip is encoded, and not after."""
        return readable(keyframes)

    def edit(
        self,
        model: list[Pack],
        code: list[ClipCode],
        attribute: list[str],
        strength: list[float],
        keyframes: list[str],
        curve: list[Any] | None = None,
    ) -> tuple[list[ClipCode]]:
        """Append the edit; nothing is computed yet."""
        runs = each_run(model, code, attribute, strength, keyframes)
        return ([_edited(*given, curve=curve) for given in runs],)


def _edited(
    model: Pack, code: ClipCode, attribute: str, strength: float, keyframes: str, curve: list[Any] | None
) -> ClipCode:
    code.check_pack(model)
    return code.with_edit(attribute_edit(model, attribute, strengths(strength, keyframes, curve, len(code)), len(code)))


def known_attributes() -> list[str]:
    """The attributes of every installed pack, each once; those of a damaged pack are left out, for it cannot load."""
    names: dict[str, None] = {}
    for folder in installed_packs().values():
        try:
            names |= dict.fromkeys(str(attribute["name"]) for attribute in pack_facts(folder)["attributes"])
        except (ModelFilesError, KeyError, TypeError):
            continue
    return list(names)
