"""Where model packs live.

Searched in this order: the pack inside this plugin, then the folders of the environment variable DVA_PACKS if it is
set, or else the host's folders (ComfyUI's models/dva) followed by the user's data folder. A pack is a folder that bears
the pack's name and holds pack.json.
"""

import os
import re
from pathlib import Path

import appdirs

from ..model.errors import ModelFilesError, UsageError
from .host import current_host
from .manifest import ROOT, read_manifest

PACKS_VARIABLE = "DVA_PACKS"
PACK_FILE = "pack.json"


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


def find_pack(name: str) -> Path:
    """Return the folder of the pack called name.

    Raises UsageError for a name that could leave the pack folders, ModelFilesError when no such pack is installed.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
        raise UsageError(f"{name!r} cannot be a pack's name; use letters, digits, '.', '_' and '-', as in 'mini'")
    packs = installed_packs()
    if name not in packs:
        searched = ", ".join(str(folder) for folder in pack_folders())
        raise ModelFilesError(
            f"no pack {name!r} is installed; there is {', '.join(packs) or 'none'} (searched: this plugin, {searched})"
        )
    return packs[name]


def installed_packs() -> dict[str, Path]:
    """Return name -> folder of every pack that is present; an embedded pack cannot be shadowed by another."""
    embedded = {pack.name: ROOT / pack.folder for pack in read_manifest().packs if pack.folder is not None}
    packs = {name: folder for name, folder in embedded.items() if (folder / PACK_FILE).is_file()}
    for parent in pack_folders():
        for file in sorted(parent.glob(f"*/{PACK_FILE}")):
            packs.setdefault(file.parent.name, file.parent)
    return packs
