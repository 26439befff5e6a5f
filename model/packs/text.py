"""Giving a pack a CLIP of its own."""

import json
from pathlib import Path

from safetensors import safe_open
from torch import Tensor

from ..errors import InputError, ModelFilesError
from ..files import write_tensor_file
from .folder import file_sha256
from .pack import TEXT_FILE, load_pack


def add_text(folder: Path, clip: Path) -> None:
    """Put a CLIP that was trained here into a pack, in half precision, and record it in pack.json.

    The pack's hash stays, since no code depends on the CLIP. Raises ModelFilesError where the folder holds no sound
    pack, InputError where it cannot be written; then it is as it was, but for a file that pack.json does not name.
    """
    facts = dict(load_pack(folder).facts)
    try:
        with safe_open(clip, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {n: _compact(n, file.get_tensor(n)) for n in file.keys()}  # noqa: SIM118 - not a mapping
    except OSError as error:
        raise ModelFilesError(f"{clip} cannot be read ({error}); train the network 'clip' first") from error
    path, description = folder / TEXT_FILE, folder / "pack.json"
    part = description.with_name(description.name + ".part")
    try:
        write_tensor_file(path, tensors, metadata)
        entry = {"bytes": path.stat().st_size, "sha256": file_sha256(path)}
        facts["files"] = dict(sorted({**facts["files"], TEXT_FILE: entry}.items()))
        part.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
        part.replace(description)
    except OSError as error:
        raise InputError(f"{folder} cannot be written ({error}); make room or choose another folder") from error
    finally:
        part.unlink(missing_ok=True)


def _compact(name: str, tensor: Tensor) -> Tensor:
    """Half precision for weights; statistics keep theirs."""
    return tensor.half() if tensor.is_floating_point() and "running" not in name else tensor
