"""Writing video: everything that was not edited stays as the source had it, and no half file is ever left behind."""

from collections.abc import Iterable
from contextlib import suppress
from fractions import Fraction
from math import lcm
from pathlib import Path
from secrets import token_hex
from types import TracebackType

import av
from av.container import OutputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.video.stream import VideoStream

from ..errors import InputError, UsageError
from . import matroska
from .audio import AudioCopy, check_audio
from .container import open_container, reason, video_stream
from .encoding import ENCODERS, Codec, CodecChoice, choose_codec, encodable, picture_of, pixel_name
from .frame import Frame
from .source import FrameSource

FINEST_TICK = 1_000_000
"""Ticks a second beyond which a constant rate and an odd start no longer share one exact time base."""

CONTAINER_TAGS = {"major_brand", "minor_version", "compatible_brands", "encoder", "duration"}
"""Metadata that describes the source's file and not its content."""


def write_video(path: str | Path, like: FrameSource, frames: Iterable[Frame], codec: CodecChoice = "auto") -> None:
    """Write frames as VideoWriter does; the file appears when the last frame is in it."""
    with VideoWriter(path, like, codec) as writer:
        for frame in frames:
            writer.write(frame)


class VideoWriter:
    """A context that writes a video file with the rate, time stamps, tags and sound of the clip `like`.

    .mp4 and .mov hold H.264, .mkv holds lossless FFV1 in the frames' own pixel format (or H.264 when asked). Sound is
    copied packet by packet. The file grows under a temporary name beside its place and gets its own at a clean end;
    after an error or an interruption nothing is left. Matroska rounds time stamps to milliseconds.
    """

    def __init__(self, path: str | Path, like: FrameSource, codec: CodecChoice = "auto") -> None:
        """Check all that can be checked before any work, with the clip's first frame: UsageError or InputError."""
        self.path = Path(path)
        self._like = like
        self._codec: Codec = choose_codec(self.path, codec)
        _check_target(self.path, like)
        check_audio(self.path, like)
        for frame in like.frames(0, 1):
            encodable(frame, self._codec)
        self._part = self.path.with_name(f".{self.path.stem}.{token_hex(4)}.part{self.path.suffix}")
        self._container: OutputContainer | None = None
        self._stream: VideoStream | None = None
        self._audio: AudioCopy | None = None
        self._last_pts: int | None = None
        self._durations: dict[int, int] = {}

    def __enter__(self) -> "VideoWriter":
        try:
            self._part.touch()  # a folder that takes no files is found out now and not after the work
        except OSError as error:
            raise self._failure(error) from error
        return self

    def write(self, frame: Frame) -> None:
        """Append one frame; frames come in the order of the source, and may leave some of it out."""
        try:
            self._encode(frame)
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
            self._discard()

    def _encode(self, frame: Frame) -> None:
        frame = encodable(frame, self._codec)
        stream = self._stream or self._start(frame)
        self._check_same(stream, frame)
        picture = picture_of(frame, self._codec)
        picture.time_base = _time_base(stream)
        time = self._time(frame)
        picture.pts = round(time / picture.time_base)
        if self._last_pts is not None and picture.pts <= self._last_pts:
            raise UsageError(f"frame {frame.index} is not later than the one before it; write frames in their order")
        self._last_pts = picture.pts
        self._durations[picture.pts] = self._duration(frame, picture.time_base)
        self._mux(stream.encode(picture))
        if self._audio is not None:
            self._audio.copy_until(time)

    def _start(self, frame: Frame) -> VideoStream:
        """Open the file for frames like the first one, and write its header."""
        like, encoder = self._like, ENCODERS[self._codec]
        options = matroska.MUXER_OPTIONS if self.path.suffix.lower() == ".mkv" else {"movflags": "faststart"}
        container = self._container = av.open(str(self._part.absolute()), "w", options=dict(options))
        stream = container.add_stream(encoder.name, rate=like.frame_rate, options=dict(encoder.options))
        assert isinstance(stream, VideoStream)
        stream.height, stream.width = frame.size
        stream.pix_fmt = pixel_name(frame, self._codec)
        context, tags = stream.codec_context, frame.colour.tags
        context.time_base = self._source_time_base(frame)
        context.thread_type = "AUTO"
        context.sample_aspect_ratio = like.pixel_aspect
        context.colorspace, context.color_range = tags.matrix, tags.range
        context.color_primaries, context.color_trc = tags.primaries, tags.transfer
        if like.path is not None:
            self._copy_metadata(container, stream, like.path)
            self._audio = AudioCopy(like.path, container)
        if self._needs_display_size():
            stream.metadata["title"] = matroska.PLACEHOLDER
        container.start_encoding()
        self._stream = stream
        return stream

    def _copy_metadata(self, container: OutputContainer, stream: VideoStream, path: Path) -> None:
        with open_container(path) as source:
            kept = {key: text for key, text in source.metadata.items() if key.lower() not in CONTAINER_TAGS}
            container.metadata.update(kept)
            if language := video_stream(source, path).metadata.get("language"):
                stream.metadata["language"] = language

    def _source_time_base(self, frame: Frame) -> Fraction:
        """Ticks in which every frame's time is a whole number: the source's own, or for a constant rate the rate's."""
        if self._like.variable_rate:
            return frame.time_base
        ticks = lcm(self._like.frame_rate.numerator, self._like.start_time.denominator)
        return Fraction(1, ticks if ticks <= FINEST_TICK else self._like.frame_rate.numerator)

    def _time(self, frame: Frame) -> Fraction:
        """Seconds. A constant rate is kept exactly, though the source's container may have rounded its time stamps."""
        if self._like.variable_rate:
            return frame.pts * frame.time_base
        return self._like.start_time + frame.index / self._like.frame_rate

    def _duration(self, frame: Frame, time_base: Fraction) -> int:
        seconds = frame.duration * frame.time_base if self._like.variable_rate else 1 / self._like.frame_rate
        return round(seconds / time_base)

    def _mux(self, packets: "Iterable[Packet[VideoStream]]") -> None:
        assert self._container is not None
        for packet in packets:
            # Encoders guess a duration from the rate; the last one decides the length and so the average rate.
            if packet.pts in self._durations:
                packet.duration = self._durations.pop(packet.pts)
            self._container.mux(packet)

    def _check_same(self, stream: VideoStream, frame: Frame) -> None:
        expected = (stream.height, stream.width, stream.pix_fmt)
        given = (*frame.size, pixel_name(frame, self._codec))
        if given != expected:
            raise UsageError(
                f"frame {frame.index} is {given[1]}x{given[0]} {given[2]}, the frames before it are"
                f" {expected[1]}x{expected[0]} {expected[2]}; one file holds one size and format"
            )

    def _finish(self) -> None:
        if self._stream is None or self._container is None:
            raise InputError(f"{self.path} was not written: there was no frame to write")
        self._mux(self._stream.encode(None))
        if self._audio is not None:
            self._audio.copy_until(None)
        self._container.close()
        self._container = None
        if self._needs_display_size():
            size = (self._stream.height, self._stream.width)
            matroska.write_display_size(self._part, *matroska.display_size(size, self._like.pixel_aspect))
        self._take_name()

    def _take_name(self) -> None:
        try:
            self._part.replace(self.path)
        except PermissionError as error:  # on Windows: an older file of that name is open in a player
            kept = self.path.with_name(self._part.name.lstrip(".").replace(".part", ""))
            self._part.replace(kept)
            raise InputError(
                f"{self.path} is in use by another program; the finished clip was kept as {kept}"
            ) from error

    def _needs_display_size(self) -> bool:
        return self._codec == "ffv1" and self._like.pixel_aspect != 1

    def _discard(self) -> None:
        """Close what is open and remove the temporary file, if it is still there."""
        if self._audio is not None:
            self._audio.close()
        if self._container is not None:
            with suppress(FFmpegError, OSError):  # another error is on its way already
                self._container.close()
            self._container = None
        self._part.unlink(missing_ok=True)

    def _failure(self, error: Exception) -> InputError:
        return InputError(f"{self.path} cannot be written: {reason(error)}; check disk space and permissions")


def _time_base(stream: VideoStream) -> Fraction:
    time_base = stream.codec_context.time_base
    assert time_base is not None, "set when the stream was added"
    return time_base


def _check_target(path: Path, like: FrameSource) -> None:
    if not path.parent.is_dir():
        raise UsageError(f"{path} cannot be written: there is no folder {path.parent}; make it first")
    if path.is_dir():
        raise UsageError(f"{path} cannot be written: it is a folder; give a file name")
    if like.path is not None and path.exists() and path.samefile(like.path):
        raise UsageError(f"{path} is the source itself; write to another file")
