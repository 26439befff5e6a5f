"""Video files as sources of frames."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
from av.codec.context import CodecContext
from av.container import InputContainer
from av.error import FFmpegError
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from ..digest import file_sha256
from ..errors import InputError
from .colour import ColourSpace, ColourTags, colour_space
from .container import codec_name, open_container, reason, video_stream
from .ffv1 import SliceCheck
from .formats import PixelFormat, Plane, pixel_format, read_planes
from .frame import Frame
from .orientation import Orientation, read_orientation
from .source import chunked
from .timeline import Timeline, read_timeline

ALPHA_DECODERS = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
"""They read the second picture in a block of WebM, which is the alpha of the first."""

REORDER_DEPTH = 16
"""Pictures that H.264 and HEVC may send out of order at most: a reading that starts this many earlier misses none."""


@dataclass(frozen=True)
class VideoSource:
    """A video file, opened anew by each reading."""

    path: Path
    size: tuple[int, int]
    """(height, width) in pixels, upright."""
    format: PixelFormat
    colour: ColourSpace
    pixel_aspect: Fraction
    has_audio: bool
    orientation: Orientation
    timeline: Timeline

    @property
    def frame_rate(self) -> Fraction:
        """Frames a second, exact; the average where the rate varies."""
        return self.timeline.frame_rate

    @property
    def frame_count(self) -> int:
        """Counted, not taken from the header."""
        return len(self.timeline)

    @property
    def variable_rate(self) -> bool:
        return self.timeline.variable

    @property
    def start_time(self) -> Fraction:
        """When the first frame is shown, in seconds."""
        return self.timeline.start

    @property
    def rotation(self) -> int:
        """Degrees clockwise by which the stored pictures are turned; frames come out upright."""
        return self.orientation.degrees

    def frames(self, start: int = 0, stop: int | None = None) -> Iterator[Frame]:
        """Frames start, start + 1, ... up to and without stop; InputError where one cannot be decoded."""
        wanted = range(self.frame_count)[start:stop]
        if not wanted:
            return
        with open_container(self.path) as container:
            expected = wanted.start
            for index, picture in self._pictures(container, wanted.start):
                if index < wanted.start:
                    continue
                if index != expected or picture.is_corrupt:
                    raise self._damaged(expected)
                yield self._frame(index, *read_planes(picture))
                expected += 1
                if expected == wanted.stop:
                    return
        raise self._damaged(expected)

    def chunks(self, n: int) -> Iterator[list[Frame]]:
        """All frames, n at a time; the last chunk may be shorter."""
        return chunked(self.frames(), n)

    def __iter__(self) -> Iterator[Frame]:
        return self.frames()

    def sha256(self) -> str:
        """Of the file, in hexadecimal; it is read once for it."""
        return file_sha256(self.path)

    def _pictures(self, container: InputContainer, start: int) -> Iterator[tuple[int, av.VideoFrame]]:
        """Decoded pictures with their frame numbers, from frame `start` or some frames earlier."""
        stream = video_stream(container, self.path)
        timeline = self.timeline
        earlier = start - REORDER_DEPTH
        if earlier > 0 and timeline.seekable:
            container.seek(timeline.pts[earlier], stream=stream)
        for count, picture in enumerate(decode(container, stream, self.path)):
            if not timeline.seekable:
                yield count, picture
            elif picture.pts in timeline.index_of:
                yield timeline.index_of[picture.pts], picture

    def _frame(self, index: int, planes: tuple[Plane, ...], layout: PixelFormat) -> Frame:
        """A frame of decoded samples that are not turned yet; InputError where they are unlike the first frame's."""
        upright = self.orientation.upright_format(layout)
        planes = tuple(self.orientation.upright(plane) for plane in planes)
        if upright != self.format or planes[0].shape != self.size:
            raise InputError(
                f"{self.path} changes from {self.size[1]}x{self.size[0]} {self.format.name} to"
                f" {planes[0].shape[1]}x{planes[0].shape[0]} {upright.name} at frame {index}; split it there"
            )
        timeline = self.timeline
        return Frame(
            index, planes, upright, self.colour, timeline.pts[index], timeline.time_base, timeline.duration(index)
        )

    def _damaged(self, index: int) -> InputError:
        return InputError(
            f"{self.path} is damaged: frame {index} of {self.frame_count} cannot be decoded; repair or trim it"
        )


def open_file(path: Path) -> VideoSource:
    """Look through a file: count its frames, decode the first, read its tags. InputError says what is wrong with it."""
    with open_container(path) as container:
        timeline = read_timeline(container, video_stream(container, path), path)
    with open_container(path) as container:
        stream = video_stream(container, path)
        picture = next(decode(container, stream, path), None)
        if picture is None:
            raise InputError(f"{path} has no frame that can be decoded; convert it to another codec first")
        try:
            return _describe(path, stream, picture, timeline)
        except InputError as error:
            raise InputError(f"{path}: {error}") from error


def decode(container: InputContainer, stream: VideoStream, path: Path) -> Iterator[av.VideoFrame]:
    """The stream's pictures; InputError where libav gives up or a checksum does not fit."""
    check = SliceCheck() if codec_name(stream) == "ffv1" else None
    decoder = _decoder_with_alpha(stream)
    packets = container.demux(stream)
    count = 0
    while True:
        try:
            packet = next(packets, None)
            if packet is None:
                return
            pictures = decoder.decode(packet if packet.size else None) if decoder is not None else packet.decode()
        except FFmpegError as error:
            raise InputError(f"{path} cannot be decoded after {count} frames: {reason(error)}; repair it") from error
        if check is not None and packet.size and check.is_damaged(bytes(packet)):
            at = f"{float((packet.pts or 0) * packet.time_base):.2f} s"
            raise InputError(f"{path} is damaged: the checksum of the frame at {at} does not fit; copy it anew")
        for picture in pictures:
            assert isinstance(picture, av.VideoFrame)
            yield picture
            count += 1


def _decoder_with_alpha(stream: VideoStream) -> VideoCodecContext | None:
    """For VP8 and VP9 that say they carry alpha, which libavcodec's own decoders drop; None for all others."""
    mode = next((text for key, text in stream.metadata.items() if key.lower() == "alpha_mode"), "0")
    name = ALPHA_DECODERS.get(codec_name(stream))
    if mode != "1" or name is None:
        return None
    context = CodecContext.create(name, "r")
    assert isinstance(context, VideoCodecContext)
    return context


def _describe(path: Path, stream: VideoStream, picture: av.VideoFrame, timeline: Timeline) -> VideoSource:
    stored = pixel_format(picture.format.name)
    size = (picture.height, picture.width)
    orientation = read_orientation(picture)
    orientation.check(stored, size)
    layout = orientation.upright_format(stored)
    height, width = orientation.upright_size(size)
    context = stream.codec_context
    tags = ColourTags(
        matrix=context.colorspace,
        range=picture.color_range or context.color_range,
        primaries=context.color_primaries,
        transfer=context.color_trc,
    )
    aspect = Fraction(stream.sample_aspect_ratio or 1)
    return VideoSource(
        path=path,
        size=(height, width),
        format=layout,
        colour=colour_space(tags, layout, height),
        pixel_aspect=1 / aspect if orientation.transpose else aspect,
        has_audio=bool(container_audio(stream)),
        orientation=orientation,
        timeline=timeline,
    )


def container_audio(stream: VideoStream) -> int:
    """How many audio streams lie beside a video stream."""
    return len(stream.container.streams.audio)
