"""The `dva` command. Every failure is one sentence and an exit code, never a traceback."""

import argparse
import signal
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NoReturn

from ..model.errors import DeviceError, DvaError, InputError, Interrupted, UsageError
from .console import ConsoleProgress, complain, say
from .evaluate import add_eval_options, add_report_options, strength
from .forge import add_forge_steps, seed_number
from .host import DEVICE_NAMES, choose_device
from .manifest import read_manifest
from .mix_cli import add_mix_options
from .packs_cli import add_packs_commands
from .paste_cli import add_paste_options, paste_settings
from .render_cli import add_render_options
from .text_cli import add_clip_commands, add_text_options, text_request
from .track_cli import (
    add_gap_report_option,
    add_person_options,
    add_track_options,
    check_place,
    gaps_of,
    person_of,
    write_gap_report,
)
from .train import add_train_attributes_options, add_train_options
from .video_options import CODECS, frame_rate


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code (2 usage, 3 model files, 4 input, 5 device, 130 interrupted)."""
    try:
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # a polite kill clears up as Ctrl-C does
        options = _parser().parse_args(arguments)
        options.run(options)
    except (KeyboardInterrupt, Interrupted) as stop:
        complain(str(stop) or "stopped; nothing was left half-written")
        return Interrupted.exit_code
    except BrokenPipeError:
        return 0
    except (DvaError, OSError, MemoryError, ImportError) as error:
        problem = _in_our_words(error)
        complain(str(problem))
        return problem.exit_code
    return 0


def _in_our_words(error: Exception) -> DvaError:
    """What the system or Python itself reports (a full disk, a missing package), as one of our sentences."""
    match error:
        case DvaError():
            return error
        case ImportError():
            return DvaError(
                f"a Python package that dva needs cannot be loaded by {sys.executable} ({error}); "
                "run `python installer demo` once, or install what requirements.txt names"
            )
        case OSError():
            where = f"{error.filename}: " if error.filename else ""
            reason = error.strerror or error
            return InputError(f"{where}{reason}; check the path, the permissions and the space on the disk")
        case _:
            return DeviceError("there is too little memory on this computer; edit the clip in shorter pieces")


class _Parser(argparse.ArgumentParser):
    """Reports a wrong option as our own error, so that there is one way out."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}; see {self.prog} --help")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="dva", description="Edit a face in a video: one identity for the whole clip.")
    parser.add_argument("--version", action="version", version=f"dva {_version()}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    edit = commands.add_parser("edit", help="edit a clip into a new file")
    edit.add_argument("source", type=Path, metavar="IN", help="video file, or a folder or pattern of pictures")
    edit.add_argument("-o", "--output", type=Path, required=True, metavar="OUT", help="a file, or folder/%%05d.png")
    edit.add_argument(
        "--attribute", type=strength, action="append", default=[], metavar="NAME=STRENGTH",
        help="what to change and how far: 1 adds it, -1 removes it; may be given several times",
    )  # fmt: skip
    edit.add_argument("--steps", type=int, help="network steps, 2 to 1000 (default: the pack's)")
    edit.add_argument("--guidance", type=float, default=0.0, help="go further beyond the edit, 0 to 4 (default 0)")
    add_person_options(edit)
    edit.add_argument("--codec", choices=CODECS, default="auto", help="auto: by the suffix; .mkv keeps every sample")
    edit.add_argument("--frame-rate", type=frame_rate, metavar="RATE", help="of pictures, as 24000/1001 (default 24)")
    edit.add_argument(
        "--code", type=Path, metavar="FILE", help="keep the encoded clip here (.dva) and use it next time"
    )
    add_paste_options(edit)
    edit.add_argument("--seed", type=seed_number, default=0, help="for whatever is drawn at random (default 0)")
    add_text_options(edit)
    _add_model_options(edit)
    add_gap_report_option(edit)
    edit.set_defaults(run=_edit)
    attributes = commands.add_parser("attributes", help="list what the pack can edit")
    attributes.add_argument("--pack", default="mini", help="pack name or folder (default mini)")
    attributes.set_defaults(run=_attributes)
    demo = commands.add_parser("demo", help="make two short clips, edit them, and show before and after")
    demo.add_argument("-o", "--output", type=Path, help="folder to write to (default: ./demo)")
    _add_model_options(demo)
    demo.set_defaults(run=_demo)
    add_track_options(commands.add_parser("track", help="list the people in a clip, and where each of them is when"))
    add_mix_options(commands.add_parser("mix", help="give a clip another clip's identity, motion or noise"))
    add_render_options(commands.add_parser("render", help="run a graph that ComfyUI exported, without ComfyUI"))
    add_eval_options(
        commands.add_parser("eval", help="measure an edit against its source, or print the papers' tables")
    )
    add_report_options(commands.add_parser("report", help="a page about a folder of shots: what to look at, and why"))
    add_forge_steps(commands.add_parser("forge", help="make a pack from faces made by code"))
    add_train_options(commands.add_parser("train", help="train a network on your own footage, as the paper does"))
    add_train_attributes_options(
        commands.add_parser("train-attributes", help="teach a pack attributes from labelled pictures")
    )
    add_clip_commands(commands.add_parser("clip", help="what edits by text know, and fetching other networks for them"))
    add_packs_commands(commands.add_parser("packs", help="list, import, verify and remove model packs"))
    return parser


def _add_model_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--pack", default="mini", help="pack name or folder (default mini)")
    parser.add_argument("--device", choices=DEVICE_NAMES, default="auto", help="where to compute (default auto)")


def _version() -> str:
    try:
        return version("dva-plugin")
    except PackageNotFoundError:
        return read_manifest().version


def _edit(options: argparse.Namespace) -> None:
    import torch

    from .jobs import EditRequest, edit_file
    from .packs import open_pack

    torch.manual_seed(options.seed)
    by_text = text_request(options)
    if not options.attribute and by_text is None:
        raise UsageError("nothing to edit: name an --attribute, a --text or a --direction; see dva edit --help")
    request = EditRequest(
        source=options.source,
        target=options.output,
        attributes=tuple(options.attribute),
        steps=options.steps,
        person=person_of(options),
        gaps=gaps_of(options),
        codec=options.codec,
        code=options.code,
        frame_rate=options.frame_rate,
        paste=paste_settings(options),
        occlusion=options.occlusion,
        text=by_text,
        guidance=options.guidance,
    )
    if options.gap_report:
        check_place(options.gap_report)
    device = choose_device(options.device)
    pack = open_pack(options.pack)
    with ConsoleProgress() as progress:
        report = edit_file(request, pack, device, progress)
    if options.gap_report:
        write_gap_report(options.gap_report, report.gaps)
    for sentence in report.sentences(options.output):
        say(sentence)


def _attributes(options: argparse.Namespace) -> None:
    from .packs import open_pack

    pack = open_pack(options.pack)
    say(f"pack {pack.spec.name}, {pack.spec.resolution}x{pack.spec.resolution}")
    for attribute in pack.attributes:
        say(f"  {attribute.name:<20} {attribute.region}")


def _demo(options: argparse.Namespace) -> None:
    from .demo import run_demo
    from .packs import open_pack

    run_demo(open_pack(options.pack), choose_device(options.device), options.output)


if __name__ == "__main__":
    sys.exit(main())
