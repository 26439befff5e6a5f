"""Decode."""

from torch import Tensor

from ..dva_plugin.host import current_host, with_less_memory
from ..model.code import MAX_GUIDANCE, ClipCode
from ..model.packs.pack import Pack
from .at_work import at_work
from .convert import image_of_decoded
from .sockets import CATEGORY, CODE_INPUT, MODEL_INPUT, Inputs

GUIDANCE_TIP = (
    f"How much further decoding goes beyond the edit, 0 to {MAX_GUIDANCE:g}: faint edits get stronger and soon "
    "burn out, and every frame takes longer."
)


class Decode:
    """A code with its edits, as crops."""

    CATEGORY = CATEGORY
    DESCRIPTION = "Makes the edited crops. Frames on which the edits sum to zero cost nothing and stay as they were."
    RETURN_TYPES = ("IMAGE", "MASK")
    RETURN_NAMES = ("crops", "mask")
    OUTPUT_TOOLTIPS = (
        "One edited crop a frame; black where there is no face.",
        "What the edit may touch, as large as the crops; empty where nothing was edited.",
    )
    FUNCTION = "decode"

    @classmethod
    def INPUT_TYPES(cls) -> Inputs:  # noqa: N802 - ComfyUI's name
        """What ComfyUI shows."""
        guidance = {"default": 0.0, "min": 0.0, "max": MAX_GUIDANCE, "step": 0.05, "tooltip": GUIDANCE_TIP}
        return {
            "required": {"model": MODEL_INPUT, "code": CODE_INPUT},
            "optional": {"guidance": ("FLOAT", guidance)},
        }

    def decode(self, model: Pack, code: ClipCode, guidance: float = 0.0) -> tuple[Tensor, Tensor]:
        """Apply all edits at once."""
        code = code.with_guidance(guidance)
        on_progress = current_host().on_progress()
        with at_work(model) as autoencoder:
            decoded = with_less_memory(autoencoder, lambda: autoencoder.decode(code, on_progress))
        return image_of_decoded(code, decoded), decoded.mask.float()
