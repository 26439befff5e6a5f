"""A whole edit of one clip: the road from a file to a file."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from ..model.autoencoder import Autoencoder, Decoded, check_steps
from ..model.code import ClipCode, SourceFacts, load_code, save_code
from ..model.editing.attribute import attribute_edit
from ..model.errors import DeviceError, UsageError
from ..model.faces.clip import EditedSource, aligned_crops
from ..model.faces.detect import FaceDetector
from ..model.faces.region import region_alpha
from ..model.faces.track import track_face
from ..model.metrics.flags import ranges
from ..model.packs.pack import Pack
from ..model.types import FaceTrack, OnProgress, Progress, ignore_progress
from ..model.video import CodecChoice, FrameSource, VideoSource, VideoWriter, open_video


@dataclass(frozen=True)
class EditRequest:
    """What `dva edit` was asked for."""

    source: Path
    target: Path
    attributes: tuple[tuple[str, float], ...]
    """(name, signed strength); strengths of a repeated name add up."""
    steps: int | None = None
    person: Literal["largest"] = "largest"
    codec: CodecChoice = "auto"
    code: Path | None = None
    """A clip code to go on from, or to be written where it does not exist yet: the next edit then costs a fraction."""
    frame_rate: Fraction | None = None
    """Of pictures, which do not know it."""


@dataclass(frozen=True)
class EditReport:
    """What was done."""

    frames: int
    without_face: tuple[int, ...]
    """Frames that were passed through, because no face was found in them."""

    def sentences(self, target: Path) -> list[str]:
        """What to tell the user."""
        told = [f"wrote {target}: {self.frames} frames"]
        if missing := self.without_face:
            told.insert(0, f"no face in {len(missing)} of {self.frames} frames, passed through: {ranges(missing)}")
        return told


@contextmanager
def memory_spoken(device: torch.device, doing: str) -> Generator[None, None, None]:
    """Turn an exhausted device into our own DeviceError. doing: "edit shot.mp4"."""
    try:
        yield
    except torch.cuda.OutOfMemoryError as error:
        raise DeviceError(
            f"{device} has too little memory free to {doing}; close other programs or use --device cpu"
        ) from error


def edit_file(
    request: EditRequest, pack: Pack, device: torch.device, on_progress: OnProgress = ignore_progress
) -> EditReport:
    """Edit a clip into a new file. Nothing is left under the target's name unless all went well.

    Raises UsageError for an unknown attribute or a bad number, InputError for footage or a target that cannot be used,
    DeviceError where the device has too little memory.
    """
    with memory_spoken(device, f"edit {request.source}"):
        return _edit(request, pack, device, on_progress)


def _edit(request: EditRequest, pack: Pack, device: torch.device, on_progress: OnProgress) -> EditReport:
    if request.target.resolve() == request.source.resolve():
        raise UsageError(f"{request.target} is the source itself; name another output file")
    source = open_video(request.source, frame_rate=request.frame_rate)
    for name, strength in request.attributes:
        attribute_edit(pack, name, strength, 1)
    if request.steps is not None:
        check_steps(request.steps)
    with VideoWriter(request.target, source, request.codec) as writer:
        autoencoder = Autoencoder(pack, device)
        code = _code_of(source, autoencoder, request, on_progress)
        for name, strength in request.attributes:
            code = code.with_edit(attribute_edit(pack, name, strength, len(code)))
        decoded = autoencoder.decode(code, on_progress)
        write_edited(writer, source, code.track, decoded, on_progress)
    missing = np.flatnonzero(~code.track.usable())
    return EditReport(len(code), tuple(int(i) for i in missing))


def _code_of(source: VideoSource, autoencoder: Autoencoder, request: EditRequest, on_progress: OnProgress) -> ClipCode:
    """Read the request's clip code, or encode the clip and write it."""
    if request.code is not None and request.code.exists():
        code = load_code(request.code)
        if code.source.sha256 != source.sha256():
            raise UsageError(f"{request.code} was made from {code.source.name}, not from {source.path}; name another")
        if request.steps not in (None, code.steps):
            raise UsageError(f"{request.code} was encoded with {code.steps} steps, not {request.steps}; name another")
        return code
    code = encode_source(source, autoencoder, request, on_progress)
    if request.code is not None:
        save_code(code, request.code)
    return code


def encode_source(
    source: VideoSource, autoencoder: Autoencoder, request: EditRequest, on_progress: OnProgress
) -> ClipCode:
    """Track one person of a clip and encode their crops."""
    track = track_face(source, FaceDetector(autoencoder.device), request.person, on_progress=on_progress)
    crops = aligned_crops(source, track, autoencoder.pack.spec.resolution, on_progress)
    return autoencoder.encode(crops, track, SourceFacts.of(source), request.steps, on_progress=on_progress)


def write_edited(
    writer: VideoWriter, source: FrameSource, track: FaceTrack, decoded: Decoded, on_progress: OnProgress
) -> None:
    """Paste every edited crop into its frame, and write all frames."""
    difference = decoded.difference.permute(0, 2, 3, 1).numpy()
    alpha = region_alpha(decoded.mask.numpy(), source.frame_rate)
    for i, frame in enumerate(EditedSource(source, track, difference, alpha)):
        writer.write(frame)
        on_progress(Progress("write", i + 1, len(track)))
