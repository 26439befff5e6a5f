"""ClipCode: a clip as the autoencoder sees it, in memory and in one portable file (*.dva)."""

import hashlib
import json
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .code_checks import Feature, check_facts, check_finite, check_shapes, exact_rate
from .editing.attribute import IdentityEdit, total_step
from .errors import InputError, ModelFilesError, UsageError
from .files import map_tensor_file, tensor_bytes, write_tensor_file
from .packs.pack import Pack
from .types import FaceTrack, Region
from .video import FrameSource, VideoSource

FORMAT_VERSION = 1

MAX_GUIDANCE = 4.0
"""Of decoding, beyond a pack's own."""
BLOCK = 4096
"""Frames whose identities are added up together."""


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
    """One person of one clip, encoded. T frames; frames without a face hold zeros.

    The tensors of a code that was read from a file are the file's own pages; no code's tensors may be changed.
    """

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
    own_id: Tensor | None = None
    """[D] the source's z_id, once another identity took its place; the first files do not keep it."""

    def __len__(self) -> int:
        return len(self.crops)

    def with_edit(self, edit: IdentityEdit) -> "ClipCode":
        """The same code with one more edit; the original is untouched."""
        return replace(self, edits=(*self.edits, edit))

    def with_guidance(self, more: float) -> "ClipCode":
        """The same code, decoded by that much further beyond its edits; UsageError outside 0 to MAX_GUIDANCE."""
        check_guidance(more)
        return replace(self, guidance=self.guidance + more)

    def check_pack(self, pack: Pack) -> None:
        """ModelFilesError when another pack made this code, or it says so and does not look like it."""
        spec = pack.spec
        if (len(self.z_id), self.crops.shape[-1]) != (spec.id_dim, spec.resolution):
            raise ModelFilesError(
                f"this clip code holds {len(self.z_id)} identity numbers and crops of {self.crops.shape[-1]} pixels, "
                f"where {spec.name} has {spec.id_dim} and {spec.resolution}; load its own pack or encode the clip again"
            )
        if self.pack_hash != pack.hash:
            raise ModelFilesError(
                f"this clip code was made by pack {self.pack_name} ({self.pack_hash[:12]}), not by "
                f"{pack.spec.name} ({pack.hash[:12]}); load that pack or encode the clip again"
            )

    def pictured_id(self) -> Tensor | None:
        """[D] the identity that the crops show with the code's own motion; None once motion or noise was exchanged."""
        if not self.exchanged:
            return self.z_id
        return self.own_id if self.exchanged == ("identity",) else None

    def edited_frames(self) -> np.ndarray:
        """[T] bool: a usable frame on which the sum of the edits is not zero, or any once a feature was exchanged."""
        if self.exchanged:
            return self.track.usable()
        if not self.edits:
            return np.zeros(len(self), bool)
        touched = np.zeros(len(self), bool)
        for first in range(0, len(self), BLOCK):
            rows = slice(first, first + BLOCK)
            touched[rows] = (total_step(self.edits, rows) != 0).any(dim=1).numpy()
        return touched & self.track.usable()

    def regions(self) -> tuple[Region, ...]:
        """The parts of the picture that may change: those of its edits, and the head once a feature was exchanged."""
        return ("head",) if self.exchanged else tuple(dict.fromkeys(edit.region for edit in self.edits))


def check_guidance(more: float) -> None:
    """UsageError for a number that is no guidance."""
    if not 0 <= more <= MAX_GUIDANCE:  # also refuses nan
        raise UsageError(f"guidance must lie between 0 and {MAX_GUIDANCE:g}, not {more:g}")


_TENSORS = ("z_id", "z_lnd", "noise", "crops", "parsing", "residual")


def save_code(code: ClipCode, path: Path) -> None:
    """Write one safetensors file, through a temporary one, so that a half-written code never bears the name."""
    tensors, facts = tensors_of(code), facts_of(code)
    facts["digest"] = digest_of(tensors, facts)
    try:
        write_tensor_file(path, tensors, metadata_of(facts))
    except OSError as error:
        raise InputError(f"cannot write {path} ({error}); choose another place") from error


def load_code(path: Path, *, finished: bool = True) -> ClipCode:
    """Read and check a clip code; ModelFilesError when it is missing, damaged or of a later format.

    finished: False for a file that is still being filled, which has no digest and no numbers to check.
    """
    try:
        metadata, tensors = map_tensor_file(path)
    except (OSError, ValueError) as error:
        raise ModelFilesError(f"{path} cannot be read as a clip code ({error}); encode the clip again") from error
    version = metadata.get("format_version")
    if version != str(FORMAT_VERSION):
        raise ModelFilesError(f"{path} has clip code version {version}, this program reads {FORMAT_VERSION}; update it")
    try:
        facts = json.loads(metadata["code"])
        digest = facts.pop("digest")
        check_facts(facts)
        check_shapes(tensors, facts)
        if finished:
            if digest != digest_of(tensors, facts):
                raise ModelFilesError(f"{path} is damaged: its contents do not match its digest; encode the clip again")
            check_finite(tensors)
        return _assemble(facts, tensors)
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError) as error:
        said = f"it lacks {error}" if isinstance(error, KeyError) else str(error)
        raise ModelFilesError(f"{path} is malformed ({said:.300}); encode the clip again") from error


def tensors_of(code: ClipCode) -> dict[str, Tensor]:
    """What a code's file holds, by name."""
    tensors: dict[str, Tensor] = {name: getattr(code, name) for name in _TENSORS}
    if code.own_id is not None:
        tensors["own_id"] = code.own_id
    tensors |= track_tensors(code.track)
    for i, edit in enumerate(code.edits):
        tensors[f"edits.{i}.step"] = edit.step
        tensors[f"edits.{i}.strength"] = torch.tensor(edit.strength)
    return tensors


def track_tensors(track: FaceTrack) -> dict[str, Tensor]:
    """A track's part of a code's file."""
    return {
        "quads": torch.from_numpy(np.ascontiguousarray(track.quads, np.float64)),
        "landmarks": torch.from_numpy(np.ascontiguousarray(track.landmarks, np.float32)),
        "status": torch.from_numpy(np.ascontiguousarray(track.status, np.uint8)),
        "confidence": torch.from_numpy(np.ascontiguousarray(track.confidence, np.float32)),
    }


def facts_of(code: ClipCode) -> dict[str, Any]:
    """What a code's file says in words and numbers, but for its digest."""
    return {
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


def metadata_of(facts: dict[str, Any]) -> dict[str, str]:
    """The same as the file's metadata."""
    return {"format_version": str(FORMAT_VERSION), "code": json.dumps(facts)}


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
    return ClipCode(
        pack_name=facts["pack_name"],
        pack_hash=facts["pack_hash"],
        solver=facts["solver"],
        steps=facts["steps"],
        start=facts["start"],
        guidance=float(facts["guidance"]),
        source=source,
        track=track,
        edits=edits,
        exchanged=tuple(facts.get("exchanged", ())),  # the first files do not know the word
        own_id=tensors.get("own_id"),
        **{name: tensors[name] for name in _TENSORS},
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
    return SourceFacts(
        facts["name"], (height, width), exact_rate(facts["frame_rate"]), facts["frame_count"], facts["sha256"]
    )


def digest_of(tensors: dict[str, Tensor], facts: dict[str, Any]) -> str:
    """sha256 over the facts, and over the tensors' names, types, shapes and bytes."""
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode())
    for name in sorted(tensors):
        digest.update(f"{name} {tensors[name].dtype} {tuple(tensors[name].shape)}".encode())
        digest.update(tensor_bytes(tensors[name]))
    return digest.hexdigest()
