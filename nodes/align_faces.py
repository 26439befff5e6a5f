"""Align Faces."""

from typing import Literal

from torch import Tensor

from ..dva_plugin.host import borrowed_device, current_host
from ..model.faces.clip import aligned_crops
from ..model.faces.detect import FaceDetector
from ..model.faces.track import SMOOTHING, track_face
from ..model.packs.pack import Pack
from .convert import image_of_crops, rate_of, source_of, track_report
from .sockets import CATEGORY, FRAMES_INPUT, MODEL_INPUT, RATE_INPUT, TRACK, Clip, Inputs, Track

PERSON = (["largest"], {"default": "largest", "tooltip": "Whose face: whoever covers most area over the whole clip."})
SMOOTHING_TIP = "Seconds over which the crop's size and angle are smoothed, 0 to 2; 0 follows every frame as found."


class AlignFaces:
    """One person tracked through a clip, and their face cut out of every frame."""

    CATEGORY = CATEGORY
    DESCRIPTION = "Follows one face through the clip and cuts it out upright, one crop a frame."
    RETURN_TYPES = (TRACK, "IMAGE", "STRING")
    RETURN_NAMES = ("track", "crops", "report")
    OUTPUT_TOOLTIPS = (
        "Where the face is in each frame.",
        "One crop a frame; black where there is no face.",
        "Which frames have a face, which were filled in, and which have none.",
    )
    FUNCTION = "align"

    @classmethod
    def INPUT_TYPES(cls) -> Inputs:  # noqa: N802 - ComfyUI's name
        """What ComfyUI shows."""
        smoothing = {"default": SMOOTHING, "min": 0.0, "max": 2.0, "step": 0.01, "tooltip": SMOOTHING_TIP}
        return {
            "required": {
                "model": MODEL_INPUT,
                "frames": FRAMES_INPUT,
                "person": PERSON,
                "smoothing": ("FLOAT", smoothing),
                "frame_rate": RATE_INPUT,
            }
        }

    def align(
        self, model: Pack, frames: Clip, person: Literal["largest"], smoothing: float, frame_rate: float
    ) -> tuple[Track, Tensor, str]:
        """Track the person, then cut."""
        source, on_progress = source_of(frames, rate_of(frame_rate)), current_host().on_progress()
        with borrowed_device(0) as device:
            face = track_face(source, FaceDetector(device), person, smoothing, on_progress)
        crops = aligned_crops(source, face, model.spec.resolution, on_progress)
        return Track(face, model), image_of_crops(crops), track_report(face)
