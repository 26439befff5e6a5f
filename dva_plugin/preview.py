"""A picture of work that is under way, as ComfyUI's progress bars take it."""

from typing import TYPE_CHECKING

from PIL import Image

if TYPE_CHECKING:
    from torch import Tensor

SIDE = 256
"""Pixels that a preview has at least; the crops of a small pack would be stamps."""
MOST = 512
"""ComfyUI shrinks what is larger."""


def preview_of(picture: "Tensor") -> tuple[str, Image.Image, int]:
    """(format, image, longest side) of a picture [3, H, W] in [0, 1]."""
    image = Image.fromarray((picture.clamp(0, 1) * 255).byte().movedim(0, -1).cpu().numpy())
    factor = max(1, -(-SIDE // max(image.size)))
    return "JPEG", image.resize((image.width * factor, image.height * factor), Image.Resampling.BICUBIC), MOST
