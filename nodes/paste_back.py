"""Paste Back."""

from typing import Any

from torch import Tensor

from ..dva_plugin.host import current_host
from ..model.faces.clip import aligned_crops, edited_source
from ..model.faces.settings import DETAIL, FEATHER, Detail, PasteSettings
from .convert import difference_of, images_of, masks_of, occlusion_of, source_of
from .sockets import CATEGORY, FRAMES_INPUT, TRACK_INPUT, Clip, Inputs, Track

CROPS_TIP = "The edited crops, one a frame, of Decode; other nodes may lie in between if they keep number and size."
MASK_TIP = (
    "Which part of each crop may change, of Decode or painted: as large as the crops, one a frame or one for all."
)
FEATHER_TIP = "Width of the soft edge round the mask, as a part of the crop's side, 0 to 0.5."
OCCLUSION_TIP = (
    "What is in front of the face and stays, such as a hand: white there, black elsewhere; as large as the frames, one "
    "a frame or one for all."
)
DETAIL_TIP = (
    "Pores and grain, finer than the crops: 'keep' the source's, 'replace' them by none, or 'auto', which keeps them "
    "unless the edit did away with what they show."
)
COLOUR_TIP = "On: takes off the shift of colour that an edit brings to what it should leave alone."
OPTIONAL = {
    "occlusion": ("MASK", {"tooltip": OCCLUSION_TIP}),
    "detail": (["auto", "keep", "replace"], {"default": DETAIL, "tooltip": DETAIL_TIP}),
    "colour_match": ("BOOLEAN", {"default": False, "tooltip": COLOUR_TIP}),
}
NO_IMAGES = (
    "Paste Back makes images of an IMAGE batch only, since those of a whole VIDEO may not fit into memory; "
    "use its video output, followed by Get Video Components if you need images"
)


class PasteBack:
    """The edited crops in their frames."""

    CATEGORY = CATEGORY
    DESCRIPTION = "Adds to each frame what the edit changed, inside the mask only; all else stays bit by bit."
    RETURN_TYPES = ("IMAGE", "VIDEO")
    RETURN_NAMES = ("images", "video")
    OUTPUT_TOOLTIPS = (
        "The edited frames, where the frames are an IMAGE batch.",
        "The edited clip with the source's frame rate and sound; computed when it is saved.",
    )
    FUNCTION = "paste"

    @classmethod
    def INPUT_TYPES(cls) -> Inputs:  # noqa: N802 - ComfyUI's name
        """What ComfyUI shows."""
        feather = {"default": FEATHER, "min": 0.0, "max": 0.5, "step": 0.01, "tooltip": FEATHER_TIP}
        return {
            "required": {
                "frames": FRAMES_INPUT,
                "track": TRACK_INPUT,
                "crops": ("IMAGE", {"tooltip": CROPS_TIP}),
                "mask": ("MASK", {"tooltip": MASK_TIP}),
                "feather": ("FLOAT", feather),
            },
            "optional": OPTIONAL,
        }

    def paste(  # noqa: PLR0913 - one a socket
        self,
        frames: Clip,
        track: Track,
        crops: Tensor,
        mask: Tensor,
        feather: float,
        *,
        occlusion: Tensor | None = None,
        detail: Detail = DETAIL,
        colour_match: bool = False,
    ) -> tuple[Any, Any]:
        """Compare the crops with the frames' own, and add the difference."""
        host, face, side = current_host(), track.face, track.pack.spec.resolution
        source, settings = source_of(frames, face.frame_rate), PasteSettings(detail, feather, colour_match)
        aligned = aligned_crops(source, face, side, host.on_progress())
        difference, masks = difference_of(crops, aligned), masks_of(mask, len(face), side)
        edited = edited_source(source, face, aligned, difference, masks, settings, occlusion_of(occlusion, source))
        return images_of(edited) if isinstance(frames, Tensor) else host.withheld(NO_IMAGES), host.video(edited)
