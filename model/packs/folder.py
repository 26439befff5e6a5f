"""A pack folder on the disk: written whole or not at all."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from ..digest import file_sha256
from ..errors import InputError
from ..files import write_tensor_file

SPARE = 1 << 20
"""Bytes beyond the tensors: headers, pack.json."""


def write_pack(folder: Path, facts: dict[str, Any], contents: Mapping[str, Mapping[str, Tensor]]) -> None:
    """Write pack.json and weight files through a temporary folder, and put it into the place of an earlier pack.

    facts: pack.json without "files", which is added. contents: file name -> tensor name -> tensor, written as they are.
    Raises InputError where the disk has no room or cannot be written; then the earlier pack is as it was.
    """
    _check_space(folder, sum(t.nbytes for tensors in contents.values() for t in tensors.values()) + SPARE)
    temporary = folder.with_name(folder.name + ".part")
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        temporary.mkdir(parents=True)
        for name, tensors in contents.items():
            write_tensor_file(temporary / name, tensors)
        written = sorted(temporary.iterdir())
        files = {path.name: {"bytes": path.stat().st_size, "sha256": file_sha256(path)} for path in written}
        text = json.dumps({**facts, "files": files}, indent=1) + "\n"
        (temporary / "pack.json").write_text(text, encoding="utf-8")
        _exchange(temporary, folder)
    except OSError as error:
        raise InputError(f"the pack {folder} cannot be written ({error}); nothing was changed") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _check_space(folder: Path, needed: int) -> None:
    parent = next(parent for parent in folder.absolute().parents if parent.exists())
    free = shutil.disk_usage(parent).free
    if free < needed:
        raise InputError(
            f"the pack needs {needed / 1e6:.0f} MB in {folder.parent}, where {free / 1e6:.0f} MB are free; make room, "
            "or choose another disk; nothing was written"
        )


def _exchange(new: Path, folder: Path) -> None:
    """Put a folder into another's place. No system replaces a folder that holds files, so the old one steps aside."""
    old = folder.with_name(folder.name + ".old")
    if folder.exists():
        shutil.rmtree(old, ignore_errors=True)
        folder.replace(old)
    try:
        new.replace(folder)
    finally:
        if old.exists() and not folder.exists():
            old.replace(folder)
    shutil.rmtree(old, ignore_errors=True)
