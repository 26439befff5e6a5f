"""What travels between our nodes: the sockets' names, their values, and the inputs that several nodes share."""

from dataclasses import dataclass
from typing import Any

from ..model.packs.pack import Pack
from ..model.types import FaceTrack

Inputs = dict[str, dict[str, Any]]
"""ComfyUI's INPUT_TYPES: "required" or "optional" -> input name -> (type, options)."""

Clip = Any
"""What FRAMES brings: an IMAGE tensor, or whatever the host uses as a VIDEO."""

CATEGORY = "DVA"

MODEL = "DVA_MODEL"
"""A Pack, on the CPU. Each node that computes brings its networks to the device and lets go of them at its end."""
TRACK = "DVA_TRACK"
"""A Track."""
CODE = "DVA_CODE"
"""A ClipCode."""
FRAMES = "IMAGE,VIDEO"


@dataclass(frozen=True)
class Track:
    """One person through one clip, and the pack for whose networks their crops are cut."""

    face: FaceTrack
    pack: Pack


MODEL_INPUT = (MODEL, {"tooltip": "The model pack, from Load DVA Model."})
TRACK_INPUT = (TRACK, {"tooltip": "The tracked person, from Align Faces or Load Clip Code."})
CODE_INPUT = (CODE, {"tooltip": "The encoded clip, from Encode Video, Load Clip Code or another edit."})
FRAMES_INPUT = (
    FRAMES,
    {
        "tooltip": "The clip: an IMAGE batch (RGB, each value in 0 to 1), or a VIDEO, which is read from its file "
        "frame by frame. Wire the same clip into every node of the chain."
    },
)
RATE_INPUT = (
    "FLOAT",
    {
        "default": 24.0,
        "min": 1.0,
        "max": 240.0,
        "step": 0.001,
        "tooltip": "Frames a second of an IMAGE batch, 1 to 240, by which seconds are counted; a VIDEO brings its own.",
    },
)
KEYFRAMES_INPUT = (
    "STRING",
    {
        "default": "",
        "multiline": False,
        "tooltip": "Empty for the same strength throughout. Or pairs of frame:value, frames counted from 0, such as "
        "'0:0, 48:1': the strength is multiplied by the value, with straight lines between the pairs and constant "
        "outside them.",
    },
)
CURVE_INPUT = (
    "FLOAT",
    {
        "forceInput": True,
        "tooltip": "A list of numbers, one a frame (or one for all), by which the strength is multiplied, -10 to 10; "
        "from any node that makes such lists.",
    },
)
