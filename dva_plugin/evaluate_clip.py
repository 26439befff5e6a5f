"""Two files and perhaps a track to figures, for the command line and the report."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..model.errors import InputError
from ..model.faces.align import aligned_bytes, quads_from_landmarks
from ..model.faces.detect import FaceDetector
from ..model.faces.track import track_face
from ..model.metrics.clip import Measured, check_alike, measure_clip
from ..model.metrics.flags import Band, Flag
from ..model.metrics.instruments import Instruments
from ..model.metrics.judge import JUDGE_FACTS, JudgePack, load_judge
from ..model.types import ByteArray, FloatArray, OnProgress, ignore_progress
from ..model.video import FrameSource, open_video
from .home import pack_folders
from .manifest import ROOT

SUFFIXES = (".mp4", ".mov", ".mkv", ".webm")
DIGITS = 6
"""Significant digits in JSON: more would be noise."""


def open_judge(folder: Path | None, device: torch.device) -> JudgePack | None:
    """The judge of that folder, or else the one that is installed; None where there is none.

    Raises ModelFilesError for a judge that is damaged or was named and is not there.
    """
    if folder is not None:
        return load_judge(folder, device)
    for place in (ROOT / "model" / "packs", *pack_folders()):
        if (place / "judge" / JUDGE_FACTS).is_file():
            return load_judge(place / "judge", device)
    return None


def measure_files(
    source: Path, edited: Path, track: Path | None, instruments: Instruments, on_progress: OnProgress = ignore_progress
) -> tuple[Measured, FloatArray]:
    """Measure an edited file against its source; returns the figures and the quads [T, 4, 2] they were measured at.

    InputError where a file cannot be read, no face is found, or the two do not belong together.
    """
    before, after = open_video(source), open_video(edited)
    if track is not None:
        quads = read_track(track, before)
        check_alike(before, after, quads)
    else:
        check_alike(before, after, np.empty((before.frame_count, 4, 2)))
        quads = track_face(before, instruments.detector, on_progress=on_progress).quads
    return measure_clip(before, after, quads, instruments, on_progress), quads


def read_track(path: Path, source: FrameSource) -> FloatArray:
    """[T, 4, 2] quads of the person who covers most area in a track.json, NaN where the track has none.

    The file holds {"people": [{"first": 0, "last": 119, "quads": [[[x, y] x 4] or null, one from first to last]}]},
    with frames counted from 0. InputError where it cannot be read or does not fit the clip.
    """
    try:
        people = json.loads(path.read_text(encoding="utf-8"))["people"]
        tracks = [_quads(person, source.frame_count) for person in people]
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read ({error}); name a track.json of {source.path}") from error
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise InputError(f"{path} is not a track of {source.path} ({error!r}); track the clip again") from error
    if not tracks:
        raise InputError(f"{path} names nobody; track the clip again")
    return max(tracks, key=_area)


def _quads(person: dict[str, Any], count: int) -> FloatArray:
    first, last = int(person["first"]), int(person["last"])
    given: list[Any] = person["quads"]
    if not (0 <= first <= last < count and len(given) == last - first + 1):
        raise ValueError(f"frames {first} to {last} with {len(given)} quads, in a clip of {count} frames")
    quads = np.full((count, 4, 2), np.nan)
    for frame, quad in enumerate(given, first):
        if quad is not None:
            quads[frame] = np.asarray(quad, np.float64).reshape(4, 2)
    for begin, end in person.get("gaps", []):
        quads[int(begin) : int(end) + 1] = np.nan
    return quads


def _area(quads: FloatArray) -> float:
    side = np.linalg.norm(quads[:, 3] - quads[:, 0], axis=1)
    return float(np.nansum(side**2))


def face_stills(folder: Path, count: int, side: int, detector: FaceDetector) -> dict[str, ByteArray]:
    """Aligned crops [n, side, side, 3] of the largest face in up to `count` evenly spread frames of each clip.

    Clips with faces in fewer than two of those frames are left out. InputError where the folder cannot be read.
    """
    stills: dict[str, ByteArray] = {}
    for path in clips_in(folder):
        source = open_video(path)
        crops: list[ByteArray] = []
        for index in sorted(set(np.linspace(0, source.frame_count - 1, count).round().astype(int).tolist())):
            frame = next(source.frames(index, index + 1))
            faces = detector.detect(frame.to_rgb8())
            if faces:
                largest = max(faces, key=lambda face: face.side)
                crops.append(aligned_bytes(frame, quads_from_landmarks(largest.landmarks[None], 0, 0)[0], side))
        if len(crops) > 1:
            stills[path.name] = np.stack(crops)
    return stills


def clips_in(folder: Path) -> list[Path]:
    """The video files of a folder, by name; InputError where it is none."""
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder; name one that holds clips")
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)


def figures_json(measured: Measured, found: list[Flag]) -> dict[str, Any]:
    """The figures under their own names, then what explains them."""
    return {
        **{name: rounded(value) for name, value in measured.figures.items()},
        "missing": measured.missing,
        "source_alone": {name: rounded(value) for name, value in measured.reference.items()},
        "attributes": {name: [rounded(p) for p in pair] for name, pair in measured.attributes.items()},
        "frames": len(measured.present),
        "frames_without_face": np.flatnonzero(~measured.present).tolist(),
        "flags": [_flag_json(flag) for flag in found],
        "measured_with": measured.instruments,
    }


def curves_json(measured: Measured) -> dict[str, list[float | None]]:
    """Every curve as a list, null where a frame has no number."""
    return {name: [rounded(float(value)) for value in curve] for name, curve in measured.curves.items()}


def _flag_json(flag: Flag) -> dict[str, Any]:
    facts: dict[str, Any] = {"frame": flag.frame, "kind": flag.kind}
    if flag.band is not None:
        facts |= {"curve": flag.curve, "value": rounded(flag.value), "normal": _normal(flag.band)}
    return facts


def _normal(band: Band) -> list[float | None]:
    return [rounded(band.low), rounded(band.high)]


def rounded(value: float | None) -> float | None:
    """To DIGITS significant digits; None for what JSON cannot hold."""
    if value is None or not math.isfinite(value):
        return None
    return float(f"{value:.{DIGITS}g}")


def write_text(path: Path, text: str) -> None:
    """Write a file through a temporary one; InputError where it cannot be written."""
    part = path.with_name(path.name + ".part")
    try:
        part.write_text(text, encoding="utf-8")
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise InputError(f"cannot write {path} ({error}); choose another place") from error
