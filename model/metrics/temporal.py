"""Whether a clip holds still where it should: warping error, temporal loss, and the shiver of a box.

Pictures are [H, W, 3] in [0, 1]. A flow [H, W, 2] holds for each pixel (x, y) of the first picture how far it has moved
in the second: second(p + flow(p)) = first(p).
"""

from collections.abc import Callable

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from ..types import FloatArray
from .local import hub_file

Picture = NDArray[np.float32]
Flow = NDArray[np.float32]
FlowOf = Callable[[Picture, Picture], Flow]
"""(first, second) -> flow from the first to the second."""

RAFT_FILE = "raft_small_C_T_V2-01064c6d.pth"
RAFT_LEAST = 128
"""Pixels a side that RAFT needs at least."""


def dis_flow(first: Picture, second: Picture) -> Flow:
    """Dense inverse search (Kroeger et al. 2016), OpenCV's, medium preset."""
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    return np.asarray(search.calc(_grey(first), _grey(second), np.zeros((*first.shape[:2], 2), np.float32)), np.float32)


def load_flow(device: torch.device) -> tuple[str, FlowOf]:
    """The best flow there is on this computer, and its name: RAFT where torch's cache holds its weights, or else
    DIS."""
    path = hub_file(RAFT_FILE)
    if path is None:
        return "DIS", dis_flow
    from torchvision.models.optical_flow import raft_small  # noqa: PLC0415 - slow to import

    network = raft_small(weights=None)
    network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    network = network.to(device).eval()

    @torch.no_grad()
    def flow(first: Picture, second: Picture) -> Flow:
        """Teed and Deng 2020; padded to the multiples of 8, from 128 on, that the network takes."""
        height, width = first.shape[:2]
        below, right = (max(RAFT_LEAST, -(-side // 8) * 8) - side for side in (height, width))
        pair = np.stack([np.pad(x, ((0, below), (0, right), (0, 0)), mode="edge") for x in (first, second)])
        x = torch.from_numpy(pair).movedim(-1, 1).to(device) * 2 - 1
        found = network(x[:1].contiguous(), x[1:].contiguous())[-1][0]
        return found.movedim(0, -1)[:height, :width].cpu().numpy()

    return "RAFT", flow


def warp(second: Picture, flow: Flow) -> Picture:
    """Bring the second picture to where the first one is: second(p + flow(p)), linear; beyond the edge it repeats."""
    x, y = np.meshgrid(np.arange(flow.shape[1], dtype=np.float32), np.arange(flow.shape[0], dtype=np.float32))
    at = (x + flow[..., 0], y + flow[..., 1])
    return cv2.remap(second, *at, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE).astype(np.float32)


def visible(forward: Flow, backward: Flow) -> NDArray[np.bool_]:
    """[H, W] True for pixels of the first picture that the second one shows too.

    Going there and back must end near where it began: |F + B|^2 <= 0.01 (|F|^2 + |B|^2) + 0.5 (Sundaram et al. 2010,
    eq. 5; the threshold of Lai et al. 2018), and the pixel must not have left the picture.
    """
    height, width = forward.shape[:2]
    back = warp(backward, forward)
    there_and_back = np.square(forward + back).sum(-1)
    lengths = np.square(forward).sum(-1) + np.square(back).sum(-1)
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    x, y = x + forward[..., 0], y + forward[..., 1]
    stays = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
    return (there_and_back <= 0.01 * lengths + 0.5) & stays


def warping_error(first: Picture, second: Picture, flow: Flow, mask: NDArray[np.bool_]) -> float:
    """E_warp (Xu et al. 2022, eq. 9): mean over the visible pixels of the squared distance of colours, 0 to 3.

    The flow and the mask may come from another clip: those of the source say how an edited clip ought to move. NaN
    where nothing is visible.
    """
    if not mask.any():
        return float("nan")
    return float(np.square(first - warp(second, flow)).sum(-1)[mask].mean())


def temporal_loss(first: Picture, second: Picture, flow: Flow) -> float:
    """IP-FaceDiff, eq. 7: mean distance of colours between a frame and the next one warped onto it, 0 to sqrt(3).

    Without a mask, as there; the distance is read as the Euclidean one per pixel.
    """
    return float(np.sqrt(np.square(first - warp(second, flow)).sum(-1)).mean())


def jitter(points: FloatArray) -> FloatArray:
    """[T] how far, in px, points leave the straight line between the frames before and after; NaN where one is missing.

    points: [T, N, 2], such as the corners of a face's box; NaN where there is no face. The second difference is divided
    by sqrt(6), so that independent noise of standard deviation s in x and y gives s sqrt(pi / 2) on average, and steady
    motion gives 0.
    """
    second = np.full(points.shape, np.nan)
    second[1:-1] = points[:-2] - 2 * points[1:-1] + points[2:]
    return np.linalg.norm(second, axis=-1).mean(1) / np.sqrt(6)


def _grey(picture: Picture) -> NDArray[np.uint8]:
    return cv2.cvtColor((np.clip(picture, 0, 1) * 255).astype(np.uint8), cv2.COLOR_RGB2GRAY).astype(np.uint8)
