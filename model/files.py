"""Tensor files that appear whole or not at all."""

from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor


def write_tensor_file(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None) -> None:
    """Write a safetensors file beside `path`, then give it the name.

    tensors: on any device, of any layout, none sharing memory with another. Raises OSError where the folder cannot be
    written; nothing is left behind then.
    """
    part = path.with_name(path.name + ".part")
    try:
        part.touch()
        rights = part.stat().st_mode  # the writer below makes files that nobody else may read, whatever the umask says
        save_file({n: t.detach().cpu().contiguous() for n, t in tensors.items()}, part, dict(metadata or {}))
        part.chmod(rights)
        part.replace(path)
    except SafetensorError as error:
        raise OSError(f"{path}: {error}") from error
    finally:
        part.unlink(missing_ok=True)
