"""Writing video: everything that was not edited stays as the source had it, and nothing half-written is left behind."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Protocol

from av.error import FFmpegError

from ..errors import InputError, UsageError
from .audio import check_audio
from .container import reason
from .encoding import Codec, CodecChoice, choose_codec, encodable
from .frame import Frame
from .media_file import MediaFile
from .picture_folder import PictureFolder
from .source import FrameSource


def write_video(path: str | Path, like: FrameSource, frames: Iterable[Frame], codec: CodecChoice = "auto") -> None:
    """Write frames as VideoWriter does; the file appears when the last frame is in it."""
    with VideoWriter(path, like, codec) as writer:
        for frame in frames:
            writer.write(frame)


class Output(Protocol):
    """What frames are written to. Errors of the system and of libav come as they are."""

    def open(self) -> None: ...
    def write(self, frame: Frame) -> None: ...
    def finish(self) -> None: ...
    def discard(self) -> None: ...


class VideoWriter:
    """A context that writes a clip with the rate, time stamps, tags, timecode and sound of the clip `like`.

    .mp4 and .mov hold H.264 (or HEVC, and .mov ProRes), .mkv lossless FFV1 in the frames' own pixel format (or one of
    the others); a pattern such as shot/%04d.png becomes a folder of pictures of 8 or 16 bits. Sound is copied packet by
    packet. All grows under a temporary name beside its place and gets its own at a clean end; after an error or an
    interruption nothing is left. Matroska rounds time stamps to milliseconds.
    """

    def __init__(
        self, path: str | Path, like: FrameSource, codec: CodecChoice = "auto", notes: Mapping[str, str] | None = None
    ) -> None:
        """Check all that can be checked before any work, with the clip's first frame: UsageError or InputError.

        notes: key -> text that goes into the file's metadata; pictures have none.
        """
        self.path = Path(path)
        self._codec: Codec = choose_codec(self.path, codec, like.format.bits)
        self._output: Output
        if self._codec in ("png8", "png16"):
            self._output = PictureFolder(self.path, like, self._codec)
        else:
            self._output = MediaFile(self.path, like, self._codec, notes or {})
            check_audio(self.path, like, self._codec)
        for frame in like.frames(0, 1):
            encodable(frame, self._codec)
        self._first: Frame | None = None
        self._last_index = -1

    def __enter__(self) -> "VideoWriter":
        try:
            self._output.open()
        except OSError as error:
            raise self._failure(error) from error
        return self

    def write(self, frame: Frame) -> None:
        """Append one frame; frames come in the order of the source, and may leave some of it out."""
        frame = encodable(frame, self._codec)
        first = self._first = self._first or frame
        if (first.size, first.format) != (frame.size, frame.format):
            raise UsageError(
                f"frame {frame.index} is {frame.size[1]}x{frame.size[0]} {frame.format.name}, the frames before it are"
                f" {first.size[1]}x{first.size[0]} {first.format.name}; one file holds one size and format"
            )
        if frame.index <= self._last_index:
            raise UsageError(f"frame {frame.index} is not later than the one before it; write frames in their order")
        self._last_index = frame.index
        try:
            self._output.write(frame)
        except (FFmpegError, OSError) as error:
            raise self._failure(error) from error

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._finish()
        except (FFmpegError, OSError) as failure:
            raise self._failure(failure) from failure
        finally:
            self._output.discard()

    def _finish(self) -> None:
        if self._first is None:
            raise InputError(f"{self.path} was not written: there was no frame to write")
        self._output.finish()

    def _failure(self, error: Exception) -> InputError:
        return InputError(f"{self.path} cannot be written: {reason(error)}; check disk space and permissions")
