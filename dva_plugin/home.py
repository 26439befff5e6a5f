"""Where model packs live.

Searched in this order: the pack inside this plugin, then the folders of the environment variable DVA_PACKS if it is
set, or else the host's folders (ComfyUI's models/dva) followed by the user's data folder. A pack is a folder that bears
the pack's name and holds pack.json.
"""

import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

import appdirs

from ..model.errors import ModelFilesError, UsageError
from .host import current_host
from .manifest import ROOT, read_manifest

PACKS_VARIABLE = "DVA_PACKS"
DIRECTIONS_VARIABLE = "DVA_DIRECTIONS"
PACK_FILE = "pack.json"
UNFINISHED = (".part", ".old")
"""How the folder of a pack ends while it is being written, replaced or removed."""


def pack_folders() -> tuple[Path, ...]:
    """Return the folders that hold downloaded packs, in the order they are searched; they need not exist."""
    override = [folder for folder in os.environ.get(PACKS_VARIABLE, "").split(os.pathsep) if folder]
    if override:
        return tuple(Path(folder).expanduser() for folder in override)
    user_folder = Path(appdirs.user_data_dir("dva-plugin", appauthor=False)) / "packs"
    return (*current_host().pack_folders(), user_folder)


def download_folder() -> Path:
    """Return the folder into which a new pack goes: the first that is searched."""
    return pack_folders()[0]


def direction_folder() -> Path:
    """Return the folder in which directions found by text stay; it need not exist. DVA_DIRECTIONS names another."""
    override = os.environ.get(DIRECTIONS_VARIABLE)
    if override:
        return Path(override).expanduser()
    return Path(appdirs.user_cache_dir("dva-plugin", appauthor=False)) / "directions"


def find_pack(name: str) -> Path:
    """Return the folder of the pack called name.

    Raises UsageError for a name that could leave the pack folders, ModelFilesError when no such pack is installed.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
        raise UsageError(f"{name!r} cannot be a pack's name; use letters, digits, '.', '_' and '-', as in 'mini'")
    packs = installed_packs()
    if name not in packs:
        searched = ", ".join(str(folder) for folder in pack_folders())
        known = read_manifest().pack(name) is not None
        raise ModelFilesError(
            f"no pack {name!r} is installed; there is {', '.join(packs) or 'none'} (searched: this plugin, {searched})"
            + ("; `dva packs list` tells how to get it" if known else "")
        )
    return packs[name]


def installed_packs() -> dict[str, Path]:
    """Return name -> folder of every pack that is present; an embedded pack cannot be shadowed by another."""
    packs = {name: folder for name, folder in embedded_packs().items() if (folder / PACK_FILE).is_file()}
    for parent in pack_folders():
        for file in sorted(parent.glob(f"*/{PACK_FILE}")):
            if not file.parent.name.endswith(UNFINISHED):
                packs.setdefault(file.parent.name, file.parent)
    return packs


def embedded_packs() -> dict[str, Path]:
    """Return name -> folder of the packs that are part of this plugin."""
    return {pack.name: ROOT / pack.folder for pack in read_manifest().packs if pack.folder is not None}


def pack_facts(folder: Path) -> dict[str, Any]:
    """Return what the pack.json of a folder says; ModelFilesError where it cannot be read."""
    try:
        facts = json.loads((folder / PACK_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelFilesError(f"{folder / PACK_FILE} cannot be read ({error}); install the pack again") from error
    if not isinstance(facts, dict):
        raise ModelFilesError(f"{folder / PACK_FILE} holds no JSON object; install the pack again")
    return facts


def remove_pack(name: str) -> Path:
    """Delete an installed pack and return the folder it had.

    Raises UsageError for the embedded pack, for a name that could leave the pack folders and for a link that does;
    ModelFilesError when no such pack is installed.
    """
    folder = find_pack(name)
    if name in embedded_packs():
        raise UsageError(f"the pack {name} is part of this plugin and stays")
    if folder.resolve().parent not in {parent.resolve() for parent in pack_folders()}:
        raise UsageError(f"{folder} leads to {folder.resolve()}, outside the pack folders; remove the link yourself")
    doomed = folder.with_name(folder.name + UNFINISHED[1])  # half a pack must never answer to the name
    shutil.rmtree(doomed, ignore_errors=True)
    folder.replace(doomed)
    shutil.rmtree(doomed)
    return folder


def writable_pack(folder: Path) -> Path:
    """A folder that may be written as a pack, resolved; UsageError where it holds anything but a pack."""
    target = folder.expanduser().resolve()
    if target.exists() and not (target / PACK_FILE).is_file() and (not target.is_dir() or any(target.iterdir())):
        raise UsageError(f"{target} holds something else than a pack, which would be lost; name another folder")
    return target
