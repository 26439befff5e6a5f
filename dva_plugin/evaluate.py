"""`dva eval` and `dva report`: what a command line says about measuring; the measuring itself is model/metrics."""

import argparse
import json
from pathlib import Path

from ..model.errors import UsageError
from .console import ConsoleProgress, complain, say
from .host import DEVICE_NAMES, choose_device

EXAMPLE = "such as `dva eval shot.mov edited.mov`, or `dva eval --tables clips`"


def add_eval_options(one: argparse.ArgumentParser) -> None:
    """What `dva eval` takes."""
    one.add_argument("source", type=Path, nargs="?", metavar="SOURCE", help="the clip before the edit")
    one.add_argument("edited", type=Path, nargs="?", metavar="EDITED", help="the clip after it")
    one.add_argument("--track", type=Path, help="track.json of the source (default: look for the largest face)")
    one.add_argument("--json", type=Path, metavar="OUT", help="write the figures here")
    one.add_argument("--tables", type=Path, metavar="FOLDER", help="print the papers' tables for a folder of clips")
    one.add_argument("--pack", default="mini", help="tables: pack that edits (default mini)")
    one.add_argument(
        "--attribute", type=strength, action="append", metavar="NAME=STRENGTH",
        help="tables: an edit to compare; may be given several times (default: three that mini knows)",
    )  # fmt: skip
    one.add_argument("--frames", type=int, help="tables: first frames of each clip (default: all)")
    _add_common(one)
    one.set_defaults(run=_eval)


def add_report_options(report: argparse.ArgumentParser) -> None:
    """What `dva report` takes."""
    report.add_argument(
        "folder", type=Path, metavar="FOLDER",
        help="NAME.source.* and NAME.edited.* for each shot, perhaps NAME.track.json and NAME.settings.json",
    )  # fmt: skip
    _add_common(report)
    report.set_defaults(run=_report)


def _add_common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--judge", type=Path, metavar="FOLDER", help="the judge's networks (default: the pack `judge`)")
    parser.add_argument("--device", choices=DEVICE_NAMES, default="auto", help="where to compute (default auto)")


def strength(text: str) -> tuple[str, float]:
    """NAME=STRENGTH as (name, signed number): argparse's type of --attribute."""
    name, _, number = text.partition("=")
    try:
        return name.strip(), float(number)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=STRENGTH, such as Eyeglasses=1.0") from error


def _eval(options: argparse.Namespace) -> None:
    if options.tables is not None:
        if options.source or options.track or options.json:
            raise UsageError("--tables goes with neither SOURCE and EDITED nor --track and --json; leave those out")
        _tables(options)
    elif options.source is None or options.edited is None:
        raise UsageError(f"eval needs two clips or a folder, {EXAMPLE}")
    elif options.attribute or options.frames is not None:
        raise UsageError("--attribute and --frames belong to --tables; leave them out")
    else:
        _two_clips(options)


def _two_clips(options: argparse.Namespace) -> None:
    from ..model.metrics.flags import FLAG_TEXT, flags, ranges
    from ..model.metrics.instruments import Instruments
    from .evaluate_clip import figures_json, measure_files, open_judge, write_text

    device = choose_device(options.device)
    instruments = Instruments.load(open_judge(options.judge, device), device)
    with ConsoleProgress() as progress:
        measured, _ = measure_files(options.source, options.edited, options.track, instruments, progress)
    for name, value in measured.figures.items():
        say(f"{name:<16} {'null' if value is None else f'{value:.5g}'}")
    for name, why in measured.missing.items():
        complain(f"{name} was not measured: {why}")
    found = flags(measured)
    for kind, text in FLAG_TEXT.items():
        if frames := [flag.frame for flag in found if flag.kind == kind]:
            say(f"look at frames {ranges(frames)}: {text}")
    if options.json is not None:
        facts = {"source": str(options.source), "edited": str(options.edited)} | figures_json(measured, found)
        write_text(options.json, json.dumps(facts, indent=1, allow_nan=False) + "\n")


def _tables(options: argparse.Namespace) -> None:
    from ..model.autoencoder import Autoencoder
    from ..model.metrics.instruments import Instruments
    from .evaluate_clip import open_judge
    from .evaluate_markdown import markdown
    from .evaluate_tables import EDITS, measure_folder
    from .packs import open_pack

    device = choose_device(options.device)
    autoencoder = Autoencoder(open_pack(options.pack), device)
    instruments = Instruments.load(open_judge(options.judge, device), device)
    edits = tuple(options.attribute or EDITS)
    with ConsoleProgress() as progress:
        tables = measure_folder(options.tables, autoencoder, instruments, edits, options.frames, progress)
    say(markdown(tables))


def _report(options: argparse.Namespace) -> None:
    from ..model.metrics.instruments import Instruments
    from .evaluate_clip import open_judge
    from .report import write_report

    device = choose_device(options.device)
    instruments = Instruments.load(open_judge(options.judge, device), device)
    with ConsoleProgress() as progress:
        page = write_report(options.folder, instruments, progress)
    say(f"wrote {page}")
