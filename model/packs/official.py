"""The authors' published checkpoints, made into a pack once."""

import shutil
import tempfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from zipfile import BadZipFile, ZipFile

from torch import Tensor

from ..errors import ModelFilesError, UsageError
from .checkpoints import read_checkpoint
from .folder import write_pack
from .published import published_facts, published_tensors

AVERAGED = "ema_model."
"""Where the model's checkpoint keeps the moving averages, which is what the authors sample with."""
ENCODERS = {
    "model_ir_se50.pth": ("encoder.idnet.backbone.", ""),
    "mobilenet_224_model_best_gdconv_external.pth.tar": ("encoder.lndnet.backbone.", "module."),
    "79999_iter.pth": ("encoder.bgnet.backbone.", ""),
}
"""The encoders' own files: what their names begin with in the model's checkpoint, and in the file itself."""
COUNTER = "num_batches_tracked"
"""A batch normalisation's counter, unused outside training; files older than torch 0.4.1 have none."""
LARGEST_ENCODER = 512 << 20
"""Bytes. The identity encoder, the largest of the three, has 44 million values of four bytes."""


@dataclass(frozen=True)
class PublishedFiles:
    """What the authors publish, as it lies on this disk."""

    model: Path
    """The Lightning checkpoint of the network and its moving averages."""
    classifier: Path
    """The attribute classifier's checkpoint."""
    statistics: Path
    """Mean and deviation of z_id."""
    encoders: tuple[Path, ...] = ()
    """Any of the three files named in ENCODERS, or one zip that holds them; they replace the copies inside model."""


def import_published(files: PublishedFiles, folder: Path, told: Mapping[str, Any]) -> None:
    """Make a pack folder out of published files; an earlier pack in its place stays as it was unless all goes well.

    told: what pack.json keeps beside the network's own facts: licence, origin of the files.

    Raises UsageError for an encoder file of an unknown name, ModelFilesError for a file that is damaged, untrustworthy
    or of another network, InputError where the pack cannot be written.
    """
    tensors = _with_encoders(read_checkpoint(files.model, AVERAGED), files.encoders)
    contents = published_tensors(tensors, read_checkpoint(files.classifier), read_checkpoint(files.statistics))
    apart = {file: dict(_apart(held)) for file, held in contents.items()}
    write_pack(folder, published_facts() | dict(told), apart)


def _apart(tensors: Mapping[str, Tensor]) -> Iterator[tuple[str, Tensor]]:
    """The tensors, copied where two share memory, which a weight file cannot hold."""
    seen: set[int] = set()
    for name, tensor in tensors.items():
        place = tensor.untyped_storage().data_ptr()
        yield name, tensor.clone() if place in seen else tensor
        seen.add(place)


def _with_encoders(tensors: dict[str, Tensor], paths: Sequence[Path]) -> dict[str, Tensor]:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch:
        for path in _encoder_files(paths, Path(scratch)):
            inside, outside = ENCODERS[path.name]
            kept = {n: t for n, t in tensors.items() if not n.startswith(inside) or n.endswith(COUNTER)}
            # copied, because an unpacked file is about to go
            tensors = kept | {inside + n: t.clone() for n, t in read_checkpoint(path, outside).items()}
    return tensors


def _encoder_files(paths: Sequence[Path], scratch: Path) -> Iterator[Path]:
    """The encoder files as they lie on the disk; those of a zip are unpacked into scratch, one after the other."""
    for path in paths:
        if not path.is_file():
            raise ModelFilesError(f"there is no file {path}; name a downloaded encoder file or their zip")
        if is_archive(path):
            yield from _unpacked(path, scratch)
        elif path.name in ENCODERS:
            yield path
        else:
            raise UsageError(f"{path} is no encoder file of the authors; give their zip, or {', '.join(ENCODERS)}")


def is_archive(path: Path) -> bool:
    """Whether a file is meant as the archive of the encoders; their own files end in .pth and .tar."""
    return path.suffix.lower() == ".zip"


def _unpacked(path: Path, scratch: Path) -> Iterator[Path]:
    """Write the members that ENCODERS names under those names; whatever else the zip holds stays packed."""
    try:
        with ZipFile(path) as archive:
            members = [m for m in archive.infolist() if PurePosixPath(m.filename).name in ENCODERS]
            names = [PurePosixPath(m.filename).name for m in members]
            if not names or len(set(names)) < len(names):
                raise ValueError(
                    f"it should hold {', '.join(ENCODERS)}, once each, and holds {', '.join(names) or 'none'}"
                )
            for name, member in zip(names, members, strict=True):
                if member.file_size > LARGEST_ENCODER:
                    raise ValueError(f"{name} would unpack to {member.file_size} bytes, {LARGEST_ENCODER} are allowed")
                with archive.open(member) as packed, (scratch / name).open("wb") as unpacked:
                    shutil.copyfileobj(packed, unpacked)
                yield scratch / name
    except (ValueError, BadZipFile, EOFError, RuntimeError, zlib.error) as error:
        raise ModelFilesError(f"{path} cannot be unpacked ({error}); download it again") from error
