"""ClipCode: a clip as the autoencoder sees it, in memory and in one portable file (*.dva)."""

import hashlib
import json
import math
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from .editing.attribute import IdentityEdit
from .errors import InputError, ModelFilesError
from .types import FaceTrack, FloatArray

FORMAT_VERSION = 1
SUFFIX = ".dva"


@dataclass(frozen=True)
class SourceFacts:
    """Which clip was encoded."""

    name: str
    frame_size: tuple[int, int]
    """(height, width)."""
    frame_rate: Fraction
    frame_count: int


@dataclass(frozen=True)
class ClipCode:
    """One person of one clip, encoded. T frames; frames without a face hold zeros."""

    pack_name: str
    pack_hash: str
    solver: str
    steps: int
    start: int
    source: SourceFacts
    track: FaceTrack
    z_id: Tensor
    """[D] the mean over the clip, not normalised again."""
    z_lnd: Tensor
    """[T, 102] float32."""
    noise: Tensor
    """[T, 3, S, S] float16, x at the start level."""
    crops: Tensor
    """[T, 3, S, S] uint8, the source's aligned crops."""
    parsing: Tensor
    """[T, S, S] uint8 labels of the source's crops."""
    residual: Tensor
    """[T, 3, S, S] float16: crops (signed) minus their own reconstruction."""
    edits: tuple[IdentityEdit, ...] = ()

    def __len__(self) -> int:
        return len(self.crops)

    def with_edit(self, edit: IdentityEdit) -> "ClipCode":
        """The same code with one more edit; the original is untouched."""
        return replace(self, edits=(*self.edits, edit))

    def edited_frames(self) -> np.ndarray:
        """[T] bool: a usable frame on which some edit's strength is not zero."""
        touched = np.zeros(len(self), bool)
        for edit in self.edits:
            touched |= edit.strength != 0
        return touched & self.track.usable()


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
        tensors[f"edits.{i}.step"] = edit.step.contiguous()
        tensors[f"edits.{i}.strength"] = torch.from_numpy(np.ascontiguousarray(edit.strength))
    facts = {
        "pack_name": code.pack_name,
        "pack_hash": code.pack_hash,
        "solver": code.solver,
        "steps": code.steps,
        "start": code.start,
        "source": [code.source.name, *code.source.frame_size, str(code.source.frame_rate), code.source.frame_count],
        "edits": [[e.name, e.region] for e in code.edits],
        "digest": _digest(tensors),
    }
    part = path.with_name(path.name + ".part")
    try:
        save_file(tensors, part, {"format_version": str(FORMAT_VERSION), "code": json.dumps(facts)})
        part.replace(path)
    except (OSError, SafetensorError) as error:
        part.unlink(missing_ok=True)
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
        if facts["digest"] != _digest(tensors):
            raise ModelFilesError(f"{path} is damaged: its contents do not match its digest; encode the clip again")
        code = _assemble(facts, tensors)
    except (KeyError, TypeError, ValueError) as error:
        raise ModelFilesError(f"{path} is malformed ({error!r}); encode the clip again") from error
    return code


def _assemble(facts: dict[str, Any], tensors: dict[str, Tensor]) -> ClipCode:
    name, height, width, rate, count = facts["source"]
    source = SourceFacts(str(name), (int(height), int(width)), Fraction(rate), int(count))
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
    return ClipCode(
        pack_name=str(facts["pack_name"]),
        pack_hash=str(facts["pack_hash"]),
        solver=str(facts["solver"]),
        steps=int(facts["steps"]),
        start=int(facts["start"]),
        source=source,
        track=track,
        edits=edits,
        **held,
    )


def _check(held: dict[str, Tensor], track: FaceTrack, edits: tuple[IdentityEdit, ...]) -> None:
    """ValueError where lengths disagree or a number that must be finite is not."""
    lengths = {len(held[n]) for n in _TENSORS if n != "z_id"} | {len(track.quads), len(track.status)}
    lengths |= {len(e.strength) for e in edits}
    if len(lengths) != 1:
        raise ValueError(f"its parts have {sorted(lengths)} frames")
    usable: FloatArray = track.quads[track.usable()]
    finite = [bool(np.isfinite(usable).all()), bool(torch.isfinite(held["z_id"]).all())]
    finite += [math.isfinite(float(e.strength.sum())) for e in edits]
    if not all(finite):
        raise ValueError("a quad, the identity or a strength is not a finite number")


def _digest(tensors: dict[str, Tensor]) -> str:
    """sha256 over names, types, shapes and bytes."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].contiguous()
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
