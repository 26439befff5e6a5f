"""A video file while it is written: one stream of pictures, all sound, and what the source says of itself."""

import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from fractions import Fraction
from math import lcm
from pathlib import Path
from secrets import token_hex

import av
from av.container import OutputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.video.stream import VideoStream

from ..errors import InputError, UsageError
from . import matroska
from .audio import AudioCopy
from .container import open_container, video_stream
from .encoding import ENCODERS, Codec, picture_of, pixel_name
from .frame import Frame
from .source import FrameSource, source_file

FINEST_TICK = 1_000_000
"""Ticks a second beyond which a constant rate and an odd start no longer share one exact time base."""

CONTAINER_TAGS = {"major_brand", "minor_version", "compatible_brands", "encoder", "duration", "timecode"}
"""Metadata that describes the source's file and not its content; the timecode is written by itself."""

SHORTEST_REORDERED = 3
"""Frames from which on x265 sets decoding times; those of shorter clips are whatever was in memory (its issue 781)."""

TIMECODE = re.compile(r"([01]\d|2[0-3]):[0-5]\d:[0-5]\d[:;.]\d{2,3}")


class MediaFile:
    """Written under a temporary name beside its place, which it takes at the end."""

    def __init__(self, path: Path, like: FrameSource, codec: Codec, notes: Mapping[str, str]) -> None:
        """InputError or UsageError for a place that cannot be taken."""
        self.path, self._like = path, like
        self._codec: Codec = codec
        self._notes = notes
        self._check_place()
        self._part = path.with_name(f".{path.stem}.{token_hex(4)}.part{path.suffix}")
        self._container: OutputContainer | None = None
        self._stream: VideoStream | None = None
        self._audio: AudioCopy | None = None
        self._durations: dict[int, int] = {}
        self._written = 0

    def open(self) -> None:
        """Find out now, and not after the work, whether the folder takes files."""
        self._part.touch()

    def write(self, frame: Frame) -> None:
        """frame: encodable, and later than the one before."""
        stream = self._stream or self._start(frame)
        picture = picture_of(frame, self._codec)
        picture.time_base = _time_base(stream)
        time = self._time(frame)
        picture.pts = round(time / picture.time_base)
        self._durations[picture.pts] = self._duration(frame, picture.time_base)
        self._written += 1
        self._mux(stream.encode(picture))
        if self._audio is not None:
            self._audio.copy_until(time)

    def _start(self, frame: Frame) -> VideoStream:
        """Open the file for frames like the first one, and write its header."""
        like, encoder = self._like, ENCODERS[self._codec]
        # without use_metadata_tags, mp4 and mov drop keys that they do not know
        flags = {"movflags": "faststart+use_metadata_tags" if self._notes else "faststart"}
        options = matroska.MUXER_OPTIONS if self.path.suffix.lower() == ".mkv" else flags
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
        if encoder.tag is not None and self.path.suffix.lower() != ".mkv":
            context.codec_tag = encoder.tag
        if (file := source_file(like)) is not None:
            self._copy_metadata(container, stream, file)
            self._audio = AudioCopy(file, container)
        container.metadata.update(self._notes)
        if self._needs_display_size():
            stream.metadata["title"] = matroska.PLACEHOLDER
        container.start_encoding()
        self._stream = stream
        return stream

    def _copy_metadata(self, container: OutputContainer, stream: VideoStream, path: Path) -> None:
        with open_container(path) as source:
            kept = {key: text for key, text in source.metadata.items() if key.lower() not in CONTAINER_TAGS}
            container.metadata.update(kept)
            of_picture = video_stream(source, path).metadata
            if language := of_picture.get("language"):
                stream.metadata["language"] = language
            if timecode := self._timecode({**source.metadata, **of_picture}):
                stream.metadata["timecode"] = timecode

    def _timecode(self, metadata: dict[str, str]) -> str | None:
        """The first frame's timecode, unless the rate has none: drop-frame counting is for multiples of 30000/1001."""
        timecode = next((text for key, text in metadata.items() if key.lower() == "timecode"), "")
        is_countable = self._like.frame_rate >= 1 and (";" not in timecode or round(self._like.frame_rate) % 30 == 0)
        return timecode if TIMECODE.fullmatch(timecode) and is_countable else None

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

    def finish(self) -> None:
        """Write what the encoder still holds and the rest of the sound; then the file gets its name."""
        assert self._stream is not None
        assert self._container is not None
        packets = self._stream.encode(None)
        if self._codec == "hevc" and self._written < SHORTEST_REORDERED:
            for packet in packets:
                packet.dts = packet.pts
        self._mux(packets)
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
        return self._codec in ("ffv1", "prores") and self.path.suffix.lower() == ".mkv" and self._like.pixel_aspect != 1

    def discard(self) -> None:
        """Close what is open and remove the temporary file, if it is still there."""
        if self._audio is not None:
            self._audio.close()
        if self._container is not None:
            with suppress(FFmpegError, OSError):  # another error is on its way already
                self._container.close()
            self._container = None
        self._part.unlink(missing_ok=True)

    def _check_place(self) -> None:
        path, file = self.path, source_file(self._like)
        if not path.parent.is_dir():
            raise UsageError(f"{path} cannot be written: there is no folder {path.parent}; make it first")
        if path.is_dir():
            raise UsageError(f"{path} cannot be written: it is a folder; give a file name")
        if file is not None and path.exists() and path.samefile(file):
            raise UsageError(f"{path} is the source itself; write to another file")


def _time_base(stream: VideoStream) -> Fraction:
    time_base = stream.codec_context.time_base
    assert time_base is not None, "set when the stream was added"
    return time_base
