"""When each frame of a file is shown, from its packets alone: counting without decoding."""

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from pathlib import Path

from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.video.stream import VideoStream

from ..errors import InputError
from .container import codec_name, reason

SEEKABLE = ("mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm")
"""Containers whose packets carry the very time stamps of their frames, and whose index finds a frame before another."""

MATROSKA_TICK = Fraction(1, 1000)
"""Matroska counts milliseconds, whatever the frame rate."""


@dataclass(frozen=True)
class Timeline:
    """The clip's clock."""

    pts: tuple[int, ...]
    """Rising, in units of time_base, one for each frame shown."""
    time_base: Fraction
    frame_rate: Fraction
    seekable: bool
    """False where frames are told apart by counting from the first, because time stamps do not do it."""

    def __len__(self) -> int:
        return len(self.pts)

    @property
    def start(self) -> Fraction:
        """Seconds."""
        return self.pts[0] * self.time_base

    @cached_property
    def variable(self) -> bool:
        """Whether frames stand further from an even beat than a container's rounding of time stamps explains."""
        beat = 1 / (self.frame_rate * self.time_base)
        tolerance = max(1, MATROSKA_TICK / self.time_base)
        return any(abs(pts - self.pts[0] - index * beat) > tolerance for index, pts in enumerate(self.pts))

    @cached_property
    def index_of(self) -> dict[int, int]:
        return {pts: index for index, pts in enumerate(self.pts)}

    def duration(self, index: int) -> int:
        """How long a frame is shown, in units of time_base."""
        if index + 1 < len(self.pts):
            return self.pts[index + 1] - self.pts[index]
        return max(1, round(1 / (self.frame_rate * self.time_base)))


@dataclass(frozen=True)
class _Stamp:
    """What is kept of a packet."""

    pts: int | None
    dts: int | None
    duration: int
    shown: bool


def read_timeline(container: InputContainer, stream: VideoStream, path: Path) -> Timeline:
    """Demux the whole stream; InputError where packets are damaged or the file ends early."""
    stamps = _read_stamps(container, stream, path)
    shown = [stamp for stamp in stamps if stamp.shown]
    if not shown:
        raise InputError(f"{path} has a video stream without a single frame; give another file")
    rate = stream.average_rate or stream.guessed_rate
    if not rate or stream.time_base is None:
        raise InputError(f"{path} does not say how many frames a second it has; write it into an mp4, mov or mkv file")
    times = {stamp.dts for stamp in stamps}
    if len(times) == 1 < len(stamps) and None not in times:
        raise InputError(f"{path} gives all its frames the same time, which is 0 frames a second; write it anew")
    _check_complete(stamps, stream, path)
    rate = _exact_rate(Fraction(rate))
    pts = sorted({stamp.pts for stamp in shown if stamp.pts is not None})
    if len(pts) == len(shown):
        return Timeline(tuple(pts), Fraction(stream.time_base), rate, container.format.name in SEEKABLE)
    return Timeline(tuple(range(len(shown))), 1 / rate, rate, seekable=False)


def _read_stamps(container: InputContainer, stream: VideoStream, path: Path) -> list[_Stamp]:
    stamps: list[_Stamp] = []
    try:
        for packet in container.demux(stream):
            if packet.size == 0:  # an empty packet ends the stream
                continue
            if packet.is_corrupt:
                raise InputError(f"{path} is damaged at frame {len(stamps)}; repair it or cut that part off")
            shown = not (packet.is_discard or _is_hidden(packet, stream))
            stamps.append(_Stamp(packet.pts, packet.dts, packet.duration or 0, shown))
    except FFmpegError as error:
        raise InputError(f"{path} is damaged after frame {len(stamps)} ({reason(error)}); repair or trim it") from error
    return stamps


def _is_hidden(packet: "Packet[VideoStream]", stream: VideoStream) -> bool:
    """VP8 alone packs reference pictures that are never shown: bit 4 of the first byte (RFC 6386, 9.1)."""
    return codec_name(stream) == "vp8" and not bytes(packet)[0] & 0x10


def _check_complete(stamps: list[_Stamp], stream: VideoStream, path: Path) -> None:
    """Compare with what the header promises, where the header was written last and can be trusted."""
    format_name = stream.container.format.name
    if "mov" in format_name and len(stamps) < stream.frames:
        raise InputError(f"{path} is cut short: it holds {len(stamps)} of {stream.frames} frames; copy it again")
    promised = _seconds(stream.metadata.get("DURATION", ""))
    time_base = stream.time_base
    if "matroska" not in format_name or promised is None or time_base is None:
        return
    held = max((stamp.pts or 0) + stamp.duration for stamp in stamps) * time_base
    if promised - held > 2 * MATROSKA_TICK + 2 / Fraction(stream.average_rate or 25):
        raise InputError(f"{path} is cut short: it holds {float(held):.2f} of {float(promised):.2f} s; copy it again")


def _seconds(clock: str) -> Fraction | None:
    """Seconds of a time written as 00:01:02.500000000."""
    try:
        hours, minutes, seconds = clock.split(":")
        return int(hours) * 3600 + int(minutes) * 60 + Fraction(seconds)
    except ValueError:
        return None


def _exact_rate(rate: Fraction) -> Fraction:
    """Undo Matroska's rounding of a frame's duration to nanoseconds: 19001/317 was 60000/1001."""
    for exact in (Fraction(round(rate)), Fraction(round(rate * 1001 / 1000) * 1000, 1001)):
        if exact and abs(rate / exact - 1) < Fraction(5, 10**7):
            return exact
    return rate
