"""What is in front of the face, and stays: a mask that an artist painted or another program made."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from ..errors import InputError
from ..video import Frame, FrameSource, open_video

FloatImage = NDArray[np.float32]

STILLS = {".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp"}
MOST_PIXELS = 2**28
"""Of a still: what 16,384 x 16,384 holds. A file that claims more is not opened."""


class Occlusion(Protocol):
    """Masks of a clip's own size; they can be read again and again, and one is in memory at a time."""

    def masks(self, start: int = 0, stop: int | None = None) -> Iterator[FloatImage]:
        """[H, W] in [0, 1] of the frames start, start + 1, ... up to and without stop; 1 is in front."""
        ...


@dataclass(frozen=True)
class _Painted:
    held: FloatImage
    frame_count: int

    def masks(self, start: int = 0, stop: int | None = None) -> Iterator[FloatImage]:
        for i in range(self.frame_count)[start:stop]:
            yield self.held[i if len(self.held) > 1 else 0]


@dataclass(frozen=True)
class _Filmed:
    source: FrameSource
    frame_count: int

    def masks(self, start: int = 0, stop: int | None = None) -> Iterator[FloatImage]:
        if self.source.frame_count == 1:
            (still,) = self.source.frames()
            return iter(_Painted(_brightness(still)[None], self.frame_count).masks(start, stop))
        return (_brightness(frame) for frame in self.source.frames(start, stop))


def painted_occlusion(masks: FloatImage, source: FrameSource) -> Occlusion:
    """Masks in memory. masks: [T or 1, H, W] in [0, 1], as large as the source's frames.

    Raises InputError where they are not one a frame, or one for all, of that size.
    """
    if masks.ndim != 3:
        raise InputError(f"an occlusion mask has the shape [frames, height, width], not {list(masks.shape)}")
    _check(len(masks), (masks.shape[1], masks.shape[2]), source, "the occlusion mask")
    return _Painted(np.clip(masks.astype(np.float32), 0, 1), source.frame_count)


def open_occlusion(path: Path, source: FrameSource) -> Occlusion:
    """A mask in a file: a still for all frames, or a clip with as many frames as the source.

    White is in front of the face, black is not, and grey is partly, as hair or motion blur is; where a picture has an
    alpha channel, transparent counts as black. Raises InputError for a file that cannot be used.
    """
    if path.suffix.lower() in STILLS and path.is_file():
        mask = _still(path)
        _check(1, (mask.shape[0], mask.shape[1]), source, str(path))
        return _Painted(mask[None], source.frame_count)
    clip = open_video(path)
    _check(clip.frame_count, clip.size, source, str(path))
    return _Filmed(clip, source.frame_count)


def _check(frames: int, size: tuple[int, int], source: FrameSource, what: str) -> None:
    if frames not in (1, source.frame_count) or size != source.size:
        (height, width), (wanted_height, wanted_width) = size, source.size
        raise InputError(
            f"{what} has {frames} pictures of {width}x{height}, but the clip has {source.frame_count} of "
            f"{wanted_width}x{wanted_height}; give one mask a frame, or one for all, as large as the clip's frames"
        )


def _brightness(frame: Frame) -> FloatImage:
    mask = frame.to_rgb().mean(axis=-1, dtype=np.float32)
    if frame.format.has_alpha:
        mask *= frame.planes[-1].astype(np.float32) / np.float32(frame.format.peak)
    return mask


def _still(path: Path) -> FloatImage:
    try:
        with Image.open(path) as picture:
            if picture.width * picture.height > MOST_PIXELS:
                raise InputError(f"{path} claims to hold {picture.width}x{picture.height} pixels, which no mask does")
            if picture.mode.startswith("I"):  # 16-bit gray, which Pillow would cut off at 255
                return np.asarray(np.asarray(picture, np.float32) / 65535, np.float32).clip(0, 1)
            pixels = np.asarray(picture.convert("RGBA"), np.float32) / 255
    except (UnidentifiedImageError, OSError, Image.DecompressionBombError) as error:
        raise InputError(f"{path} cannot be read as a picture ({error}); save the mask as PNG") from error
    return np.asarray(pixels[..., :3].mean(axis=-1) * pixels[..., 3], np.float32)
