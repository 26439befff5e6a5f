"""What long work on a clip has found so far, in a file: after a kill it goes on, and ends at the same bits."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray

from ..files import map_tensor_file, write_tensor_file
from ..types import Mark

NOTE_EVERY = 256
"""Frames after which the notes are written anew: some twenty seconds of work, and 100 bytes a frame and face."""
VERSION = "1"


@dataclass(frozen=True)
class Notes:
    """The notes of one piece of work. Whoever names the file sees to it that no other work's is taken for it."""

    path: Path
    mark: Mark

    def are_due(self, done: int, total: int) -> bool:
        """Say whether to write after so many frames of all; what takes but a moment needs no notes."""
        return done % NOTE_EVERY == 0 or done == total > NOTE_EVERY

    def keep(self, arrays: Mapping[str, NDArray[Any]], done: int) -> None:
        """Write down what so many frames gave; the file is whole under its name at any time. Raises OSError."""
        tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
        write_tensor_file(self.path, tensors, {"version": VERSION, "done": str(done)})
        self.mark.advance(done)

    def recall(self) -> tuple[int, dict[str, NDArray[Any]]]:
        """Frames done by an earlier run, and copies of its arrays; 0 and nothing where there was none."""
        try:
            about, tensors = map_tensor_file(self.path)
        except (OSError, ValueError):
            return 0, {}
        if about.get("version") != VERSION:
            return 0, {}
        return int(about["done"]), {name: tensor.numpy().copy() for name, tensor in tensors.items()}
