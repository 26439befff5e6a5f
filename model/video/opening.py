"""One door for everything that can be read as a clip."""

from fractions import Fraction
from pathlib import Path

from ..errors import UsageError
from .reader import VideoSource, open_file
from .sequence import is_sequence, open_sequence


def open_video(path: str | Path, *, frame_rate: Fraction | None = None) -> VideoSource:
    """Open a video file, or numbered pictures: a folder that holds one sequence, or a pattern (shot.%04d.png).

    frame_rate: frames a second of pictures, which do not know it; 24 where it is not given. Raises InputError for what
    cannot be read, and UsageError for a rate given to a file that has its own.
    """
    path = Path(path)
    if is_sequence(path):
        return open_sequence(path, frame_rate)
    if frame_rate is not None:
        raise UsageError(f"a frame rate is for pictures, and {path} has its own; leave it out")
    return open_file(path)
