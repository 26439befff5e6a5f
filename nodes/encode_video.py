"""Encode Video."""

from ..dva_plugin.host import current_host, with_less_memory
from ..model.code import ClipCode, SourceFacts
from ..model.faces.clip import aligned_crops
from ..model.packs.pack import Pack
from ..model.schedule import TRAIN_STEPS
from .at_work import at_work
from .convert import check_same_pack, source_of
from .sockets import CATEGORY, CODE, FRAMES_INPUT, MODEL_INPUT, TRACK_INPUT, Clip, Inputs, Track

STEPS_TIP = f"Steps through the network, 2 to {TRAIN_STEPS}; more take longer and keep more. 0 takes the pack's own."


class EncodeVideo:
    """A tracked face, encoded once for any number of edits."""

    CATEGORY = CATEGORY
    DESCRIPTION = "Encodes the tracked face: one identity for the whole clip, motion and detail a frame. The slow part."
    RETURN_TYPES = (CODE,)
    RETURN_NAMES = ("code",)
    OUTPUT_TOOLTIPS = ("The encoded clip.",)
    FUNCTION = "encode"

    @classmethod
    def INPUT_TYPES(cls) -> Inputs:  # noqa: N802 - ComfyUI's name
        """What ComfyUI shows."""
        steps = ("INT", {"default": 0, "min": 0, "max": TRAIN_STEPS, "step": 1, "tooltip": STEPS_TIP})
        inputs = {"model": MODEL_INPUT, "track": TRACK_INPUT, "frames": FRAMES_INPUT, "steps": steps}
        return {"required": inputs}

    def encode(self, model: Pack, track: Track, frames: Clip, steps: int) -> tuple[ClipCode]:
        """Cut the crops once more, and encode them."""
        check_same_pack(model, track)
        face, on_progress = track.face, current_host().on_progress()
        source = source_of(frames, face.frame_rate)
        crops = aligned_crops(source, face, model.spec.resolution, on_progress)
        facts = SourceFacts.of(source)
        with at_work(model) as networks:
            code = with_less_memory(
                networks, lambda: networks.encode(crops, face, facts, steps or None, on_progress=on_progress)
            )
        return (code,)
