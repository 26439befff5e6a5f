"""plugin.json as typed values: what this plugin is called, which nodes it has and where its packs come from."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, cast

from ..model.errors import ModelFilesError

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class PackFile:
    """One file that a pack is made from."""

    name: str
    holds: str
    licence: str
    google_drive_id: str | None
    """None for a file inside another."""
    bytes: int | None
    """None where the publisher states no size."""
    sha256: str | None
    """64 hexadecimal digits; None where the publisher states none."""
    members: tuple["PackFile", ...] = ()
    """What is used of an archive."""

    def link(self) -> str | None:
        """Where a browser downloads it."""
        return f"https://drive.google.com/file/d/{self.google_drive_id}/view" if self.google_drive_id else None


@dataclass(frozen=True)
class Pack:
    """One model pack, embedded or published elsewhere."""

    name: str
    licence: str
    source: str
    folder: PurePosixPath | None
    """Where an embedded pack lies below the plugin's folder; None for a pack to download."""
    files: tuple[PackFile, ...]

    def file(self, name: str) -> PackFile | None:
        """Return the file of that name, be it to download or inside one, or None."""
        every = [*self.files, *(member for file in self.files for member in file.members)]
        return next((file for file in every if file.name == name), None)


@dataclass(frozen=True)
class Manifest:
    """The whole of plugin.json."""

    id: str
    name: str
    version: str
    nodes: tuple[str, ...]
    packs: tuple[Pack, ...]

    def pack(self, name: str) -> Pack | None:
        """Return the pack of that name, or None."""
        return next((pack for pack in self.packs if pack.name == name), None)


def read_manifest(path: Path = ROOT / "plugin.json") -> Manifest:
    """Read and check plugin.json.

    Raises ModelFilesError that names every fault at once.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelFilesError(f"cannot read the plugin's manifest {path}: {error}; install the plugin again") from error
    reader = _Reader()
    manifest = reader.manifest(reader.mapping(data, "plugin.json"))
    if reader.faults:
        raise ModelFilesError(f"{path} is not a manifest of ours: {'; '.join(reader.faults)}; install the plugin again")
    return manifest


class _Reader:
    """Turns JSON into the dataclasses above, collecting faults instead of stopping at the first.

    Names and folders are judged as Windows reads them, which knows all separators, and drives, on every system.
    """

    def __init__(self) -> None:
        self.faults: list[str] = []

    def manifest(self, data: Mapping[str, Any]) -> Manifest:
        nodes = [node for node in self.items(data, "nodes", "plugin.json") if self._is_text(node, "a node id")]
        packs = tuple(
            self.pack(self.mapping(pack, f"packs[{i}]"), f"packs[{i}]")
            for i, pack in enumerate(self.items(data, "packs", "plugin.json"))
        )
        self._unique([pack.name for pack in packs], "pack")
        self._unique(nodes, "node")
        texts = {key: self.text(data, key, "plugin.json") for key in ("id", "name", "version")}
        return Manifest(**texts, nodes=tuple(nodes), packs=packs)

    def pack(self, data: Mapping[str, Any], where: str) -> Pack:
        folder = data.get("folder")
        if folder is not None and not self._is_inside(folder):
            self.faults.append(f"{where}.folder {folder!r} must be a path below the plugin's folder")
            folder = None
        files = tuple(
            self.file(self.mapping(file, f"{where}.files[{i}]"), f"{where}.files[{i}]")
            for i, file in enumerate(self.items(data, "files", where))
        )
        return Pack(
            name=self.text(data, "name", where),
            licence=self.text(data, "licence", where),
            source=self.text(data, "source", where),
            folder=PurePosixPath(folder) if folder is not None else None,
            files=files,
        )

    def file(self, data: Mapping[str, Any], where: str, *, inside: bool = False) -> PackFile:
        name = self.text(data, "name", where)
        if name and (PureWindowsPath(name).name != name or name == ".."):
            self.faults.append(f"{where}.name {name!r} must be a bare file name")
        size, sha256 = data.get("bytes"), data.get("sha256")
        if size is not None and not (isinstance(size, int) and size > 0):
            self.faults.append(f"{where}.bytes must be a positive whole number or null, not {size!r}")
        if sha256 is not None and not (isinstance(sha256, str) and re.fullmatch("[0-9a-f]{64}", sha256)):
            self.faults.append(f"{where}.sha256 must be 64 hexadecimal digits or null, not {sha256!r}")
        members = tuple(
            self.file(self.mapping(member, f"{where}.members[{i}]"), f"{where}.members[{i}]", inside=True)
            for i, member in enumerate(self.items(data, "members", where) if "members" in data else ())
        )
        drive_id = None if inside else self.text(data, "google_drive_id", where)
        holds, licence = self.text(data, "holds", where), self.text(data, "licence", where)
        return PackFile(name, holds, licence, drive_id, size, sha256, members)

    def mapping(self, value: object, where: str) -> Mapping[str, Any]:
        if isinstance(value, dict):
            return cast("Mapping[str, Any]", value)
        self.faults.append(f"{where} must be an object")
        return {}

    def items(self, data: Mapping[str, Any], key: str, where: str) -> Sequence[Any]:
        value = data.get(key)
        if isinstance(value, list):
            return cast("list[Any]", value)
        self.faults.append(f"{where}.{key} must be a list")
        return []

    def text(self, data: Mapping[str, Any], key: str, where: str) -> str:
        value = data.get(key)
        return cast("str", value) if self._is_text(value, f"{where}.{key}") else ""

    def _is_text(self, value: object, where: str) -> bool:
        if isinstance(value, str) and value:
            return True
        self.faults.append(f"{where} must be a text, not {value!r}")
        return False

    def _is_inside(self, folder: object) -> bool:
        if not isinstance(folder, str):
            return False
        path = PureWindowsPath(folder)
        return not path.anchor and ".." not in path.parts

    def _unique(self, names: Sequence[str], kind: str) -> None:
        for name in sorted({name for name in names if names.count(name) > 1}):
            self.faults.append(f"two {kind}s are called {name!r}")
