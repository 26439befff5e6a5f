"""The shape of pixels in Matroska's header.

FFV1 says nothing of it, and PyAV does not let a muxer know it. So the file is written with a track name that holds the
place, and afterwards the name's bytes are given to the display size, so that nothing after the track's entry moves.
Element numbers: RFC 9559, sections 5.1.4.1.18 and 5.1.4.1.28.
"""

from fractions import Fraction
from pathlib import Path

from ..errors import InputError

NAME, VIDEO, DISPLAY_UNIT = b"\x53\x6e", 0xE0, b"\x54\xb2\x81\x04"
DISPLAY_WIDTH, DISPLAY_HEIGHT = b"\x54\xb0\x84", b"\x54\xba\x84"
PLACEHOLDER = "display"
"""With its element's head as long as a display size of four bytes a side, less the "unknown unit" that it replaces."""
HEADER_LIMIT = 65536
MUXER_OPTIONS = {"write_crc32": "0"}


def display_size(size: tuple[int, int], pixel_aspect: Fraction) -> tuple[int, int]:
    """(width, height) in the exact proportion of a picture of `size` (height, width), and about as large."""
    proportion = Fraction(size[1], size[0]) * pixel_aspect
    scale = max(1, round(Fraction(size[1]) / proportion.numerator))
    return proportion.numerator * scale, proportion.denominator * scale


def write_display_size(path: Path, width: int, height: int) -> None:
    """Set the display size of the one track that is called PLACEHOLDER, and take its name away."""
    with path.open("r+b") as file:
        head = file.read(HEADER_LIMIT)
        file.seek(0)
        file.write(_with_display_size(head, width, height, path))


def _with_display_size(head: bytes, width: int, height: int, path: Path) -> bytes:
    name = NAME + bytes([0x80 | len(PLACEHOLDER)]) + PLACEHOLDER.encode()
    start = head.find(name)
    video = _find_sibling(head, start + len(name), VIDEO) if start >= 0 else -1
    end = video + 2 + (head[video + 1] & 0x7F)
    content = head[video + 2 : end]
    size = DISPLAY_WIDTH + width.to_bytes(4, "big") + DISPLAY_HEIGHT + height.to_bytes(4, "big")
    longer = content.replace(DISPLAY_UNIT, size, 1)
    if video < 0 or len(longer) != len(content) + len(name) or len(longer) > 126:
        raise InputError(f"{path} cannot be told the shape of its pixels in .mkv; write it with the codec h264")
    return head[:start] + head[start + len(name) : video] + bytes([VIDEO, 0x80 | len(longer)]) + longer + head[end:]


def _find_sibling(head: bytes, position: int, wanted: int) -> int:
    """Where the element with the one-byte number `wanted` and a one-byte length starts, from `position` on; or -1."""
    while position + 1 < len(head):
        id_length = 9 - head[position].bit_length()
        marker = head[position + id_length]
        if head[position] == wanted:
            return position if marker & 0x80 else -1
        length_length = 9 - marker.bit_length()
        field = head[position + id_length : position + id_length + length_length]
        length = int.from_bytes(field, "big") & ((1 << 7 * length_length) - 1)
        position += id_length + length_length + length
    return -1
