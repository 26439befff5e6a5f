"""Swap Features."""

from typing import Literal, get_args

from ..model.code import ClipCode
from ..model.editing.exchange import with_gaussian_noise, with_identity, with_motion, with_noise
from .sockets import CATEGORY, CODE, CODE_INPUT, Inputs

Noise = Literal["own", "other", "random"]
LAST_DRAW = 2**32 - 1
OTHER_TIP = "Another encoded clip, by the same pack: what it gives is taken as it was encoded, without its own edits."
IDENTITY_TIP = "On: the person of the other clip, of whatever length."
MOTION_TIP = "On: expression and gaze of the other clip, frame by frame; it must be at least as long."
NOISE_TIP = (
    "Where the rest comes from, background and light: 'own'; 'other', frame by frame, from a clip at least as long; "
    "'random' invents it."
)
DRAW_TIP = f"Which random noise, 0 to {LAST_DRAW}; counts for 'random' only."


class SwapFeatures:
    """A clip with another clip's identity, motion or noise."""

    CATEGORY = CATEGORY
    DESCRIPTION = "Takes identity, motion or noise from another clip; frames, track and edits stay those of the code."
    RETURN_TYPES = (CODE,)
    RETURN_NAMES = ("code",)
    OUTPUT_TOOLTIPS = ("The code with the other's features, for Decode or further edits.",)
    FUNCTION = "swap"

    @classmethod
    def INPUT_TYPES(cls) -> Inputs:  # noqa: N802 - ComfyUI's name
        """What ComfyUI shows."""
        return {
            "required": {
                "code": CODE_INPUT,
                "other": (CODE, {"tooltip": OTHER_TIP}),
                "identity": ("BOOLEAN", {"default": True, "tooltip": IDENTITY_TIP}),
                "motion": ("BOOLEAN", {"default": False, "tooltip": MOTION_TIP}),
                "noise": (list(get_args(Noise)), {"default": "own", "tooltip": NOISE_TIP}),
                "draw": ("INT", {"default": 0, "min": 0, "max": LAST_DRAW, "tooltip": DRAW_TIP}),
            }
        }

    def swap(
        self, code: ClipCode, other: ClipCode, *, identity: bool, motion: bool, noise: Noise, draw: int
    ) -> tuple[ClipCode]:
        """Exchange what is wanted, one feature after another."""
        mixed = with_identity(code, other) if identity else code
        mixed = with_motion(mixed, other) if motion else mixed
        if noise == "random":
            return (with_gaussian_noise(mixed, draw),)
        return (with_noise(mixed, other) if noise == "other" else mixed,)
