"""`dva demo`: two short clips that come along, edited, and shown before and after.

One clip is a photograph under a slow camera move, the other a talking head that our own renderer made, which is the
kind of face that the embedded pack was trained on (model/demo).
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from ..model.demo.clips import FRAME_RATE, DemoKind, demo_clip
from ..model.packs.pack import Pack
from ..model.types import ByteArray
from ..model.video import ArraySource, open_video, write_video
from .console import ConsoleProgress, say
from .jobs import EditRequest, edit_file

FRAMES = 36


@dataclass(frozen=True)
class Show:
    """One clip of the demo and the edits it gets."""

    name: str
    about: str
    kind: DemoKind
    edits: tuple[tuple[tuple[str, float], ...], ...]


def run_demo(pack: Pack, device: torch.device, folder: Path | None = None) -> None:
    """Take the clips, edit each, and write clips and contact sheets into a folder, `demo` where none is named."""
    folder = (folder or Path("demo")).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    for show in SHOWS:
        say(f"{show.name}: {show.about}")
        source = folder / f"{show.name}.mkv"
        frames = demo_clip(show.kind, FRAMES).frames
        clip = ArraySource(frames, FRAME_RATE)
        write_video(source, clip, clip)
        source.with_suffix(".dva").unlink(missing_ok=True)
        for edits in show.edits:
            label = "_".join(f"{name}{strength:+g}" for name, strength in edits)
            edited = folder / f"{show.name}_{label}.mkv"
            request = EditRequest(source, edited, edits, code=source.with_suffix(".dva"))
            with ConsoleProgress() as progress:
                edit_file(request, pack, device, progress)
            sheet = _show_both(frames, edited)
            say(f"  {label}: before | after in {sheet}")


def _show_both(before: ByteArray, edited: Path) -> Path:
    """Write before and after side by side, as a clip and as a contact sheet of four moments."""
    after = np.stack([frame.to_rgb8() for frame in open_video(edited)])
    both = np.concatenate([before, after], axis=2)
    clip = ArraySource(both, FRAME_RATE)
    write_video(edited.with_suffix(".mp4"), clip, clip)
    moments = np.linspace(0, len(both) - 1, 4).astype(int)
    sheet = edited.with_suffix(".png")
    Image.fromarray(np.concatenate(list(both[moments]), axis=0)).save(sheet)
    return sheet


SHOWS = (
    Show(
        "photograph",
        "a public-domain photograph (NASA) under a slow camera move",
        "photograph",
        ((("Wearing_Lipstick", 1.0),), (("Pale_Skin", -0.3),)),
    ),
    Show(
        "rendered",
        "a talking head made by code, the kind of face the embedded pack was trained on",
        "one person",
        ((("Blond_Hair", 0.8),), (("Black_Hair", 0.7),)),
    ),
)
