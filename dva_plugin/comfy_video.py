"""Clips as ComfyUI passes them on: a VIDEO that is computed when it is saved, and what lies behind a VIDEO of others.

ComfyUI's own modules come from host.py, which alone knows where they are.
"""

import tempfile
from collections.abc import Callable
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..model.errors import InputError
from ..model.types import OnProgress, Progress
from ..model.video import FrameSource, VideoWriter, open_video
from ..model.video.audio import check_audio

Import = Callable[[str], Any]
"""The name of one of ComfyUI's modules -> the module."""


class StreamedVideo:
    """What ComfyUI asks of a VIDEO, answered frame by frame. lazy_video adds ComfyUI's own base class."""

    def __init__(self, source: FrameSource, comfy: Import, progress: Callable[[], OnProgress]) -> None:
        self.source = source
        self._comfy = comfy
        self._progress = progress

    def get_dimensions(self) -> tuple[int, int]:
        """(width, height)."""
        height, width = self.source.size
        return width, height

    def get_frame_count(self) -> int:
        return self.source.frame_count

    def get_frame_rate(self) -> Fraction:
        return self.source.frame_rate

    def get_duration(self) -> float:
        """Seconds."""
        return float(self.source.frame_count / self.source.frame_rate)

    def get_components(self) -> Any:  # noqa: ANN401 - ComfyUI's modules come without types
        """The whole clip in memory, for nodes that take a VIDEO apart."""
        height, width = self.source.size
        images = np.empty((self.source.frame_count, height, width, 3), np.float32)
        for i, frame in enumerate(self.source):
            images[i] = frame.to_rgb()
        audio = None
        if self.source.has_audio and self.source.path is not None:
            file = self._comfy("comfy_api.latest").InputImpl.VideoFromFile(str(self.source.path))
            audio = file.get_components().audio
        components = self._comfy("comfy_api.latest").Types.VideoComponents
        return components(images=torch.from_numpy(images), audio=audio, frame_rate=self.source.frame_rate)

    def save_to(self, path: Any, **options: Any) -> None:  # noqa: ANN401
        """Write H.264 and the source's sound, then let ComfyUI copy the packets, with its metadata, to their place.

        path: a file's name or a stream. options: ComfyUI's format, codec and metadata.
        """
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / f"clip{_suffix_for(self.source)}"
            on_progress = self._progress()
            with VideoWriter(file, self.source) as writer:
                for i, frame in enumerate(self.source):
                    writer.write(frame)
                    on_progress(Progress("write", i + 1, self.source.frame_count))
            self._comfy("comfy_api.latest").InputImpl.VideoFromFile(str(file)).save_to(path, **options)


def _suffix_for(source: FrameSource) -> str:
    """.mp4, or .mov where the sound goes into nothing else; ComfyUI copies from either."""
    try:
        check_audio(Path("clip.mp4"), source)
    except InputError:
        return ".mov"
    return ".mp4"


@cache
def _video_class(base: type) -> type:
    return type("StreamedVideo", (StreamedVideo, base), {})


def lazy_video(source: FrameSource, comfy: Import, progress: Callable[[], OnProgress]) -> Any:  # noqa: ANN401
    """A VIDEO that reads its clip when it is saved or taken apart, and not before."""
    return _video_class(comfy("comfy_api.latest").Input.Video)(source, comfy, progress)


def streamed_source(video: Any, comfy: Import) -> FrameSource | None:  # noqa: ANN401
    """The clip behind a VIDEO of ours or a whole file; None for a VIDEO in memory and for a part of a file."""
    if isinstance(video, StreamedVideo):
        return video.source
    kind = comfy("comfy_api.latest").InputImpl.VideoFromFile
    if not isinstance(video, kind) or _is_trimmed(video):
        return None
    path = video.get_stream_source()
    return open_video(path) if isinstance(path, str) else None


def _is_trimmed(video: Any) -> bool:  # noqa: ANN401
    """Later versions of ComfyUI cut a file without a copy, and tell it to nobody but themselves."""
    return any(getattr(video, f"_VideoFromFile__{name}", 0) for name in ("start_time", "duration"))
