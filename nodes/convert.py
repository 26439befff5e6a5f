"""Between ComfyUI's tensors and ours. IMAGE is [T, H, W, 3] and MASK [T, H, W], float32 in [0, 1]."""

from collections.abc import Mapping
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..dva_plugin.host import current_host
from ..model.autoencoder import Decoded
from ..model.code import ClipCode
from ..model.errors import InputError, ModelFilesError
from ..model.faces.occlusion import Occlusion, painted_occlusion
from ..model.packs.pack import Pack
from ..model.types import ByteArray, FloatArray, Progress
from ..model.video import ArraySource, FrameSource, VideoWriter
from ..model.video.audio import check_audio
from ..model.video.encoding import CODECS_OF_SUFFIX, Codec
from ..model.video.formats import FLOAT_RGB
from .sockets import Clip, Track

PICTURES = "%05d.png"
"""How the pictures in a folder are called."""


def source_of(frames: Clip, frame_rate: Fraction) -> FrameSource:
    """The clip behind an IMAGE or a VIDEO, to be read frame by frame; nothing is copied.

    frame_rate: of an IMAGE, in frames a second; a VIDEO brings its own. Raises InputError for an IMAGE that is not one.
    """
    if isinstance(frames, Tensor):
        return _image_source(frames, frame_rate)
    streamed = current_host().video_source(frames)
    if streamed is not None:
        return streamed
    components = frames.get_components()
    return _image_source(components.images, components.frame_rate)


def _image_source(images: Tensor, frame_rate: Fraction) -> ArraySource:
    if images.ndim != 4 or images.shape[-1] != 3 or len(images) == 0:
        if 0 in images.shape:
            remedy = "it is empty, so look at what loads or cuts the clip before it"
        elif images.shape[-1] == 4:
            remedy = "take off its alpha channel with Split Image with Alpha"
        else:
            remedy = "look at what makes it"
        raise InputError(
            f"frames must be an IMAGE of at least one RGB picture [T, H, W, 3], not {list(images.shape)}; {remedy}"
        )
    return ArraySource(images.detach().cpu().float().numpy(), frame_rate)


def rate_of(frame_rate: float) -> Fraction:
    """Frames a second as a fraction: 29.97 is 30000/1001."""
    ntsc = Fraction(round(frame_rate) * 1000, 1001)
    return ntsc if abs(float(ntsc) - frame_rate) < 0.005 else Fraction(str(frame_rate)).limit_denominator(1000)


def images_of(source: FrameSource) -> Tensor:
    """IMAGE: every frame of a clip; samples that came from an IMAGE are copied as they are."""
    height, width = source.size
    images = np.empty((source.frame_count, height, width, 3), np.float32)
    on_progress = current_host().on_progress()
    for i, frame in enumerate(source):
        images[i] = np.stack([frame.planes[k] for k in (2, 0, 1)], -1) if frame.format == FLOAT_RGB else frame.to_rgb()
        on_progress(Progress("paste", i + 1, len(images)))
    return torch.from_numpy(images)


def suffix_for(codec: Codec, clip: FrameSource) -> str:
    """The suffix of a file that holds this codec and the clip's sound; empty for a folder of pictures."""
    if codec in ("png8", "png16"):
        return ""
    first, *others = (suffix for suffix, codecs in CODECS_OF_SUFFIX.items() if codec in codecs)
    for suffix in (first, *others):
        with suppress(InputError):
            check_audio(Path(f"clip{suffix}"), clip, codec)
            return suffix
    return first


def write_frames(path: Path, clip: FrameSource, codec: Codec, notes: Mapping[str, str]) -> None:
    """Write a clip frame by frame, with the host's bar.

    path: a file, or the folder of pictures that it becomes. notes: the file's own metadata; pictures have none.
    """
    on_progress = current_host().on_progress()
    with VideoWriter(path if path.suffix else path / PICTURES, clip, codec, notes) as writer:
        for i, frame in enumerate(clip):
            writer.write(frame)
            on_progress(Progress("write", i + 1, clip.frame_count))


def image_of_crops(crops: Tensor) -> Tensor:
    """IMAGE of crops [T, 3, S, S] uint8. There is no other way from crops to an IMAGE, so that equals stay equal."""
    return crops.movedim(1, -1).float() / 255


def image_of_decoded(code: ClipCode, decoded: Decoded) -> Tensor:
    """IMAGE of the edited crops; those of frames without an edit are the source's, bit by bit."""
    return (image_of_crops(code.crops) + decoded.difference.movedim(1, -1)).clamp(0, 1)


def difference_of(crops: Tensor, aligned: Tensor) -> FloatArray:
    """[T, S, S, 3] float32: an IMAGE of edited crops minus the source's crops [T, 3, S, S] uint8.

    Raises InputError where their numbers or sizes differ.
    """
    before = image_of_crops(aligned)
    if crops.shape != before.shape:
        (frames, side), found = before.shape[:2], list(crops.shape)
        raise InputError(
            f"crops must be an IMAGE of {frames} pictures of {side}x{side}, one a frame, as Align Faces and Decode "
            f"give them, not {found}; nodes in between must keep their number and size"
        )
    return (crops.cpu().float() - before).numpy()


def masks_of(mask: Tensor, frames: int, side: int) -> NDArray[np.float32]:
    """[frames, side, side] float32 of a MASK; one alone counts for every frame. InputError where it does not fit."""
    if mask.ndim != 3 or len(mask) not in (1, frames) or tuple(mask.shape[1:]) != (side, side):
        raise InputError(
            f"mask must be a MASK of {frames} pictures (or one) of {side}x{side}, as large as the crops, "
            f"not {list(mask.shape)}; resize it, or wire the mask of Decode"
        )
    return mask.detach().cpu().float().clamp(0, 1).expand(frames, -1, -1).numpy()


def occlusion_of(mask: Tensor | None, source: FrameSource) -> Occlusion | None:
    """A MASK as large as the frames, if there is one; InputError where it does not fit them."""
    return None if mask is None else painted_occlusion(mask.detach().cpu().float().numpy(), source)


def photo_of(image: Tensor | None) -> ByteArray | None:
    """[H, W, 3] uint8 of an IMAGE that holds one picture, if there is one; InputError for more and for other kinds."""
    if image is None:
        return None
    if image.ndim != 4 or image.shape[0] != 1 or image.shape[-1] != 3:
        raise InputError(f"reference must be an IMAGE of one RGB picture [1, H, W, 3], not {list(image.shape)}")
    return (image[0].clamp(0, 1) * 255).round().byte().cpu().numpy()


def check_same_pack(pack: Pack, track: Track) -> None:
    """ModelFilesError where the crops of a track are cut for another pack."""
    if pack.hash != track.pack.hash:
        raise ModelFilesError(
            f"the face was aligned for the pack {track.pack.spec.name}, but the model is {pack.spec.name}; "
            "wire one Load DVA Model into both nodes"
        )


def chosen_file(name: str) -> Path:
    """The clip code that the host shows under a name; InputError for a name that it does not show."""
    files = current_host().code_files()
    if name not in files:
        raise InputError(
            f"there is no clip code {name!r}; choose one of {', '.join(files) or 'none, so save one first'}"
        )
    return files[name]
