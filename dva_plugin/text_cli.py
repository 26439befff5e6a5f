"""What a command line says about edits by text: options of `dva edit`, and `dva clip`."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ..model.errors import UsageError
from .console import say

if TYPE_CHECKING:
    from .text_edit import TextRequest

PUBLISHED_NAME = "ViT-B-16/openai"


def add_text_options(edit: argparse.ArgumentParser) -> None:
    """What `dva edit` takes about texts."""
    text = edit.add_argument_group("edits by text", "Searched once with CLIP, kept, and then of any strength.")
    text.add_argument("--text", action="append", default=[], metavar="TARGET", help="such as 'face with eyeglasses'")
    text.add_argument(
        "--strength", type=float, action="append", default=[], metavar="NUMBER",
        help="of the texts: one for all, or one each (default 1)",
    )  # fmt: skip
    text.add_argument("--neutral", default="face", metavar="TEXT", help="what the face is now (default 'face')")
    text.add_argument("--curve", default="", metavar="KEYFRAMES", help="multiplies the strengths, as in '0:0, 48:1'")
    text.add_argument(
        "--clip", default="pack", metavar="CLIP",
        help=f"pack, an open_clip network such as {PUBLISHED_NAME}, or ARCHITECTURE=FILE (default pack)",
    )  # fmt: skip
    text.add_argument("--iterations", type=int, help="of a search, 1 to 10000")
    text.add_argument("--published", action="store_true", help="the paper's settings: slow, and 2000 iterations")
    text.add_argument("--keep-best", action="store_true", help="Ctrl-C ends a search and goes on with the best so far")
    text.add_argument("--watch", type=Path, metavar="FOLDER", help="write losses.csv and preview.png there meanwhile")
    text.add_argument("--keep-direction", type=Path, metavar="FILE", help="write what the last text's search found")
    text.add_argument(
        "--direction", type=_direction, action="append", default=[], metavar="FILE=STRENGTH",
        help="a direction kept earlier; may be given several times",
    )  # fmt: skip


def text_request(options: argparse.Namespace) -> "TextRequest | None":
    """What the options of add_text_options ask for; None where they ask for nothing.

    Raises UsageError where the strengths do not fit the texts.
    """
    from dataclasses import replace

    from ..model.editing.text_settings import PUBLISHED, TextSettings
    from .home import direction_folder
    from .text_edit import TextRequest

    if not options.text and not options.direction:
        return None
    strengths = options.strength or [1.0]
    if len(strengths) not in (1, len(options.text)):
        raise UsageError(
            f"--strength comes {len(strengths)} times for {len(options.text)} texts; give one, or one each"
        )
    strengths = strengths * len(options.text) if len(strengths) == 1 else strengths
    settings = PUBLISHED if options.published else TextSettings()
    settings = replace(settings, seed=options.seed, keep_best=options.keep_best)
    return TextRequest(
        targets=tuple(zip(options.text, strengths, strict=True)),
        directions=tuple(options.direction),
        cache=direction_folder(),
        neutral=options.neutral,
        curve=options.curve,
        clip=options.clip,
        settings=settings if options.iterations is None else replace(settings, iterations=options.iterations),
        keep=options.keep_direction,
        watch=options.watch,
    )


def add_clip_commands(clip: argparse.ArgumentParser) -> None:
    """What `dva clip` does."""
    steps = clip.add_subparsers(dest="step", required=True)
    words = steps.add_parser("words", help="list the words that a pack's CLIP knows")
    words.add_argument("--pack", default="mini", help="pack name or folder (default mini)")
    words.set_defaults(run=_words)
    fetch = steps.add_parser("fetch", help="download an open_clip network into its cache")
    fetch.add_argument("name", metavar="ARCHITECTURE/TAG", help=f"such as {PUBLISHED_NAME}")
    fetch.set_defaults(run=_fetch)


def _direction(text: str) -> tuple[Path, float]:
    """FILE=STRENGTH, or FILE alone for strength 1."""
    path, given, number = text.rpartition("=")
    try:
        return (Path(path), float(number)) if given else (Path(text), 1.0)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not FILE=STRENGTH, such as glasses.safetensors=0.8") from error


def _words(options: argparse.Namespace) -> None:
    from ..model.encoders.clip import pack_words
    from .packs import open_pack

    pack = open_pack(options.pack)
    words = pack_words(pack)
    say(f"the CLIP of pack {pack.spec.name} knows {len(words)} words: {', '.join(words)}" if words else
        f"pack {pack.spec.name} holds no CLIP; name one with --clip, such as {PUBLISHED_NAME}")  # fmt: skip


def _fetch(options: argparse.Namespace) -> None:
    from ..model.encoders.clip_cache import fetch_clip

    say(f"{options.name} is in {fetch_clip(options.name)}")
