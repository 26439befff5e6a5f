"""Damage in FFV1: libavcodec covers a slice whose checksum does not fit with the picture before, and says nothing.

Source: RFC 9043, section 4.9 (slice footer: size of 24 bits, status of 8, CRC of 32).
"""

import zlib

FOOTER = 8
REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
"""FFV1's CRC takes the highest bit of a byte first, zlib's the lowest."""
NOTHING = 0xFFFFFFFF
"""zlib's name for a remainder of zero, which a slice with its CRC leaves."""


class SliceCheck:
    """Looks at the packets of one stream. Checksums are an option of FFV1: one that fits shows that they are on."""

    def __init__(self) -> None:
        self._has_fitting = self._has_others = False

    def is_damaged(self, packet: bytes) -> bool:
        """Take the next packet; whether one of those taken is damaged, as far as is known by now."""
        if slices_fit(packet):
            self._has_fitting = True
        else:
            self._has_others = True
        return self._has_fitting and self._has_others


def slices_fit(packet: bytes) -> bool:
    """Whether a packet is a row of slices, each with a checksum that fits."""
    end = len(packet)
    while end >= FOOTER:
        length = int.from_bytes(packet[end - 8 : end - 5], "big") + FOOTER
        if length > end or zlib.crc32(packet[end - length : end].translate(REVERSED), NOTHING) != NOTHING:
            return False
        end -= length
    return end == 0
