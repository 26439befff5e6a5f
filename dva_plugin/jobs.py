"""A whole edit of one clip: the road from a file to a file."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ..model.autoencoder import Autoencoder, check_steps
from ..model.code import ClipCode, SourceFacts, check_guidance, load_code
from ..model.code_growth import NO_DIGEST, begin_code, keep_code, stored_digest
from ..model.editing.attribute import IdentityEdit, attribute_edit
from ..model.editing.direction_file import digest
from ..model.errors import DeviceError, ModelFilesError, UsageError
from ..model.faces.choose import PersonChoice
from ..model.faces.clip import EditedSource, edited_source
from ..model.faces.gaps import GapPolicy, GapReport, gap_report
from ..model.faces.occlusion import Occlusion, open_occlusion
from ..model.faces.settings import PasteSettings
from ..model.faces.track import face_track
from ..model.files import map_tensor_file
from ..model.packs.pack import Pack
from ..model.stream import bytes_needed, decode_into, encode_into, perceive_into
from ..model.types import FaceTrack, FloatArray, OnProgress, Progress, ignore_progress
from ..model.video import CodecChoice, FrameSource, VideoSource, VideoWriter, open_video
from .host import with_less_memory
from .searching import Search
from .text_edit import TextEditing, TextRequest
from .worklog import Stash, Workspace

NOT_OF_THE_CODE = (
    "source",
    "target",
    "attributes",
    "codec",
    "code",
    "frame_rate",
    "paste",
    "occlusion",
    "text",
    "guidance",
)
"""Fields of a request that change nothing in the encoded clip, or that its code's file names itself."""


@dataclass(frozen=True)
class EditRequest:
    """What `dva edit` was asked for."""

    source: Path
    target: Path
    attributes: tuple[tuple[str, float], ...]
    """(name, signed strength); strengths of a repeated name add up."""
    steps: int | None = None
    person: PersonChoice = "largest"
    gaps: GapPolicy = GapPolicy()  # noqa: RUF009 - frozen
    codec: CodecChoice = "auto"
    code: Path | None = None
    """A clip code to go on from, or to be written where it does not exist yet: the next edit then costs a fraction."""
    frame_rate: Fraction | None = None
    """Of pictures, which do not know it."""
    paste: PasteSettings = field(default_factory=PasteSettings)
    occlusion: Path | None = None
    """A mask clip, an image sequence or a still: white is in front of the face, and stays."""
    text: TextRequest | None = None
    guidance: float = 0.0
    """How much further decoding goes beyond the edits than the pack does by itself, 0 to 4."""


@dataclass(frozen=True)
class Edited:
    """What is pasted into T frames; mapped from a file."""

    difference: FloatArray
    """[T, S, S, 3] float32: edited minus source, both in [0, 1]."""
    mask: NDArray[np.bool_]
    """[T, S, S]: what it may touch."""


@dataclass(frozen=True)
class EditReport:
    """What was done."""

    gaps: GapReport
    """Which frames the face was not detected in, and what was done about each."""
    told: tuple[str, ...] = ()
    """What else the user should know."""

    @property
    def frames(self) -> int:
        return self.gaps.frame_count

    def sentences(self, target: Path) -> list[str]:
        """What to tell the user."""
        return [*self.gaps.text().splitlines(), *self.told, f"wrote {target}: {self.frames} frames"]


@dataclass(frozen=True)
class _Prepared:
    """What of a request is opened and checked before the first frame is read."""

    occlusion: Occlusion | None
    by_text: TextEditing | None


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
    occlusion = open_occlusion(request.occlusion, source) if request.occlusion else None
    for name, strength in request.attributes:
        attribute_edit(pack, name, strength, 1)
    check_guidance(request.guidance)
    if request.steps is not None:
        check_steps(request.steps)
    prepared = _Prepared(occlusion, None if request.text is None else TextEditing(request.text, pack, device))
    writer = VideoWriter(request.target, source, request.codec)
    # The work is the outer context: it may go when the file bears its name, and not before.
    with Workspace(request.target) as work, writer:
        return _edit_in(work, writer, source, Autoencoder(pack, device), request, prepared, on_progress)


def _edit_in(
    work: Workspace,
    writer: VideoWriter,
    source: VideoSource,
    autoencoder: Autoencoder,
    request: EditRequest,
    prepared: _Prepared,
    on_progress: OnProgress,
) -> EditReport:
    """All maps of files in the work folder end with this function, so that the folder can be removed anywhere."""
    kept = request.code if request.code is not None and request.code.exists() else None
    path = kept or encode_clip(work, source, autoencoder, request, on_progress)
    code = load_code(path).with_guidance(request.guidance)
    if kept is not None:
        _check_fits(kept, code, source, request)
    elif request.code is not None:
        keep_code(path, request.code)
    for name, strength in request.attributes:
        code = code.with_edit(attribute_edit(autoencoder.pack, name, strength, len(code)))
    by_text = prepared.by_text
    for edit in by_text.edits(autoencoder, code, on_progress) if by_text else ():
        code = code.with_edit(edit)
    depends_on = [
        stored_digest(path),
        autoencoder.device.type,
        code.guidance,
        [_fingerprint(edit) for edit in code.edits],
    ]
    edited = decode_clip(work.stash("edit", depends_on), code, autoencoder, on_progress)
    write_edited(writer, pasted_source(source, code, edited, request.paste, prepared.occlusion), on_progress)
    return EditReport(gap_report(code.track), tuple(by_text.told if by_text else ()))


def _fingerprint(edit: IdentityEdit) -> list[str]:
    return [edit.name, edit.region, digest(edit.step, torch.from_numpy(edit.strength))]


def _check_fits(path: Path, code: ClipCode, source: VideoSource, request: EditRequest) -> None:
    """UsageError where a kept code is of another clip, or encoded otherwise than the request says."""
    if code.source.sha256 != source.sha256():
        raise UsageError(f"{path} was made from {code.source.name}, not from {source.path}; name another")
    if request.steps not in (None, code.steps):
        raise UsageError(f"{path} was encoded with {code.steps} steps, not {request.steps}; name another")


def encode_clip(
    work: Workspace, source: VideoSource, autoencoder: Autoencoder, request: EditRequest, on_progress: OnProgress
) -> Path:
    """Track one person of a clip and encode their crops into a file in the work folder, going on from an earlier run.

    Raises InputError for footage that cannot be used or a disk without room.
    """
    facts, pack = SourceFacts.of(source), autoencoder.pack
    choices = {field.name: repr(getattr(request, field.name)) for field in fields(request)}
    choices = {name: choice for name, choice in choices.items() if name not in NOT_OF_THE_CODE}
    footage = [facts.sha256, str(facts.frame_rate)]
    stash = work.stash("code", [*footage, pack.hash, asdict(pack.defaults), autoencoder.device.type, choices])
    path = stash.file("code.dva")
    if path.exists() and not _readable(path):
        stash.remove()  # a power cut may have torn it
    if not path.exists():
        work.check_space(bytes_needed(facts.frame_count, pack.spec.resolution, pack.spec.id_dim))
        track = track_source(work, source, facts.sha256, autoencoder, request, on_progress)
        begin_code(autoencoder.begin(track, facts, request.steps), stash.file("code.dva"))
    if stored_digest(path) == NO_DIGEST:
        seen, encoded = stash.mark("aligned"), stash.mark("encoded")
        notes = stash.file("identity.safetensors")
        with_less_memory(autoencoder, lambda: perceive_into(autoencoder, source, path, notes, seen, on_progress))
        with_less_memory(autoencoder, lambda: encode_into(autoencoder, path, encoded, on_progress))
    return path


def _readable(path: Path) -> bool:
    try:
        load_code(path, finished=stored_digest(path) != NO_DIGEST)
    except ModelFilesError:
        return False
    return True


def track_source(
    work: Workspace,
    source: VideoSource,
    sha256: str,
    autoencoder: Autoencoder,
    request: EditRequest,
    on_progress: OnProgress,
) -> FaceTrack:
    """Whose face is followed through a clip, and how: the one place that reads it from a request."""
    search = Search(source, sha256, autoencoder.pack, autoencoder.device, work)
    people, person = search.person(request.person, on_progress)
    return face_track(people, person, gaps=request.gaps)


def decode_clip(stash: Stash, code: ClipCode, autoencoder: Autoencoder, on_progress: OnProgress) -> Edited:
    """Decode a code's edits into a file of the stash, going on from an earlier run."""
    stash.remove_others()
    path, decoded = stash.file("edit.safetensors"), stash.mark("decoded")
    with_less_memory(autoencoder, lambda: decode_into(autoencoder, code, path, decoded, on_progress))
    tensors = map_tensor_file(path)[1]
    return Edited(tensors["difference"].permute(0, 2, 3, 1).numpy(), tensors["mask"].numpy())


def pasted_source(
    source: FrameSource,
    code: ClipCode,
    edited: Edited,
    settings: PasteSettings | None = None,
    occlusion: Occlusion | None = None,
) -> EditedSource:
    """The clip with every edited crop in its frame; nothing is worked out before a frame is read."""
    return edited_source(source, code.track, code.crops, edited.difference, edited.mask, settings, occlusion)


def write_edited(writer: VideoWriter, edited: EditedSource, on_progress: OnProgress) -> None:
    """Paste every edited crop into its frame, and write all frames."""
    for i, frame in enumerate(edited):
        writer.write(frame)
        on_progress(Progress("write", i + 1, edited.frame_count))
