"""Track Preview."""

import torch
from torch import Tensor

from ..model.faces.clip import check_track
from ..model.faces.gaps import gap_report
from ..model.faces.strip import track_strip
from .convert import source_of
from .sockets import CATEGORY, FRAMES_INPUT, TRACK_INPUT, Clip, Inputs, Track


class TrackPreview:
    """A track at a glance."""

    CATEGORY = CATEGORY
    DESCRIPTION = "Draws the tracked face over time, above a bar that shows where it was found, filled in and missing."
    RETURN_TYPES = ("IMAGE", "STRING")
    RETURN_NAMES = ("strip", "report")
    OUTPUT_TOOLTIPS = ("One picture, 1600 pixels wide.", "Which frames were filled in, and which have no face.")
    FUNCTION = "draw"

    @classmethod
    def INPUT_TYPES(cls) -> Inputs:  # noqa: N802 - ComfyUI's name
        """What ComfyUI shows."""
        return {"required": {"track": TRACK_INPUT, "frames": FRAMES_INPUT}}

    def draw(self, track: Track, frames: Clip) -> tuple[Tensor, str]:
        """Read a few frames, and draw."""
        source = source_of(frames, track.face.frame_rate)
        check_track(source, track.face)
        strip = torch.tensor(track_strip(source, [track.face])).float() / 255
        return strip[None], gap_report(track.face).text()
