"""`dva track`, and what every command says about whose face it means and what to do where it is not seen."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from ..model.errors import InputError, UsageError
from .console import ConsoleProgress, say
from .host import DEVICE_NAMES, choose_device

if TYPE_CHECKING:
    import torch

    from ..model.faces.choose import PersonChoice
    from ..model.faces.gaps import GapPolicy, GapReport
    from ..model.faces.people import People
    from ..model.packs.pack import Pack
    from ..model.types import ByteArray, FaceTrack
    from ..model.video import VideoSource
    from .worklog import Workspace


def add_person_options(parser: argparse.ArgumentParser) -> None:
    """Whose face, and what to do in frames where it is not detected."""
    parser.add_argument(
        "--person", default="largest", metavar="WHO",
        help="whose face: largest, left, right, or a number as dva track lists them (default largest)",
    )  # fmt: skip
    parser.add_argument("--reference", type=Path, metavar="PHOTO", help="edit whoever looks like this photo")
    parser.add_argument(
        "--gaps", default="interpolate", choices=["interpolate", "hold", "original", "stop"],
        help="frames without the face: fill in short gaps, hold the last place, pass through, or stop",
    )  # fmt: skip
    parser.add_argument(
        "--max-gap", type=float, default=0.5, metavar="SECONDS",
        help="longest gap to fill in, and how long to hold (default 0.5)",
    )  # fmt: skip


def add_gap_report_option(parser: argparse.ArgumentParser) -> None:
    """Where the report on frames without a detection goes, beside the screen."""
    parser.add_argument(
        "--gap-report", type=Path, metavar="FILE",
        help="write the frames in which the face was not detected, and what was done about them, here (JSON)",
    )  # fmt: skip


def write_gap_report(path: Path, report: "GapReport") -> None:
    """Write it as JSON; InputError where it cannot be written."""
    from .evaluate_clip import write_text

    write_text(path, json.dumps(report.to_json(), indent=1) + "\n")


def check_place(path: Path) -> None:
    """InputError where no file of this name could be written, before the work whose result it takes."""
    if path.is_dir() or not path.parent.is_dir():
        what = "is a folder" if path.is_dir() else f"lies in {path.parent}, which is no folder"
        raise InputError(f"{path} cannot be written: it {what}; name a file in a folder that exists")


def person_of(options: argparse.Namespace) -> "PersonChoice":
    """The chosen person; UsageError or InputError for a choice or a photo that cannot be used."""
    from ..model.faces.choose import person_choice

    return person_choice(options.person, read_photo(options.reference) if options.reference else None)


def gaps_of(options: argparse.Namespace) -> "GapPolicy":
    """The chosen gap policy; UsageError for a length that is none."""
    from ..model.faces.gaps import GapPolicy

    return GapPolicy(options.gaps, options.max_gap)


def read_photo(path: Path) -> "ByteArray":
    """[H, W, 3] RGB of a picture file, upright; InputError where it cannot be read."""
    import numpy as np
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with Image.open(path, formats=("JPEG", "PNG", "WEBP", "TIFF", "BMP")) as photo:
            return np.asarray(ImageOps.exif_transpose(photo).convert("RGB"))
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError, SyntaxError, ValueError) as error:
        raise InputError(f"{path} cannot be read as a picture ({error}); give a JPEG or PNG of the person") from error


def add_track_options(track: argparse.ArgumentParser) -> None:
    """What `dva track` takes."""
    track.add_argument("source", type=Path, metavar="IN", help="video file")
    track.add_argument(
        "--json", type=Path, metavar="FILE", help="write the tracks here, as dva eval --track reads them"
    )
    track.add_argument("--strip", type=Path, metavar="FILE", help="draw everybody over time into this .png")
    track.add_argument("--pack", default="mini", help="pack whose identity encoder tells people apart (default mini)")
    track.add_argument("--device", choices=DEVICE_NAMES, default="auto", help="where to compute (default auto)")
    track.set_defaults(run=_track)


def _track(options: argparse.Namespace) -> None:
    from ..model.video import open_video
    from .packs import open_pack
    from .worklog import Workspace

    if options.strip and options.strip.suffix.lower() != ".png":
        raise UsageError(f"the strip picture is a .png, not {options.strip.name}; name it so")
    written = [path for path in (options.json, options.strip) if path]
    for path in written:
        check_place(path)
    source = open_video(options.source)
    pack, device = open_pack(options.pack), choose_device(options.device)
    if not written:
        _find(source, pack, device, None)
        return
    with Workspace(written[0]) as work:
        people, tracks = _find(source, pack, device, work)
        _write(options, source, people, tracks)


def _find(
    source: "VideoSource", pack: "Pack", device: "torch.device", work: "Workspace | None"
) -> "tuple[People, list[FaceTrack]]":
    """Everybody and their tracks, which are told as a table."""
    from ..model.faces.track import face_track
    from .searching import Search

    search = Search(source, source.sha256() if work else "", pack, device, work)
    with ConsoleProgress() as progress:
        people = search.people(progress)
    tracks = [face_track(people, person) for person in people.people]
    for line in table(people, tracks):
        say(line)
    return people, tracks


def _write(options: argparse.Namespace, source: "VideoSource", people: "People", tracks: "list[FaceTrack]") -> None:
    if options.json:
        from ..model.faces.trackfile import tracks_to_json
        from .evaluate_clip import write_text

        write_text(options.json, json.dumps(tracks_to_json(people, tracks)) + "\n")
    if options.strip:
        from ..model.faces.strip import track_strip

        write_png(options.strip, track_strip(source, tracks))


def table(people: "People", tracks: "list[FaceTrack]") -> list[str]:
    """One line a person: number, first and last frame, size of the face in pixels, gaps."""
    from ..model.faces.gaps import detected_span, gap_report
    from ..model.metrics.flags import ranges

    rows = [("person", "frames", "size", "gaps")]
    for person, track in zip(people.people, tracks, strict=True):
        first, last = detected_span(track)
        inside = [span for span in gap_report(track).spans if first < span.first and span.last < last]
        missing = [frame for span in inside for frame in range(span.first, span.last + 1)]
        sides = sorted(person.sides.tolist())
        size = f"{sides[0]:.0f}-{sides[-1]:.0f} px"
        rows.append((str(person.id), f"{first}-{last}", size, ranges(missing) or "none"))
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    lines = ["  ".join([*(cell.ljust(w) for cell, w in zip(row[:3], widths, strict=True)), row[3]]) for row in rows]
    return [f"{people.frame_count} frames, cuts at {ranges(people.cuts) or 'none'}", *lines]


def write_png(path: Path, picture: "ByteArray") -> None:
    """Write a picture [H, W, 3] through a temporary file; InputError where it cannot be written."""
    from PIL import Image

    part = path.with_name(path.name + ".part")
    try:
        Image.fromarray(picture).save(part, format="PNG")
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise InputError(f"cannot write {path} ({error}); choose another place") from error
