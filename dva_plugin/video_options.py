"""Options of the command line that say how clips are read and written."""

import argparse
from fractions import Fraction

CODECS = ("auto", "h264", "hevc", "prores", "ffv1", "png8", "png16")
"""The choices of model/video, which --help does not wait for."""

SHORT_NAMES = {"23.976": "24000/1001", "23.98": "24000/1001", "29.97": "30000/1001", "59.94": "60000/1001"}
"""What is said for rates that no decimal number holds."""


def frame_rate(text: str) -> Fraction:
    """Frames a second: 25, 12.5, 24000/1001, or a short name such as 23.976."""
    try:
        rate = Fraction(SHORT_NAMES.get(text, text))
    except (ValueError, ZeroDivisionError):
        rate = Fraction(0)
    if not 0 < rate <= 1000:
        raise argparse.ArgumentTypeError(f"'{text}' is no frame rate; give one up to 1000, as 24 or 24000/1001")
    return rate
