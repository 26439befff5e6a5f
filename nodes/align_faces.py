"""Align Faces."""

from typing import get_args

from torch import Tensor

from ..dva_plugin.host import borrowed_device, current_host
from ..model.faces.choose import PERSONS, person_choice
from ..model.faces.clip import aligned_crops
from ..model.faces.detect import FaceDetector
from ..model.faces.gaps import GapKind, GapPolicy, gap_report
from ..model.faces.recognise import pack_recogniser
from ..model.faces.track import SMOOTHING, track_face
from ..model.packs.pack import Pack
from .at_work import size_of
from .convert import image_of_crops, photo_of, rate_of, source_of
from .sockets import CATEGORY, FRAMES_INPUT, MODEL_INPUT, RATE_INPUT, TRACK, Clip, Inputs, Track

LONGEST_GAP = GapPolicy().max_gap
PEOPLE = [*PERSONS, *map(str, range(10))]
PERSON_TIP = (
    "Whose face: 'largest' covers most area over the whole clip, 'left' and 'right' stand there; numbers count "
    "the people from 0, the largest, to 9. A wired reference photo counts instead."
)
SMOOTHING_TIP = "Seconds over which the crop's size and angle are smoothed, 0 to 2; 0 follows every frame as found."
REFERENCE_TIP = "A photo, one RGB picture, of the person to follow; whoever covers most area of it."
GAPS_TIP = (
    "Frames without a detection: 'interpolate' between neighbours, 'hold' the last place, leave the 'original' frame "
    "alone, or 'stop' with an error that names them."
)
MAX_GAP_TIP = "Longest gap in seconds that interpolate and hold fill, 0 to 60; longer ones stay as they are."


OPTIONAL = {
    "reference": ("IMAGE", {"tooltip": REFERENCE_TIP}),
    "gaps": (list(get_args(GapKind)), {"default": "interpolate", "tooltip": GAPS_TIP}),
    "max_gap": ("FLOAT", {"default": LONGEST_GAP, "min": 0.0, "max": 60.0, "step": 0.05, "tooltip": MAX_GAP_TIP}),
}


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
                "person": (PEOPLE, {"default": "largest", "tooltip": PERSON_TIP}),
                "smoothing": ("FLOAT", smoothing),
                "frame_rate": RATE_INPUT,
            },
            "optional": OPTIONAL,
        }

    def align(  # noqa: PLR0913 - one a socket
        self,
        model: Pack,
        frames: Clip,
        person: str,
        smoothing: float,
        frame_rate: float,
        *,
        reference: Tensor | None = None,
        gaps: GapKind = "interpolate",
        max_gap: float = LONGEST_GAP,
    ) -> tuple[Track, Tensor, str]:
        """Track the person, then cut."""
        source, on_progress = source_of(frames, rate_of(frame_rate)), current_host().on_progress()
        who, policy = person_choice(person, photo_of(reference)), GapPolicy(gaps, max_gap)
        with borrowed_device(size_of(model.networks.identity)) as device:
            detector, recogniser = FaceDetector(device), pack_recogniser(model, device)
            face = track_face(source, detector, who, smoothing, on_progress, gaps=policy, recogniser=recogniser)
        crops = aligned_crops(source, face, model.spec.resolution, on_progress)
        return Track(face, model), image_of_crops(crops), gap_report(face).text()
