"""Opening a pack that a person named."""

from pathlib import Path

from ..model.packs.pack import Pack, load_pack
from .home import find_pack, installed_packs


def open_pack(name: str) -> Pack:
    """Load an installed pack by its name, or else any pack by its folder.

    Raises UsageError for an impossible name and ModelFilesError for a pack that is missing or damaged.
    """
    folder = Path(name)
    # The name comes first: a folder that happens to be called "mini" must not pass for the embedded pack.
    return load_pack(folder if name not in installed_packs() and folder.is_dir() else find_pack(name))
