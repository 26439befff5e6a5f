"""The few nodes of ComfyUI's own that graphs of ours need, for running without ComfyUI.

Ids, inputs and outputs are those of ComfyUI 0.8.0. A VIDEO is a clip that is read frame by frame, as everywhere
outside ComfyUI.
"""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from ..model.errors import InputError
from ..model.types import Progress
from ..model.video import ArraySource, FrameSource, open_video, write_video
from .render_host import rendering

CORE_NODES: dict[str, type[Any]] = {}
"""class_type -> class, filled below."""
SILENT = {"PreviewImage"}
"""Outputs that only a person at a screen would see: nothing is computed for them."""
COLOURS = {"white": (1, 1, 1), "black": (0, 0, 0), "red": (1, 0, 0), "green": (0, 1, 0), "blue": (0, 0, 1)}
Function = Callable[..., tuple[Any, ...] | dict[str, Any]]


@dataclass(frozen=True)
class Sound:
    """AUDIO: the sound of a file."""

    path: Path


class WithSound(ArraySource):
    """Frames from memory, with the sound of a file."""

    def __init__(self, source: ArraySource, sound: Sound) -> None:
        self.__dict__.update(source.__dict__)
        self.path, self.has_audio = sound.path, True


def _node(name: str, *outputs: str, optional: tuple[str, ...] = (), saves: bool = False, **inputs: object):  # noqa: ANN202
    """Register a function as the node of that name; inputs: name -> type or choices."""

    def register(function: Function) -> Function:
        kinds = {key: (kind, {}) for key, kind in inputs.items()}
        schema = {
            "required": {key: kind for key, kind in kinds.items() if key not in optional},
            "optional": {key: kinds[key] for key in optional},
        }
        facts = {"RETURN_TYPES": outputs, "OUTPUT_NODE": saves, "FUNCTION": "run", "run": staticmethod(function)}
        CORE_NODES[name] = type(name, (), {**facts, "INPUT_TYPES": staticmethod(lambda: schema)})
        return function

    return register


@_node("LoadVideo", "VIDEO", file="STRING")
def _load_video(file: str) -> tuple[FrameSource]:
    return (open_video(rendering().input_file(file)),)


@_node("GetVideoComponents", "IMAGE", "AUDIO", "FLOAT", video="VIDEO")
def _components(video: FrameSource) -> tuple[Tensor, Sound | None, float]:
    height, width = video.size
    images = np.empty((video.frame_count, height, width, 3), np.float32)
    on_progress = rendering().on_progress()
    for i, frame in enumerate(video):
        images[i] = frame.to_rgb()
        on_progress(Progress("read", i + 1, len(images)))
    sound = Sound(video.path) if video.has_audio and video.path else None
    return torch.from_numpy(images), sound, float(video.frame_rate)


@_node("CreateVideo", "VIDEO", images="IMAGE", fps="FLOAT", audio="AUDIO", optional=("audio",))
def _create_video(images: Tensor, fps: float, audio: Sound | None = None) -> tuple[FrameSource]:
    ntsc = Fraction(round(fps) * 1000, 1001)
    rate = ntsc if abs(float(ntsc) - fps) < 0.005 else Fraction(str(fps)).limit_denominator(1000)
    clip = ArraySource(images[..., :3].float().clamp(0, 1).numpy(), rate)
    return (WithSound(clip, audio) if audio else clip,)


@_node("SaveVideo", saves=True, video="VIDEO", filename_prefix="STRING", format=["auto", "mp4"], codec=["auto", "h264"])
def _save_video(video: FrameSource, filename_prefix: str, format: str, codec: str) -> dict[str, Any]:
    host = rendering()
    path = host.targets.get(host.running) or host.new_output_file(filename_prefix, ".mp4")
    on_progress = host.on_progress()

    def told():  # noqa: ANN202
        for i, frame in enumerate(video):
            yield frame
            on_progress(Progress("write", i + 1, video.frame_count))

    write_video(path, video, told())
    return {"ui": {"text": [str(path)]}}


@_node("LoadImage", "IMAGE", "MASK", image="STRING")
def _load_image(image: str) -> tuple[Tensor, Tensor]:
    picture = _opened(image)
    colours = torch.from_numpy(np.array(picture.convert("RGB"), np.float32) / 255)[None]
    if "A" not in picture.getbands():
        return colours, torch.zeros(1, 64, 64)
    return colours, 1 - _channel(picture, "A")


@_node("LoadImageMask", "MASK", image="STRING", channel=["alpha", "red", "green", "blue"])
def _load_mask(image: str, channel: str) -> tuple[Tensor]:
    picture = _opened(image).convert("RGBA")
    band = channel[0].upper()
    return (1 - _channel(picture, band) if band == "A" else _channel(picture, band),)


@_node("SaveImage", saves=True, images="IMAGE", filename_prefix="STRING")
def _save_image(images: Tensor, filename_prefix: str) -> dict[str, Any]:
    paths: list[str] = []
    for image in images:
        path = rendering().new_output_file(filename_prefix, ".png")
        Image.fromarray((image * 255).clamp(0, 255).byte().numpy()).save(path)
        paths.append(str(path))
    return {"ui": {"text": paths}}


@_node("PreviewImage", saves=True, images="IMAGE")
def _preview_image(images: Tensor) -> dict[str, Any]:
    return {}


@_node("PreviewAny", saves=True, source="*")
def _preview_any(source: object) -> dict[str, Any]:
    return {"ui": {"text": [str(source)]}}


@_node("SolidMask", "MASK", value="FLOAT", width="INT", height="INT")
def _solid_mask(value: float, width: int, height: int) -> tuple[Tensor]:
    return (torch.full((1, height, width), value),)


@_node("InvertMask", "MASK", mask="MASK")
def _invert_mask(mask: Tensor) -> tuple[Tensor]:
    return (1 - mask,)


@_node("MaskToImage", "IMAGE", mask="MASK")
def _mask_to_image(mask: Tensor) -> tuple[Tensor]:
    return (mask[..., None].expand(-1, -1, -1, 3),)


@_node("ImageToMask", "MASK", image="IMAGE", channel=["red", "green", "blue", "alpha"])
def _image_to_mask(image: Tensor, channel: str) -> tuple[Tensor]:
    number = ("red", "green", "blue", "alpha").index(channel)
    if number >= image.shape[-1]:
        raise InputError(f"the image has {image.shape[-1]} channels and no {channel}; choose another")
    return (image[..., number],)


Operation = Literal["multiply", "add", "subtract", "and", "or", "xor"]


@_node(
    "MaskComposite", "MASK", destination="MASK", source="MASK", x="INT", y="INT",
    operation=["multiply", "add", "subtract", "and", "or", "xor"],
)  # fmt: skip
def _mask_composite(destination: Tensor, source: Tensor, x: int, y: int, operation: Operation) -> tuple[Tensor]:
    made = destination.clone()
    below = made[:, y : y + source.shape[1], x : x + source.shape[2]]
    above = source[:, : below.shape[1], : below.shape[2]]
    sharp = below.round().bool(), above.round().bool()
    match operation:
        case "multiply":
            combined = below * above
        case "add":
            combined = below + above
        case "subtract":
            combined = below - above
        case "and":
            combined = sharp[0] & sharp[1]
        case "or":
            combined = sharp[0] | sharp[1]
        case "xor":
            combined = sharp[0] ^ sharp[1]
    below[...] = combined.float().clamp(0, 1)
    return (made,)


@_node(
    "ImageStitch", "IMAGE", image1="IMAGE", direction=["right", "down", "left", "up"], match_image_size="BOOLEAN",
    spacing_width="INT", spacing_color=list(COLOURS), image2="IMAGE", optional=("image2",),
)  # fmt: skip
def _image_stitch(image1: Tensor, image2: Tensor | None = None, **settings: Any) -> tuple[Tensor]:  # noqa: ANN401
    if image2 is None:
        return (image1,)
    direction, axis = settings["direction"], 2 if settings["direction"] in ("right", "left") else 1
    if image1.select(axis, 0).shape != image2.select(axis, 0).shape:
        raise InputError(
            f"without ComfyUI only pictures that fit side to side are stitched {direction}, not {list(image1.shape)} "
            f"and {list(image2.shape)}"
        )
    shape = list(image1.shape)
    shape[axis] = settings["spacing_width"] + settings["spacing_width"] % 2
    space = torch.tensor(COLOURS[settings["spacing_color"]], dtype=image1.dtype).expand(shape)
    first, last = (image1, image2) if direction in ("right", "down") else (image2, image1)
    return (torch.cat([first, space, last], dim=axis),)


def _opened(name: str) -> Image.Image:
    path = rendering().input_file(name)
    try:
        with Image.open(path) as picture:
            return ImageOps.exif_transpose(picture).copy()
    except (OSError, Image.DecompressionBombError) as error:
        raise InputError(f"{path} cannot be read as a picture ({error}); give a PNG or JPEG") from error


def _channel(picture: Image.Image, band: str) -> Tensor:
    return torch.from_numpy(np.array(picture.getchannel(band), np.float32) / 255)[None]
