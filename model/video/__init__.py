"""Video in the source's own samples: read frame by frame, changed where asked, written with everything else kept.

>>> source = open_video("shot.mov")
>>> write_video("edited.mkv", source, (frame.add_rgb(delta, top, left) for frame in source))
"""

from .colour import ColourSpace, ColourTags
from .formats import PixelFormat
from .frame import Frame
from .opening import open_video
from .reader import VideoSource
from .sequence import SequenceSource, is_sequence
from .source import ArraySource, FrameSource
from .writer import CodecChoice, VideoWriter, write_video

__all__ = [
    "ArraySource",
    "CodecChoice",
    "ColourSpace",
    "ColourTags",
    "Frame",
    "FrameSource",
    "PixelFormat",
    "SequenceSource",
    "VideoSource",
    "VideoWriter",
    "is_sequence",
    "open_video",
    "write_video",
]
