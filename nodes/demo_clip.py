"""Demo Clip."""

from typing import Any

from torch import Tensor

from ..dva_plugin.host import current_host
from ..model.demo.clips import DEMO_KINDS, LENGTH, LONGEST, SHORTEST, DemoKind, write_demo
from ..model.video import open_video
from .convert import images_of
from .sockets import CATEGORY, Inputs

KIND_TIP = "What it shows: talking people made by code, or a photograph (NASA, public domain) under a moving camera."
SECONDS_TIP = (
    f"Length of the clip in seconds, {SHORTEST:g} to {LONGEST:g}, at 24 frames a second; beyond {LENGTH:g} it runs "
    "forth and back."
)


class DemoClip:
    """A short clip with sound, for a first try."""

    CATEGORY = CATEGORY
    DESCRIPTION = "Gives a short clip with sound to try the other nodes on; replace it by a loader of your own clip."
    RETURN_TYPES = ("IMAGE", "VIDEO")
    RETURN_NAMES = ("images", "video")
    OUTPUT_TOOLTIPS = ("The clip's frames.", "The same clip with its sound.")
    FUNCTION = "give"

    @classmethod
    def INPUT_TYPES(cls) -> Inputs:  # noqa: N802 - ComfyUI's name
        """What ComfyUI shows."""
        kind = (list(DEMO_KINDS), {"default": DEMO_KINDS[0], "tooltip": KIND_TIP})
        seconds = {"default": LENGTH, "min": SHORTEST, "max": LONGEST, "step": 0.5, "tooltip": SECONDS_TIP}
        return {"required": {"kind": kind, "seconds": ("FLOAT", seconds)}}

    def give(self, kind: DemoKind, seconds: float) -> tuple[Tensor, Any]:
        """Write the clip into the host's temporary folder, and read it."""
        host = current_host()
        file = write_demo(host.temp_folder(), kind, seconds, host.on_progress())
        clip = open_video(file)
        return images_of(clip), host.video(clip)
