"""What a command line says about Paste Back."""

import argparse
from pathlib import Path
from typing import get_args

from ..model.faces.settings import DETAIL, FEATHER, Detail, PasteSettings


def add_paste_options(parser: argparse.ArgumentParser) -> None:
    """How edited crops are brought back into their frames."""
    parser.add_argument(
        "--detail", choices=get_args(Detail), default=DETAIL,
        help="finest detail: the source's (keep), none but the decoded pixels' (replace), or the source's unless the "
        f"edit did away with it (auto); default {DETAIL}",
    )  # fmt: skip
    parser.add_argument(
        "--feather", type=float, default=FEATHER, metavar="PART",
        help=f"width of the edge in which the edit fades, as part of the crop's side, 0 to 0.5 (default {FEATHER})",
    )  # fmt: skip
    parser.add_argument(
        "--colour-match", action="store_true",
        help="take off the edit what it did to the colours of what it should leave alone",
    )  # fmt: skip
    parser.add_argument(
        "--occlusion", type=Path, metavar="PATH",
        help="mask of what is in front of the face and stays (white): a clip, an image sequence or a still",
    )  # fmt: skip


def paste_settings(options: argparse.Namespace) -> PasteSettings:
    """What add_paste_options read; UsageError for a value out of its range."""
    return PasteSettings(options.detail, options.feather, options.colour_match)
