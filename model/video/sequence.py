"""Pictures in a folder as a clip: which files belong together, and reading them in their order."""

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

from ..digest import file_sha256
from ..errors import InputError
from .colour import colour_space
from .frame import Frame
from .reader import VideoSource
from .stills import read_still
from .timeline import Timeline

SUFFIXES = (".png", ".jpg", ".jpeg", ".exr")
FRAME_RATE = Fraction(24)
"""Frames a second where nobody says; pictures do not know it."""

NUMBER = re.compile(r"%0?(?P<width>\d*)d|(?P<marks>#+)")
NUMBERED = re.compile(r"(?P<prefix>.*?)(?P<number>\d+)")


@dataclass(frozen=True)
class Pattern:
    """A file name with a place for a number: shot.%04d.png, %d.png or shot.####.png."""

    prefix: str
    width: int
    suffix: str

    @classmethod
    def parse(cls, name: str) -> "Pattern | None":
        """None for a name without exactly one such place."""
        places = list(NUMBER.finditer(name))
        if len(places) != 1:
            return None
        place = places[0]
        width = len(place["marks"]) if place["marks"] else int(place["width"] or 1)
        return cls(name[: place.start()], width, name[place.end() :])

    def name(self, number: int) -> str:
        """The number is filled up with zeros to the width."""
        return f"{self.prefix}{number:0{self.width}d}{self.suffix}"

    def number(self, name: str) -> int | None:
        """The number in a file's name; None where the name is not one of this pattern."""
        digits = name[len(self.prefix) : len(name) - len(self.suffix)]
        is_number = digits.isascii() and digits.isdecimal()
        return int(digits) if is_number and name == self.name(int(digits)) else None

    def __str__(self) -> str:
        return f"{self.prefix}%0{self.width}d{self.suffix}" if self.width > 1 else f"{self.prefix}%d{self.suffix}"


@dataclass(frozen=True)
class SequenceSource(VideoSource):
    """Numbered pictures, one file a frame. `path` is the folder or the pattern that was asked for."""

    files: tuple[Path, ...]
    first_number: int
    """The number in the first file's name."""

    def frames(self, start: int = 0, stop: int | None = None) -> Iterator[Frame]:
        """Frames start, start + 1, ... up to and without stop; InputError where one cannot be decoded."""
        for index in range(self.frame_count)[start:stop]:
            still = read_still(self.files[index])
            yield self._frame(index, still.planes, still.format)

    def sha256(self) -> str:
        """Over the digests of all files, in their order."""
        total = hashlib.sha256()
        for file in self.files:
            total.update(bytes.fromhex(file_sha256(file)))
        return total.hexdigest()


def is_sequence(path: Path) -> bool:
    """Whether a path is a folder or a pattern of pictures, and not a file."""
    is_pattern = Pattern.parse(path.name) is not None and path.suffix.lower() in SUFFIXES
    return path.is_dir() or (is_pattern and not path.exists())


def open_sequence(path: Path, frame_rate: Fraction | None = None) -> SequenceSource:
    """Find the files of a folder or a pattern, and decode the first; InputError says what is wrong with them."""
    pattern = Pattern.parse(path.name)
    is_folder = path.is_dir()
    folder = path if is_folder or pattern is None else path.parent
    if is_folder or pattern is None:
        pattern, numbers = _sequence_in(folder)
    else:
        numbers = _numbers(pattern, _names(folder))
    if not numbers:
        raise InputError(f"there is no picture {path}; check the folder, the name and the number of digits")
    if len(numbers) <= numbers[-1] - numbers[0]:
        raise InputError(f"{folder / str(pattern)} has holes: {_holes(numbers)} missing; add them, or split it there")
    files = tuple(folder / pattern.name(number) for number in numbers)
    rate = frame_rate or FRAME_RATE
    timeline = Timeline(tuple(range(len(files))), 1 / rate, rate, seekable=True)
    still = read_still(files[0])
    size = (still.planes[0].shape[0], still.planes[0].shape[1])
    turn = still.orientation
    turn.check(still.format, size)
    layout, (height, width) = turn.upright_format(still.format), turn.upright_size(size)
    return SequenceSource(
        path=path,
        size=(height, width),
        format=layout,
        colour=colour_space(still.tags, layout, height),
        pixel_aspect=1 / still.pixel_aspect if turn.transpose else still.pixel_aspect,
        has_audio=False,
        orientation=turn,
        timeline=timeline,
        files=files,
        first_number=numbers[0],
    )


def _names(folder: Path) -> list[str]:
    try:
        return [file.name for file in folder.iterdir() if file.is_file() and not file.name.startswith(".")]
    except OSError as error:
        raise InputError(f"the folder {folder} cannot be read: {error.strerror}; check the path") from error


def _numbers(pattern: Pattern, names: Iterable[str]) -> list[int]:
    return sorted(number for name in names if (number := pattern.number(name)) is not None)


def _sequence_in(folder: Path) -> tuple[Pattern, list[int]]:
    """The one sequence that a folder holds."""
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for name in _names(folder):
        stem, suffix = Path(name).stem, Path(name).suffix
        match = NUMBERED.fullmatch(stem) if suffix.lower() in SUFFIXES else None
        if match:
            found[match["prefix"], suffix].append(match["number"])
    if not found:
        raise InputError(
            f"{folder} is a folder without numbered pictures; give a video file, or pictures such as shot.0001.png"
            " (png, jpg or exr)"
        )
    patterns = [Pattern(prefix, min(map(len, digits)), suffix) for (prefix, suffix), digits in found.items()]
    if len(patterns) > 1:
        named = " or ".join(sorted(str(folder / str(pattern)) for pattern in patterns)[:4])
        raise InputError(f"{folder} holds more than one sequence; name one of them: {named}")
    ((pattern,), (digits,)) = patterns, found.values()
    numbers = _numbers(pattern, _names(folder))
    if len(numbers) != len(digits):
        raise InputError(f"{folder} holds numbers with and without zeros in front; name the pictures in one way")
    return pattern, numbers


def _holes(numbers: list[int]) -> str:
    """The numbers that are not there, as 12-14, 17; the first five gaps."""
    gaps = [(low + 1, high - 1) for low, high in pairwise(numbers) if high > low + 1]
    told = ", ".join(str(low) if low == high else f"{low}-{high}" for low, high in gaps[:5])
    return told + (", ..." if len(gaps) > 5 else "")
