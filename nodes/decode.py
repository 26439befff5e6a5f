"""Decode."""

from torch import Tensor

from ..dva_plugin.host import current_host, with_less_memory
from ..model.code import ClipCode
from ..model.packs.pack import Pack
from .at_work import at_work
from .convert import image_of_decoded
from .sockets import CATEGORY, CODE_INPUT, MODEL_INPUT, Inputs


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
        return {"required": {"model": MODEL_INPUT, "code": CODE_INPUT}}

    def decode(self, model: Pack, code: ClipCode) -> tuple[Tensor, Tensor]:
        """Apply all edits at once."""
        on_progress = current_host().on_progress()
        with at_work(model) as autoencoder:
            decoded = with_less_memory(autoencoder, lambda: autoencoder.decode(code, on_progress))
        return image_of_decoded(code, decoded), decoded.mask.float()
