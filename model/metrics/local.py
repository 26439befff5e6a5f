"""Weights of other people's networks, where they already lie on this computer. Nothing here opens a connection."""

import hashlib
import os
import re
from pathlib import Path

import torch


def hub_file(name: str) -> Path | None:
    """A file of torch's own download cache, or None where it is missing or damaged.

    torch writes the first digits of the file's sha256 into its name, as in `alexnet-owt-7be5be79.pth`.
    """
    path = Path(torch.hub.get_dir()) / "checkpoints" / name
    digits = re.search(r"-([0-9a-f]{8,})(?:\.[a-z]+)+$", name)
    if digits is None or not path.is_file():
        return None
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    return path if found.startswith(digits[1]) else None


def facenet_file() -> Path | None:
    """Where facenet-pytorch keeps the weights of InceptionResnetV1 trained on VGGFace2, or None."""
    cache = os.environ.get("TORCH_HOME") or Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")) / "torch"
    path = Path(cache).expanduser() / "checkpoints" / "20180402-114759-vggface2.pt"
    return path if path.is_file() else None
