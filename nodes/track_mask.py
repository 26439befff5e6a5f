"""Track Mask."""

from typing import get_args

import numpy as np
import torch
from torch import Tensor

from ..dva_plugin.host import current_host, with_less_memory
from ..model.encoders.parser import region_mask
from ..model.faces.clip import aligned_crops, frame_masks
from ..model.types import Region
from .at_work import at_work
from .convert import source_of
from .sockets import CATEGORY, FRAMES_INPUT, TRACK_INPUT, Clip, Inputs, Track

REGION_TIP = "Which part of the head. 'face' is in 'face+hair', that in 'head' (hat and neck too). 'skin' has no eyes."


class TrackMask:
    """A part of the tracked head, as a mask over the full frame."""

    CATEGORY = CATEGORY
    DESCRIPTION = "Masks the tracked face, hair or head over the full frames; 4 bytes a pixel and frame."
    RETURN_TYPES = ("MASK",)
    RETURN_NAMES = ("mask",)
    OUTPUT_TOOLTIPS = ("One mask a frame, as large as the frames; empty where there is no face.",)
    FUNCTION = "mask"

    @classmethod
    def INPUT_TYPES(cls) -> Inputs:  # noqa: N802 - ComfyUI's name
        """What ComfyUI shows."""
        region = (list(get_args(Region)), {"default": "face", "tooltip": REGION_TIP})
        return {"required": {"track": TRACK_INPUT, "frames": FRAMES_INPUT, "region": region}}

    def mask(self, track: Track, frames: Clip, region: Region) -> tuple[Tensor]:
        """Parse the aligned crops, and lay the region where the crops lie."""
        spec, face, on_progress = track.pack.spec, track.face, current_host().on_progress()
        crops = aligned_crops(source_of(frames, face.frame_rate), face, spec.resolution, on_progress)
        usable = np.flatnonzero(face.usable())
        with at_work(track.pack) as networks:
            seen = with_less_memory(networks, lambda: networks.perceive(crops, usable, on_progress))
        masks = region_mask(seen.parsing, spec.parser_classes, region).numpy()
        return (torch.from_numpy(frame_masks(face, masks)),)
