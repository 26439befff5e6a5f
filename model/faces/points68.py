"""68 landmarks of a face (iBUG 300-W), from FAN (Bulat and Tzimiropoulos 2017), where its weights lie on this computer.

The package face-alignment fetches weights when it is asked for a face; here only its network is taken, and its weights
only from torch's download cache, where that package keeps them. Nothing is ever fetched.
"""

import pickle
from collections.abc import Callable
from importlib.util import find_spec

import numpy as np
import torch
from torch import Tensor

from ..errors import ModelFilesError
from ..metrics.local import hub_file
from ..types import ByteArray, FloatArray
from .align import crop_from_frame, frame_from_crop_matrix, quads_from_landmarks, transform

WEIGHTS = "2DFAN4-11f355bf06.pth.tar"
SIDE, CELLS = 256, 64
"""Pixels of the crop that the network sees, and cells of the map in which it marks each landmark."""
AROUND = 2
"""A landmark is the centre of mass of this many cells on every side of the highest one."""
MIRRORED = np.array(
    [
        *range(16, -1, -1), *range(26, 16, -1), *range(27, 31), *range(35, 30, -1), *range(45, 41, -1), 47, 46,
        *range(39, 35, -1), 41, 40, *range(54, 47, -1), *range(59, 54, -1), *range(64, 59, -1), *range(67, 64, -1),
    ]
)  # fmt: skip
"""Which landmark each becomes in the mirror."""


class Landmarks68:
    """The network on a device."""

    def __init__(self, network: Callable[[Tensor], Tensor], device: torch.device) -> None:
        """network: crops [B, 3, SIDE, SIDE] in [0, 1] -> heat [B, 68, CELLS, CELLS]."""
        self._network = network
        self._device = device

    @torch.inference_mode()
    def find(self, image: ByteArray, landmarks: FloatArray) -> FloatArray:
        """Landmarks [68, 2] of the face in a frame [H, W, 3] whose five landmarks [5, 2] are known."""
        (quad,) = quads_from_landmarks(landmarks[None], 0, 0)
        crop = torch.from_numpy(crop_from_frame(image, quad, SIDE) / np.float32(255)).permute(2, 0, 1)
        straight, mirrored = self._network(torch.stack([crop, crop.flip(-1)]).to(self._device)).float().cpu().numpy()
        heat = straight + mirrored[MIRRORED, :, ::-1]  # a face and its mirror image: neither side is preferred
        in_crop = (_peaks(heat) + 0.5) * (SIDE / CELLS) - 0.5
        return transform(frame_from_crop_matrix(quad, SIDE), in_crop)


def load_landmarks68(device: torch.device) -> Landmarks68 | None:
    """FAN with four hourglasses, or None where face-alignment or its weights are not on this computer.

    ModelFilesError for a file of that name that holds something else.
    """
    path = hub_file(WEIGHTS)
    if path is None or find_spec("face_alignment") is None:
        return None
    from face_alignment.models import FAN  # noqa: PLC0415 # pyright: ignore[reportMissingImports] - an extra, slow

    network = FAN(4)
    try:
        network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    except (OSError, RuntimeError, LookupError, EOFError, ValueError, TypeError, pickle.UnpicklingError) as error:
        raise ModelFilesError(f"{path} does not hold face-alignment's weights ({error}); delete it") from error
    network = network.to(device).eval()

    def heat(crops: Tensor) -> Tensor:
        maps = network(crops)
        return maps[-1] if isinstance(maps, list) else maps  # one for each hourglass; the last is the finest

    return Landmarks68(heat, device)


def _peaks(heat: FloatArray) -> FloatArray:
    """[N, 2] x, y of the peak of each map [N, S, S], between the cells."""
    count, rows, columns = heat.shape
    y, x = np.unravel_index(heat.reshape(count, -1).argmax(axis=1), (rows, columns))
    padded = np.pad(np.maximum(heat, 0), ((0, 0), (AROUND, AROUND), (AROUND, AROUND)))
    steps = np.arange(-AROUND, AROUND + 1)
    total, moments = np.full(count, 1e-9), np.zeros((count, 2))
    for dy in steps:
        for dx in steps:
            mass = padded[np.arange(count), y + AROUND + dy, x + AROUND + dx]
            total += mass
            moments += mass[:, None] * [dx, dy]
    return np.stack([x, y], axis=1) + moments / total[:, None]
