"""A whole mix of clips: the road from files to a file."""

from dataclasses import dataclass
from pathlib import Path

import torch

from ..model.autoencoder import Autoencoder, check_steps
from ..model.code import ClipCode, load_code
from ..model.code_growth import stored_digest
from ..model.editing.exchange import check_length, with_gaussian_noise, with_identity, with_motion, with_noise
from ..model.errors import UsageError
from ..model.faces.gaps import gap_report
from ..model.packs.pack import Pack
from ..model.types import OnProgress, ignore_progress
from ..model.video import CodecChoice, VideoSource, VideoWriter, open_video
from .jobs import EditReport, EditRequest, decode_clip, encode_clip, memory_spoken, pasted_source, write_edited
from .worklog import Workspace

GAUSSIAN = Path("gaussian")
"""In the place of a clip: noise that is drawn."""
CODE_SUFFIX = ".dva"


@dataclass(frozen=True)
class MixRequest:
    """What `dva mix` was asked for. The clips that give a feature are video files or clip codes (.dva)."""

    source: Path
    target: Path
    identity: Path | None = None
    motion: Path | None = None
    noise: Path | None = None
    """GAUSSIAN draws it."""
    seed: int = 0
    steps: int | None = None
    codec: CodecChoice = "auto"

    def givers(self) -> tuple[Path, ...]:
        """The other clips, each once."""
        named = (self.identity, self.motion, self.noise)
        return tuple(dict.fromkeys(path for path in named if path not in (None, GAUSSIAN)))


def mix_file(
    request: MixRequest, pack: Pack, device: torch.device, on_progress: OnProgress = ignore_progress
) -> EditReport:
    """Mix clips into a new file. Nothing is left under the target's name unless all went well.

    Raises UsageError for a request without anything to exchange and for a clip that is too short, ModelFilesError for a
    clip code of another pack, InputError for footage that cannot be used where memory is short.
    """
    with memory_spoken(device, f"mix {request.source}"):
        return _mix(request, pack, device, on_progress)


def _mix(request: MixRequest, pack: Pack, device: torch.device, on_progress: OnProgress) -> EditReport:
    if request.identity is None and request.motion is None and request.noise is None:
        raise UsageError("nothing to exchange; give at least one of --identity, --motion and --noise another clip")
    if request.target.resolve() in {path.resolve() for path in (request.source, *request.givers())}:
        raise UsageError(f"{request.target} is one of the sources; name another output file")
    if request.steps is not None:
        check_steps(request.steps)
    source = open_video(request.source)
    opened = {path: _open(path, pack) for path in request.givers()}
    _check_lengths(request, opened, source.frame_count)
    opened[request.source] = source
    writer = VideoWriter(request.target, source, request.codec)
    with Workspace(request.target) as work, writer:
        return _mix_in(work, writer, opened, Autoencoder(pack, device), request, on_progress)


def _mix_in(
    work: Workspace,
    writer: VideoWriter,
    opened: dict[Path, VideoSource | ClipCode],
    autoencoder: Autoencoder,
    request: MixRequest,
    on_progress: OnProgress,
) -> EditReport:
    """All maps of files in the work folder end with this function, so that the folder can be removed anywhere."""
    files = {path: _code_file(work, clip, path, autoencoder, request, on_progress) for path, clip in opened.items()}
    code = _exchange({path: load_code(file) for path, file in files.items()}, request)
    named = [str(path) for path in (request.identity, request.motion, request.noise)]
    depends_on = [{str(path): stored_digest(file) for path, file in files.items()}, named, request.seed]
    stash = work.stash("mix", [*depends_on, autoencoder.device.type])
    edited = decode_clip(stash, code, autoencoder, on_progress)
    source = opened[request.source]
    assert isinstance(source, VideoSource)
    write_edited(writer, pasted_source(source, code, edited), on_progress)
    return EditReport(gap_report(code.track))


def _code_file(
    work: Workspace,
    clip: VideoSource | ClipCode,
    path: Path,
    autoencoder: Autoencoder,
    request: MixRequest,
    on_progress: OnProgress,
) -> Path:
    """A clip's code: the file itself where it is one."""
    if isinstance(clip, ClipCode):
        return path
    asked = EditRequest(path, request.target, (), request.steps)
    return encode_clip(work, clip, autoencoder, asked, on_progress)


def _open(path: Path, pack: Pack) -> VideoSource | ClipCode:
    if path.suffix.lower() != CODE_SUFFIX:
        return open_video(path)
    code = load_code(path)
    code.check_pack(pack)
    return code


def _check_lengths(request: MixRequest, opened: dict[Path, VideoSource | ClipCode], frames: int) -> None:
    """Before anything is encoded: that takes long."""
    if request.motion is not None:
        check_length(frames, _length(opened[request.motion]), request.motion.name, "motion")
    if request.noise not in (None, GAUSSIAN):
        check_length(frames, _length(opened[request.noise]), request.noise.name, "noise")


def _length(clip: VideoSource | ClipCode) -> int:
    return len(clip) if isinstance(clip, ClipCode) else clip.frame_count


def _exchange(codes: dict[Path, ClipCode], request: MixRequest) -> ClipCode:
    code = codes[request.source]
    if request.identity is not None:
        code = with_identity(code, codes[request.identity])
    if request.motion is not None:
        code = with_motion(code, codes[request.motion])
    if request.noise == GAUSSIAN:
        return with_gaussian_noise(code, request.seed)
    return code if request.noise is None else with_noise(code, codes[request.noise])
