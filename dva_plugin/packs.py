"""Opening a pack that a person named."""

from pathlib import Path

from ..model.packs.pack import Pack, load_pack
from .home import PACK_FILE, find_pack


def open_pack(name: str) -> Pack:
    """Load an installed pack by its name, or any pack by its folder.

    Raises UsageError for an impossible name and ModelFilesError for a pack that is missing or damaged.
    """
    folder = Path(name)
    return load_pack(folder if (folder / PACK_FILE).is_file() else find_pack(name))
