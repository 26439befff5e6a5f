"""Tensors out of a torch checkpoint that others made, without running anything that it brings.

Two formats are read: the archive that torch has written since version 1.6, and the stream of pickles before that. The
file is mapped into memory, not read: a tensor costs nothing until its values are used, and what is not asked for
(a second copy of the network, an optimiser's state) costs nothing at all.
"""

import mmap
import struct
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO
from zipfile import ZIP_STORED, BadZipFile, ZipFile

import torch
from torch import Tensor

from ..errors import ModelFilesError
from .pickles import Inert, Storage, StoredTensor, read_pickle

ARCHIVE_START = b"PK\x03\x04"
STREAM_START = (0x1950A86A20F9469CFC6C, 1001)
"""The first two pickles of the old format."""
LONGEST_PICKLE = 16 << 20
"""Bytes. It holds names and sizes only: a few hundred thousand bytes in a checkpoint of two thousand tensors."""
NAMED = 5
"""Strangers that a refusal names; more are counted."""

_Locate = Callable[[Storage], int]
"""The byte at which a storage begins in the file."""


def read_checkpoint(path: Path, prefix: str = "") -> dict[str, Tensor]:
    """The tensors of a checkpoint whose names begin with prefix, by the rest of their names.

    They are those under `state_dict`, or else the file's own top level. Objects of other classes beside them are passed
    over, objects among them refused by the name of their class; no class is imported either way. The values stay in the
    file, which must not change while they are in use; writing into a tensor leaves the file alone. Tensors that share
    memory in the file share it here.

    Raises ModelFilesError for a file that is missing, cut short, damaged or of another kind.
    """
    if not path.is_file():
        raise ModelFilesError(f"there is no file {path}; name a downloaded checkpoint")
    try:
        with path.open("rb") as file:
            mapping = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
            read = _read_archive if mapping[: len(ARCHIVE_START)] == ARCHIVE_START else _read_stream
            value, locate = read(file, mapping)
            stored = _wanted(value, prefix, path)
            return dict(_mapped(stored, locate, mapping))
    except (OSError, ValueError, EOFError, BadZipFile, RuntimeError, struct.error) as error:
        raise ModelFilesError(
            f"{path} cannot be read as a torch checkpoint ({error}); it is cut short, damaged, or a web page saved in "
            "its place: download it again"
        ) from error


def _read_archive(file: BinaryIO, mapping: mmap.mmap) -> tuple[Any, _Locate]:
    archive = ZipFile(file)
    members = {member.filename: member for member in archive.infolist()}
    roots = [name.removesuffix("data.pkl") for name in members if name.endswith("/data.pkl") and name.count("/") == 1]
    if len(roots) != 1:
        raise ValueError("it is an archive of another kind")
    root = roots[0]

    def content(name: str, longest: int) -> bytes:
        if members[name].file_size > longest or members[name].compress_type != ZIP_STORED:
            raise ValueError(f"its part {name} is compressed or has more than {longest} bytes")
        return archive.read(name)

    if f"{root}byteorder" in members and content(f"{root}byteorder", 6) != b"little":
        raise ValueError("its numbers are big-endian")

    def locate(storage: Storage) -> int:
        """Also checks the bytes against the archive's checksum, which tells a download with holes."""
        member = members.get(f"{root}data/{storage.key}")
        size = storage.numel * storage.dtype.itemsize
        if member is None or member.compress_type != ZIP_STORED or member.file_size != size:
            raise ValueError(f"its storage {storage.key} of {size} bytes is missing or of another size")
        with archive.open(member) as stream:
            while stream.read(1 << 20):
                pass
        name_length, extra_length = struct.unpack_from("<HH", mapping, member.header_offset + 26)
        return member.header_offset + 30 + name_length + extra_length

    return read_pickle(BytesIO(content(f"{root}data.pkl", LONGEST_PICKLE))).value, locate


def _read_stream(_: BinaryIO, mapping: mmap.mmap) -> tuple[Any, _Locate]:
    """Magic number, version, the writer's system, the object, the storages' keys; then each storage's count and bytes.

    The pickles must end within the first LONGEST_PICKLE bytes.
    """
    stream = BytesIO(mapping[:LONGEST_PICKLE])
    if (read_pickle(stream).value, read_pickle(stream).value) != STREAM_START:
        raise ValueError("it does not begin as one")
    system = read_pickle(stream).value
    if not (isinstance(system, dict) and system.get("little_endian") is True):
        raise ValueError("its numbers are big-endian")
    pickled, keys = read_pickle(stream), read_pickle(stream).value
    places: dict[Storage, int] = {}
    position = stream.tell()
    for key in keys if isinstance(keys, list) else ():
        storage = pickled.storages.get(str(key))
        if storage is None or struct.unpack_from("<q", mapping, position) != (storage.numel,):
            raise ValueError("one of its storages is of an unknown kind or size")
        places[storage] = position + 8
        position += 8 + storage.numel * storage.dtype.itemsize
    if position > len(mapping):
        raise ValueError(f"{position - len(mapping)} bytes are missing at its end")

    def locate(storage: Storage) -> int:
        if storage not in places:
            raise ValueError(f"its storage {storage.key} is missing or of another size")
        return places[storage]

    return pickled.value, locate


def _wanted(value: object, prefix: str, path: Path) -> dict[str, StoredTensor]:
    if isinstance(value, dict) and "state_dict" in value:
        value = value["state_dict"]
    if not isinstance(value, dict):
        raise ModelFilesError(f"{path} holds {_kind(value)} where a checkpoint has its tensors; name another file")
    tensors = {n: v for n, v in value.items() if isinstance(n, str) and isinstance(v, StoredTensor)}
    strangers = [f"{_kind(v)} as {_short(n)}" for n, v in value.items() if n not in tensors]
    if strangers:
        raise ModelFilesError(
            f"{path} holds {_list(strangers)} among its tensors, where nothing else belongs; do not trust it, and "
            "download the published file"
        )
    found = {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
    if not found:
        raise ModelFilesError(
            f"{path} has no tensor called {prefix}..., only {_list([_short(name) for name in tensors]) or 'nothing'}; "
            "it belongs to another network: name another file"
        )
    return found


def _list(parts: list[str]) -> str:
    return ", ".join(parts[:NAMED]) + (f" and {len(parts) - NAMED} more" if len(parts) > NAMED else "")


def _kind(value: object) -> str:
    return f"an object of the class {_short(value)}" if isinstance(value, Inert) else f"a {type(value).__name__}"


def _short(name: str | Inert) -> str:
    """A name out of a foreign file, fit to be printed."""
    return repr((name.name if isinstance(name, Inert) else name)[:80])


def _mapped(stored: dict[str, StoredTensor], locate: _Locate, mapping: mmap.mmap) -> Iterator[tuple[str, Tensor]]:
    flats: dict[Storage, Tensor] = {}
    for name, tensor in stored.items():
        storage = tensor.storage
        if storage not in flats:
            flats[storage] = _flat(storage, locate(storage), mapping)
        yield name, flats[storage].as_strided(tensor.shape, tensor.stride, tensor.offset)


def _flat(storage: Storage, place: int, mapping: mmap.mmap) -> Tensor:
    """[N] the storage's values; the old format does not align them, and then they are copied."""
    size = storage.dtype.itemsize
    if storage.numel == 0:
        return torch.empty(0, dtype=storage.dtype)
    if place % size == 0:
        return torch.frombuffer(mapping, dtype=storage.dtype, count=storage.numel, offset=place)
    loose = torch.frombuffer(mapping, dtype=torch.uint8, count=storage.numel * size, offset=place)
    return loose.clone().view(storage.dtype)
