"""The sound of a clip: copied packet by packet, never decoded."""

from contextlib import ExitStack
from fractions import Fraction
from io import BytesIO
from pathlib import Path

import av
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.stream import Stream

from ..errors import InputError
from .container import codec_name, open_container, reason
from .encoding import CODECS_OF_SUFFIX, Codec
from .source import FrameSource, source_file

MUXERS = {".mp4": "mp4", ".mov": "mov", ".mkv": "matroska", ".mka": "matroska"}
SUFFIXES_OF_PICTURES = (".mov", ".mka")
"""For the sound beside a folder of pictures; editing programs read the first, anything goes into the second."""


def check_audio(path: Path, like: FrameSource, codec: Codec | None = None) -> None:
    """InputError where the sound of `like` does not go into a file of this suffix; names a suffix that holds it.

    codec: of the picture, which the named suffix holds too.
    """
    suffix = path.suffix.lower()
    for stream_name, held in _held_by(like):
        if suffix in held:
            continue
        fitting = [s for s, codecs in CODECS_OF_SUFFIX.items() if s in held and (codec is None or codec in codecs)]
        fitting = fitting or [f"{s} with another codec" for s in CODECS_OF_SUFFIX if s in held]
        raise InputError(
            f"the {stream_name} sound of {like.path} cannot be copied into {suffix};"
            f" write {' or '.join(fitting) or 'another kind of sound'}"
        )


def suffix_beside_pictures(like: FrameSource) -> str | None:
    """What the file of the sound beside a folder of pictures is; None without sound. InputError where none holds it."""
    held = _held_by(like)
    if not held:
        return None
    for suffix in SUFFIXES_OF_PICTURES:
        if all(suffix in suffixes for _, suffixes in held):
            return suffix
    raise InputError(f"the {held[0][0]} sound of {like.path} is of a kind that cannot be copied; convert it first")


def write_sound(path: Path, source: Path) -> None:
    """Copy all sound of a file into a file of its own."""
    with av.open(str(path.absolute()), "w", format=MUXERS[path.suffix]) as target:
        copy = AudioCopy(source, target)
        try:
            copy.copy_until(None)
        finally:
            copy.close()


def _held_by(like: FrameSource) -> list[tuple[str, set[str]]]:
    """The codec of each audio stream, and the suffixes that hold it."""
    file = source_file(like)
    if file is None or not like.has_audio:
        return []
    with open_container(file) as source:
        return [
            (codec_name(stream), {suffix for suffix in MUXERS if _holds(suffix, stream)})
            for stream in source.streams.audio
        ]


def _holds(suffix: str, stream: AudioStream) -> bool:
    """Let the muxer write a header for this stream into memory; nobody knows better what it takes."""
    # libavformat writes PCM into mp4, but hardly any player reads it there.
    if codec_name(stream) == "unknown" or (suffix == ".mp4" and codec_name(stream).startswith("pcm_")):
        return False
    try:
        with av.open(BytesIO(), "w", format=MUXERS[suffix]) as container:
            container.add_stream_from_template(stream)
            container.start_encoding()
    except (FFmpegError, ValueError):
        return False
    return True


class AudioCopy:
    """All audio streams of one file on their way into another, in step with the picture."""

    def __init__(self, path: Path, target: OutputContainer) -> None:
        self._stack = ExitStack()
        self._path, self._target = path, target
        source = self._stack.enter_context(open_container(path))
        self._streams: dict[int, AudioStream] = {}
        for stream in source.streams.audio:
            copy = self._streams[stream.index] = target.add_stream_from_template(stream)
            for key in ("language", "title"):
                if key in stream.metadata:
                    copy.metadata[key] = stream.metadata[key]
        self._packets = source.demux(*source.streams.audio) if self._streams else iter(())
        self._next = self._read()

    def copy_until(self, time: Fraction | None) -> None:
        """Write the packets that begin before `time` in seconds; None writes the rest."""
        while self._next is not None:
            packet = self._next
            begin = packet.dts if packet.dts is not None else packet.pts
            if time is not None and begin is not None and begin * packet.time_base > time:
                return
            packet.stream = self._streams[packet.stream_index]
            self._target.mux(packet)
            self._next = self._read()

    def close(self) -> None:
        self._stack.close()

    def _read(self) -> "Packet[Stream] | None":
        try:
            return next((packet for packet in self._packets if packet.size), None)
        except FFmpegError as error:
            raise InputError(f"the sound of {self._path} is damaged ({reason(error)}); repair or remove it") from error
