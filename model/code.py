"""ClipCode: a clip as the autoencoder sees it, in memory and in one portable file (*.dva)."""

import hashlib
import json
import math
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from .editing.attribute import IdentityEdit, total_step, widest_region
from .errors import InputError, ModelFilesError
from .files import write_tensor_file
from .packs.pack import Pack
from .schedule import TRAIN_STEPS
from .types import FRAME_STATUS, FaceTrack, FloatArray, Region
from .video import FrameSource, VideoSource

FORMAT_VERSION = 1

Feature = Literal["identity", "motion", "noise"]
"""What a clip is made of: z_id, z_lnd, and the noise map that holds the rest."""


@dataclass(frozen=True)
class SourceFacts:
    """Which clip was encoded."""

    name: str
    frame_size: tuple[int, int]
    """(height, width)."""
    frame_rate: Fraction
    frame_count: int
    sha256: str = ""
    """Of the file, in hexadecimal; empty for frames that came from memory."""

    @classmethod
    def of(cls, source: FrameSource) -> "SourceFacts":
        """Describe a clip. A file is read once for its digest; an edited clip has none, though it streams from one."""
        name = source.path.name if source.path else "frames in memory"
        digest = source.sha256() if isinstance(source, VideoSource) else ""
        return cls(name, source.size, source.frame_rate, source.frame_count, digest)


@dataclass(frozen=True)
class ClipCode:
    """One person of one clip, encoded. T frames; frames without a face hold zeros."""

    pack_name: str
    pack_hash: str
    solver: str
    steps: int
    start: int
    guidance: float
    source: SourceFacts
    track: FaceTrack
    z_id: Tensor
    """[D] the mean over the clip, not normalised again."""
    z_lnd: Tensor
    """[T, 102] float32."""
    noise: Tensor
    """[T, 3, S, S] float16, x at the start level; [T, 6, S, S] where the solver keeps two states."""
    crops: Tensor
    """[T, 3, S, S] uint8, the source's aligned crops."""
    parsing: Tensor
    """[T, S, S] uint8 labels of the source's crops."""
    residual: Tensor
    """[T, 3, S, S] float16: crops (signed) minus their own reconstruction; zeros once motion or noise was exchanged."""
    edits: tuple[IdentityEdit, ...] = ()
    exchanged: tuple[Feature, ...] = ()
    """Features that are no longer the source's own (editing/exchange.py), each named once."""

    def __len__(self) -> int:
        return len(self.crops)

    def with_edit(self, edit: IdentityEdit) -> "ClipCode":
        """The same code with one more edit; the original is untouched."""
        return replace(self, edits=(*self.edits, edit))

    def check_pack(self, pack: Pack) -> None:
        """ModelFilesError when another pack made this code."""
        if self.pack_hash != pack.hash:
            raise ModelFilesError(
                f"this clip code was made by pack {self.pack_name} ({self.pack_hash[:12]}), not by "
                f"{pack.spec.name} ({pack.hash[:12]}); load that pack or encode the clip again"
            )

    def edited_frames(self) -> np.ndarray:
        """[T] bool: a usable frame on which the sum of the edits is not zero, or any once a feature was exchanged."""
        if self.exchanged:
            return self.track.usable()
        if not self.edits:
            return np.zeros(len(self), bool)
        touched = (total_step(self.edits, slice(None)) != 0).any(dim=1).numpy()
        return touched & self.track.usable()

    def region(self) -> Region:
        """The part of the picture that may change: its edits' widest, and the head once a feature was exchanged."""
        return "head" if self.exchanged else widest_region(self.edits)


_TENSORS = ("z_id", "z_lnd", "noise", "crops", "parsing", "residual")


def save_code(code: ClipCode, path: Path) -> None:
    """Write one safetensors file, through a temporary one, so that a half-written code never bears the name."""
    tensors = {name: getattr(code, name).contiguous() for name in _TENSORS}
    tensors |= {
        "quads": torch.from_numpy(np.ascontiguousarray(code.track.quads, np.float64)),
        "landmarks": torch.from_numpy(np.ascontiguousarray(code.track.landmarks, np.float32)),
        "status": torch.from_numpy(np.ascontiguousarray(code.track.status)),
        "confidence": torch.from_numpy(np.ascontiguousarray(code.track.confidence, np.float32)),
    }
    for i, edit in enumerate(code.edits):
        # copies: safetensors refuses tensors that share memory, as those of an edit applied twice do
        tensors[f"edits.{i}.step"] = edit.step.clone()
        tensors[f"edits.{i}.strength"] = torch.tensor(edit.strength)
    facts = {
        "pack_name": code.pack_name,
        "pack_hash": code.pack_hash,
        "solver": code.solver,
        "steps": code.steps,
        "start": code.start,
        "guidance": code.guidance,
        "source": _source_json(code.source),
        "edits": [[e.name, e.region] for e in code.edits],
        "exchanged": list(code.exchanged),
    }
    facts["digest"] = _digest(tensors, facts)
    try:
        write_tensor_file(path, tensors, {"format_version": str(FORMAT_VERSION), "code": json.dumps(facts)})
    except OSError as error:
        raise InputError(f"cannot write {path} ({error}); choose another place") from error


def load_code(path: Path) -> ClipCode:
    """Read and check a clip code; ModelFilesError when it is missing, damaged or of a later format."""
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {n: file.get_tensor(n) for n in file.keys()}  # noqa: SIM118 - not a mapping
    except (OSError, SafetensorError) as error:
        raise ModelFilesError(f"{path} cannot be read as a clip code ({error}); encode the clip again") from error
    version = metadata.get("format_version")
    if version != str(FORMAT_VERSION):
        raise ModelFilesError(f"{path} has clip code version {version}, this program reads {FORMAT_VERSION}; update it")
    try:
        facts = json.loads(metadata["code"])
        if facts.pop("digest") != _digest(tensors, facts):
            raise ModelFilesError(f"{path} is damaged: its contents do not match its digest; encode the clip again")
        code = _assemble(facts, tensors)
    except (KeyError, TypeError, ValueError, ZeroDivisionError) as error:
        raise ModelFilesError(f"{path} is malformed ({error!r}); encode the clip again") from error
    return code


def _assemble(facts: dict[str, Any], tensors: dict[str, Tensor]) -> ClipCode:
    source = _source_from_json(facts["source"])
    track = FaceTrack(
        quads=tensors["quads"].numpy(),
        landmarks=tensors["landmarks"].numpy(),
        status=tensors["status"].numpy(),
        confidence=tensors["confidence"].numpy(),
        frame_size=source.frame_size,
        frame_rate=source.frame_rate,
    )
    edits = tuple(
        IdentityEdit(label, region, tensors[f"edits.{i}.step"], tensors[f"edits.{i}.strength"].numpy())
        for i, (label, region) in enumerate(facts["edits"])
    )
    held = {name: tensors[name] for name in _TENSORS}
    _check(held, track, edits)
    _check_path(facts)
    return ClipCode(
        pack_name=str(facts["pack_name"]),
        pack_hash=str(facts["pack_hash"]),
        solver=str(facts["solver"]),
        steps=int(facts["steps"]),
        start=int(facts["start"]),
        guidance=float(facts["guidance"]),
        source=source,
        track=track,
        edits=edits,
        exchanged=tuple(facts.get("exchanged", ())),  # the first files do not know the word
        **held,
    )


def _source_json(source: SourceFacts) -> dict[str, Any]:
    return {
        "name": source.name,
        "frame_size": list(source.frame_size),
        "frame_rate": str(source.frame_rate),
        "frame_count": source.frame_count,
        "sha256": source.sha256,
    }


def _source_from_json(facts: dict[str, Any]) -> SourceFacts:
    height, width = facts["frame_size"]
    rate, count = Fraction(facts["frame_rate"]), int(facts["frame_count"])
    return SourceFacts(str(facts["name"]), (int(height), int(width)), rate, count, str(facts["sha256"]))


def _check_path(facts: dict[str, Any]) -> None:
    """ValueError where the noise levels that the facts name do not exist, or a region or a feature is unknown."""
    if not 2 <= int(facts["steps"]) <= TRAIN_STEPS or not 1 <= int(facts["start"]) <= TRAIN_STEPS:
        raise ValueError(f"steps {facts['steps']} or start {facts['start']} is out of range")
    for label, region in facts["edits"]:
        if region not in get_args(Region):
            raise ValueError(f"the edit {label!r} names the region {region!r}")
    if unknown := set(facts.get("exchanged", ())) - set(get_args(Feature)):
        raise ValueError(f"it names the exchanged features {sorted(unknown)}")


def _check(held: dict[str, Tensor], track: FaceTrack, edits: tuple[IdentityEdit, ...]) -> None:
    """ValueError where lengths disagree or a number that must be finite is not."""
    lengths = {len(held[n]) for n in _TENSORS if n != "z_id"} | {len(track.quads), len(track.status)}
    lengths |= {len(e.strength) for e in edits}
    if len(lengths) != 1:
        raise ValueError(f"its parts have {sorted(lengths)} frames")
    usable: FloatArray = track.quads[track.usable()]
    finite = [bool(np.isfinite(usable).all()), bool(torch.isfinite(held["z_id"]).all())]
    finite += [math.isfinite(float(e.strength.sum())) and bool(torch.isfinite(e.step).all()) for e in edits]
    if not all(finite):
        raise ValueError("a quad, the identity or an edit is not a finite number")
    if track.status.max(initial=0) >= len(FRAME_STATUS):
        raise ValueError(f"a frame has the status {int(track.status.max())}")


def _digest(tensors: dict[str, Tensor], facts: dict[str, Any]) -> str:
    """sha256 over the facts, and over the tensors' names, types, shapes and bytes."""
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode())
    for name in sorted(tensors):
        tensor = tensors[name].contiguous()
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
