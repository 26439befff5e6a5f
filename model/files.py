"""Tensor files (safetensors): written whole or not at all, mapped instead of read, and filled row by row."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from torch import Tensor

TYPE_NAMES = {
    torch.float64: "F64", torch.int64: "I64",
    torch.float32: "F32", torch.int32: "I32",
    torch.float16: "F16", torch.bfloat16: "BF16", torch.int16: "I16",
    torch.int8: "I8", torch.uint8: "U8", torch.bool: "BOOL",
}  # fmt: skip
MAX_HEADER = 1 << 20
"""Bytes of a header that memory is taken for where a file comes from somebody else; ours have some thousand."""


@dataclass(frozen=True)
class Layout:
    """What one tensor of a file looks like."""

    dtype: torch.dtype
    shape: tuple[int, ...]

    @classmethod
    def of(cls, tensor: Tensor) -> "Layout":
        return cls(tensor.dtype, tuple(tensor.shape))

    @property
    def nbytes(self) -> int:
        return self.dtype.itemsize * int(np.prod(self.shape, dtype=np.int64))


def write_tensor_file(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None) -> None:
    """Write a safetensors file beside `path`, then give it the name. One tensor at a time is copied, if any.

    tensors: on any device, of any layout. Raises OSError where the folder cannot be written; nothing is left then.
    """
    header, places = _header({name: Layout.of(t) for name, t in tensors.items()}, metadata or {})
    part = path.with_name(path.name + ".part")
    try:
        with part.open("wb") as file:
            file.write(header)
            for name in places:
                file.write(tensor_bytes(tensors[name]))
            file.flush()
            os.fsync(file.fileno())  # or a power cut could leave the name without the content
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def map_tensor_file(path: Path, largest_header: int = MAX_HEADER) -> tuple[dict[str, str], dict[str, Tensor]]:
    """Return a file's metadata and tensors; the tensors are the file's own pages, read when they are looked at.

    They must not be changed. Raises OSError or ValueError for a file that is missing, cut short or no tensor file,
    before memory is taken for what it claims to hold.
    """
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
    if length > largest_header:
        raise ValueError(f"its header claims {length} bytes")
    try:
        with safe_open(path, framework="pt") as file:
            return file.metadata() or {}, {n: file.get_tensor(n) for n in file.keys()}  # noqa: SIM118 - not a mapping
    except (SafetensorError, RuntimeError) as error:
        raise ValueError(str(error)) from error


def tensor_bytes(tensor: Tensor) -> memoryview:
    """The bytes of a tensor in the order of its indices; a copy only where it lies otherwise or on another device."""
    if not tensor.numel():
        return memoryview(b"")  # an empty tensor may have strides that cannot be viewed as bytes
    return tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data


class TensorRows:
    """A tensor file whose rows (first axis) are filled in any order; close it before it is mapped.

    Written by calls and not through a map: a full disk is then an error and not the end of the process.
    """

    @staticmethod
    def create(path: Path, layouts: Mapping[str, Layout], metadata: Mapping[str, str] | None = None) -> None:
        """Make a file of zeros, whole under its name or not there; most systems give it no room before it is filled."""
        header, places = _header(layouts, metadata or {})
        part = path.with_name(path.name + ".part")
        try:
            with part.open("wb") as file:
                file.write(header)
                file.truncate(len(header) + sum(layouts[name].nbytes for name in places))
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)

    def __init__(self, path: Path) -> None:
        """Open a file that `create` made. Raises OSError."""
        self._file: BinaryIO = path.open("r+b", buffering=0)
        self._data = 8 + int.from_bytes(self._file.read(8), "little")
        self._places = json.loads(self._file.read(self._data - 8))

    def __enter__(self) -> "TensorRows":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._file.close()

    def write(self, name: str, rows: NDArray[np.intp], values: Tensor) -> None:
        """Put values [n, ...] into the rows [n]. Raises OSError, and ValueError for values of another type or shape."""
        place = self._places[name]
        if place["dtype"] != TYPE_NAMES[values.dtype] or place["shape"][1:] != list(values.shape[1:]):
            raise ValueError(f"{name} holds {place['dtype']} {place['shape']}, not {values.dtype} {list(values.shape)}")
        data = tensor_bytes(values)
        size = len(data) // max(len(rows), 1)
        for i, row in enumerate(rows.tolist()):
            self._put(self._data + place["data_offsets"][0] + row * size, data[i * size : (i + 1) * size])

    def rewrite_metadata(self, metadata: Mapping[str, str]) -> None:
        """Change the metadata to one that takes the same room. ValueError where it does not."""
        text = {"__metadata__": dict(metadata)} | {n: p for n, p in self._places.items() if n != "__metadata__"}
        header = _padded(text)
        if len(header) != self._data:
            raise ValueError("the metadata must keep its length")
        self._put(0, header)

    def to_disk(self) -> None:
        """Wait until what was written would survive a power cut."""
        os.fsync(self._file.fileno())

    def _put(self, offset: int, data: memoryview | bytes) -> None:
        self._file.seek(offset)
        view = memoryview(data)
        while view:
            view = view[self._file.write(view) :]


def _header(layouts: Mapping[str, Layout], metadata: Mapping[str, str]) -> tuple[bytes, list[str]]:
    """The header's bytes, and the tensors' names in the order of their data: wide types first keep all aligned."""
    names = sorted(layouts, key=lambda name: (-layouts[name].dtype.itemsize, name))
    text: dict[str, object] = {"__metadata__": dict(metadata)} if metadata else {}
    offset = 0
    for name in names:
        layout = layouts[name]
        end = offset + layout.nbytes
        text[name] = {"dtype": TYPE_NAMES[layout.dtype], "shape": list(layout.shape), "data_offsets": [offset, end]}
        offset = end
    return _padded(text), names


def _padded(text: Mapping[str, object]) -> bytes:
    """Length and header; spaces at the end align the data to 8 bytes."""
    body = json.dumps(text, separators=(",", ":"), ensure_ascii=False).encode()
    body += b" " * (-len(body) % 8)
    return len(body).to_bytes(8, "little") + body
