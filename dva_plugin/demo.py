"""`dva demo`: two short clips made on the spot, edited, and shown before and after.

One clip is a photograph under a slow camera move: scikit-image's `astronaut` (Eileen Collins, NASA, public domain;
nothing here is endorsed by her or by NASA). The other is a talking head that our own renderer makes, which is the kind
of face that the embedded pack was trained on.
"""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import torch
from PIL import Image

from ..model.errors import DvaError
from ..model.packs.pack import Pack
from ..model.types import ByteArray
from ..model.video import ArraySource, open_video, write_video
from .console import ConsoleProgress, say
from .jobs import EditRequest, edit_file

FRAME_RATE = Fraction(24)
FRAMES = 36
SIDE = 360


@dataclass(frozen=True)
class Show:
    """One clip of the demo and the edits it gets."""

    name: str
    about: str
    make: Callable[[], ByteArray]
    edits: tuple[tuple[tuple[str, float], ...], ...]


def run_demo(pack: Pack, device: torch.device, folder: Path | None = None) -> None:
    """Make the clips, edit each, and write clips and contact sheets into a folder, `demo` where none is named."""
    folder = (folder or Path("demo")).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    for show in SHOWS:
        say(f"{show.name}: {show.about}")
        source = folder / f"{show.name}.mkv"
        frames = show.make()
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


def _photograph() -> ByteArray:
    """[T, H, W, 3]: the camera drifts over the photograph and closes in a little."""
    try:
        from skimage.data import astronaut
    except ImportError as error:
        raise DvaError("the demo needs scikit-image; run `python installer demo`") from error
    photo = astronaut()
    return np.stack([_camera(photo, i / (FRAMES - 1)) for i in range(FRAMES)])


def _camera(photo: ByteArray, moment: float) -> ByteArray:
    """A window of the photograph; moment runs from 0 to 1."""
    side = 330 - 50 * moment
    left, top = 75 + 25 * moment, 5 * moment
    scale = SIDE / side
    picture_from_photo = np.array([[scale, 0, -left * scale], [0, scale, -top * scale]])
    return cv2.warpAffine(photo, picture_from_photo, (SIDE, SIDE), flags=cv2.INTER_CUBIC).astype(np.uint8)


def _rendered() -> ByteArray:
    """[T, H, W, 3]: a head that talks."""
    from ..model.synth import build_head, render_frame, sample_identity, sample_scene, talking

    rng = np.random.default_rng(167)  # a man with short hair, no beard and no glasses
    identity = sample_identity(rng)
    head, scene = build_head(identity), sample_scene(rng)
    motions = talking(rng, FRAMES, float(FRAME_RATE))
    return np.stack([render_frame(head, motion, scene, SIDE, SIDE, 0.46 * SIDE).image for motion in motions])


SHOWS = (
    Show(
        "photograph",
        "a public-domain photograph (NASA) under a slow camera move",
        _photograph,
        ((("Black_Hair", 1.0),), (("Pale_Skin", -0.6),)),
    ),
    Show(
        "rendered",
        "a talking head made by code, the kind of face the embedded pack was trained on",
        _rendered,
        ((("Blond_Hair", 0.8),), (("Goatee", 1.0),)),
    ),
)
