"""A clip written as numbered pictures, in a folder that appears whole or not at all."""

import shutil
from fractions import Fraction
from pathlib import Path
from secrets import token_hex

from av.codec.context import CodecContext
from av.video.codeccontext import VideoCodecContext

from ..errors import InputError, UsageError
from .audio import SUFFIXES_OF_PICTURES, suffix_beside_pictures, write_sound
from .encoding import ENCODERS, Codec, picture_of, pixel_name
from .frame import Frame
from .sequence import Pattern, SequenceSource
from .source import FrameSource, source_file

SOUND = "sound"
"""The stem of the file that holds the sound, beside the pictures."""


class PictureFolder:
    """PNG pictures under a name such as shot/%04d.png. The folder belongs to them alone.

    A picture's number is its frame's, counted from 0, or from the first number of a source that is a sequence itself.
    An earlier sequence of the same names is replaced as a whole; a folder with anything else in it is refused.
    """

    def __init__(self, path: Path, like: FrameSource, codec: Codec) -> None:
        """UsageError for a name without a number or a folder in use; InputError for times that would be lost."""
        self.path, self._like = path, like
        self._codec: Codec = codec
        self._pattern = _pattern_of(path)
        self._folder = path.parent
        self._sound = suffix_beside_pictures(like)
        self._check_place()
        if like.variable_rate:
            raise InputError(
                f"{like.path} has a frame rate that varies, and pictures hold no times; write .mov or .mkv"
            )
        self._part = self._folder.with_name(f".{self._folder.name}.{token_hex(4)}.part")
        self._first_number = like.first_number if isinstance(like, SequenceSource) else 0

    def open(self) -> None:
        """Find out now, and not after the work, whether there is room for the folder."""
        self._part.mkdir()

    def write(self, frame: Frame) -> None:
        """frame: encodable."""
        name = self._pattern.name(self._first_number + frame.index)
        (self._part / name).write_bytes(self._encoded(frame))

    def finish(self) -> None:
        """Add the sound, and give the folder its name."""
        file = source_file(self._like)
        if self._sound is not None and file is not None:
            write_sound(self._part / f"{SOUND}{self._sound}", file)
        try:
            self._take_name()
        except PermissionError as error:  # on Windows: a player holds one of the earlier pictures open
            kept = self._folder.with_name(self._part.name.lstrip(".").removesuffix(".part"))
            self._part.rename(kept)
            raise InputError(
                f"{self._folder} is in use by another program; the finished pictures were kept in {kept}"
            ) from error

    def _take_name(self) -> None:
        if not self._folder.exists():
            self._part.rename(self._folder)
            return
        earlier = self._part.with_suffix(".earlier")
        self._folder.rename(earlier)
        try:
            self._part.rename(self._folder)
        except BaseException:
            if not self._folder.exists():
                earlier.rename(self._folder)
            raise
        shutil.rmtree(earlier, ignore_errors=True)

    def discard(self) -> None:
        """Remove the temporary folder, if it is still there."""
        shutil.rmtree(self._part, ignore_errors=True)

    def _encoded(self, frame: Frame) -> bytes:
        encoder = ENCODERS[self._codec]
        context = CodecContext.create(encoder.name, "w")
        assert isinstance(context, VideoCodecContext)
        context.height, context.width = frame.size
        context.pix_fmt = pixel_name(frame, self._codec)
        context.time_base = Fraction(1, 1)
        context.sample_aspect_ratio = self._like.pixel_aspect
        context.options, context.thread_type = dict(encoder.options), "NONE"
        picture = picture_of(frame, self._codec)
        picture.pts = 0
        return b"".join(bytes(packet) for packet in (*context.encode(picture), *context.encode(None)))

    def _check_place(self) -> None:
        folder = self._folder
        if not folder.name or folder.name == "..":
            raise UsageError(f"{self.path} cannot be written: pictures get a folder of their own, such as out/%05d.png")
        if not folder.parent.is_dir():
            raise UsageError(f"{self.path} cannot be written: there is no folder {folder.parent}; make it first")
        if folder.exists() and not folder.is_dir():
            raise UsageError(f"{self.path} cannot be written: {folder} is a file; name another folder")
        source = self._like.files[0].parent if isinstance(self._like, SequenceSource) else None
        if source is not None and folder.exists() and folder.samefile(source):
            raise UsageError(f"{folder} is the source itself; write to another folder")
        sounds = {f"{SOUND}{suffix}" for suffix in SUFFIXES_OF_PICTURES}
        for file in folder.iterdir() if folder.exists() else ():
            if self._pattern.number(file.name) is None and file.name not in sounds:
                raise UsageError(f"{folder} holds other things too ({file.name}); pictures get a folder of their own")


def _pattern_of(path: Path) -> Pattern:
    pattern = Pattern.parse(path.name)
    if pattern is None:
        raise UsageError(f"{path} cannot be written: pictures need a place for their number, such as out/%05d.png")
    return pattern
