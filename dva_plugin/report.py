"""`dva report`: measure every shot of a folder, and write one page and one JSON a shot."""

import json
import platform
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from ..model.errors import DvaError, InputError
from ..model.faces.align import crop_from_frame
from ..model.metrics.flags import RULE_TEXT, Flag, flags
from ..model.metrics.instruments import Instruments
from ..model.types import ByteArray, FloatArray, OnProgress, Progress, ignore_progress
from ..model.video import open_video
from .evaluate_clip import curves_json, figures_json, measure_files, write_text
from .manifest import read_manifest
from .report_page import Picture, Section, page

SOURCE_NAME = re.compile(r"(?P<name>.+)\.source\.[A-Za-z0-9]+")
THUMB_SIDE = 128
STRIP = 4
"""Frames in the before/after/difference strip, evenly spread over those with a face."""
MOST_THUMBS = 8
"""Flagged frames that are shown; the rest are named."""
AMPLIFIED = 4
"""A difference is shown this many times, round grey."""


@dataclass(frozen=True)
class Shot:
    """One shot's files."""

    name: str
    source: Path
    edited: Path
    track: Path | None
    settings: dict[str, Any] = field(default_factory=dict[str, Any])


def find_shots(folder: Path) -> list[Shot]:
    """Every NAME.source.* of a folder with its NAME.edited.*, in the order of their names.

    InputError where the folder cannot be read, holds no shot, or a shot lacks its other half.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder; name one that holds NAME.source.* and NAME.edited.* for each shot")
    shots: list[Shot] = []
    for source in sorted(folder.iterdir()):
        found = SOURCE_NAME.fullmatch(source.name)
        if found is None:
            continue
        name = found["name"]
        edited = sorted(path for path in folder.iterdir() if path.name.startswith(f"{name}.edited."))
        if len(edited) != 1:
            raise InputError(f"{folder} holds {len(edited)} files {name}.edited.* and needs one beside {source.name}")
        track = folder / f"{name}.track.json"
        settings = _settings(folder / f"{name}.settings.json")
        shots.append(Shot(name, source, edited[0], track if track.exists() else None, settings))
    if not shots:
        raise InputError(f"{folder} holds no shot; call each pair of clips NAME.source.* and NAME.edited.*")
    return shots


def _settings(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read as JSON ({error}); mend it or take it away") from error
    return settings if isinstance(settings, dict) else {"settings": settings}


def write_report(folder: Path, instruments: Instruments, on_progress: OnProgress = ignore_progress) -> Path:
    """Write NAME.report.json for each shot of a folder, and report.html about all of them; returns the page.

    A shot that cannot be measured gets its reason in the page instead of figures. InputError where there is no shot.
    """
    shots = find_shots(folder)
    sections: list[Section] = []
    for done, shot in enumerate(shots):
        on_progress(Progress("shots", done, len(shots)))
        sections.append(_section(shot, folder, instruments, on_progress))
    on_progress(Progress("shots", len(shots), len(shots)))
    target = folder / "report.html"
    write_text(target, page(folder.resolve().name, sections, RULE_TEXT, versions()))
    return target


def versions() -> dict[str, str]:
    """What measured."""
    try:
        own = version("dva-plugin")
    except PackageNotFoundError:
        own = read_manifest().version
    return {"dva": own, "torch": torch.__version__, "opencv": cv2.__version__, "python": platform.python_version()}


def _section(shot: Shot, folder: Path, instruments: Instruments, on_progress: OnProgress) -> Section:
    try:
        measured, quads = measure_files(shot.source, shot.edited, shot.track, instruments, on_progress)
    except DvaError as error:
        return Section(shot.name, shot.settings, trouble=str(error))
    found = flags(measured)
    facts = figures_json(measured, found) | {"curves": curves_json(measured)}
    facts |= {"settings": shot.settings, "versions": versions()}
    write_text(folder / f"{shot.name}.report.json", json.dumps(facts, indent=1, allow_nan=False) + "\n")
    strip = _spread(np.flatnonzero(measured.present), STRIP)
    shown = _to_show(found)
    pictures = {p.frame: p for p in _pictures(shot, quads, sorted({*strip, *shown}))}
    return Section(
        shot.name,
        shot.settings,
        measured=measured,
        flags=found,
        strip=[pictures[frame] for frame in strip],
        thumbs=[pictures[frame] for frame in shown],
    )


def _spread(frames: np.ndarray, count: int) -> list[int]:
    """Up to `count` of the frames, evenly spread."""
    if not len(frames):
        return []
    return sorted({int(frames[i]) for i in np.linspace(0, len(frames) - 1, count).round().astype(int)})


def _to_show(found: list[Flag]) -> list[int]:
    """The first frame of every run of frames with the same flags, as many as there is room for."""
    kinds: dict[int, frozenset[str]] = {}
    for flag in found:
        kinds[flag.frame] = kinds.get(flag.frame, frozenset()) | {flag.kind}
    starts = [frame for frame, here in kinds.items() if kinds.get(frame - 1) != here]
    return starts[:MOST_THUMBS]


def _pictures(shot: Shot, quads: FloatArray, frames: list[int]) -> Iterator[Picture]:
    """Before, after and difference of some frames: the face where there is a track, or else the whole frame."""
    source, edited = open_video(shot.source), open_video(shot.edited)
    for index in frames:
        before, after = (next(clip.frames(index, index + 1)).to_rgb8() for clip in (source, edited))
        quad = quads[index]
        a, b = (_small(image) if np.isnan(quad).any() else _face(image, quad) for image in (before, after))
        difference = np.clip(128 + AMPLIFIED * (b.astype(np.int16) - a), 0, 255).astype(np.uint8)
        yield Picture(index, np.concatenate([a, b, difference], axis=1))


def _face(image: ByteArray, quad: FloatArray) -> ByteArray:
    return np.clip(np.rint(crop_from_frame(image, quad, THUMB_SIDE)), 0, 255).astype(np.uint8)


def _small(image: ByteArray) -> ByteArray:
    height, width = image.shape[:2]
    size = (max(1, round(width * THUMB_SIDE / height)), THUMB_SIDE)
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA).astype(np.uint8)
