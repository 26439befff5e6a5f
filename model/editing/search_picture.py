"""What somebody who waits for a search looks at: the edit so far, and under it how the loss fell."""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

WIDTH = 256
"""Pixels that the picture has at least, so that a line can be read."""
PAPER, INK = 0.12, 0.9


def with_curve(picture: Tensor, losses: list[float]) -> Tensor:
    """[3, H + H // 4, H] in [0, 1]: a picture [3, S, S] in [0, 1], H = S or WIDTH, above the loss of each iteration.

    The chart spans the losses there are, the highest at its top, from the first iteration to the last.
    """
    side = max(picture.shape[-1], WIDTH)
    enlarged = F.interpolate(picture[None], size=(side, side), mode="bicubic", align_corners=False)[0].clamp(0, 1)
    chart = torch.from_numpy(_chart(np.array(losses), side // 4, side)).expand(3, -1, -1)
    return torch.cat([enlarged, chart.to(enlarged)], dim=1)


def _chart(values: np.ndarray, height: int, width: int) -> np.ndarray:
    """[height, width] float32: a line through some values, an eighth of the height left free above and below."""
    at = np.interp(np.linspace(0, len(values) - 1, width), np.arange(len(values)), values)
    spread = float(np.ptp(values)) or 1.0
    free = height // 8
    rows = (free + (values.max() - at) / spread * (height - 1 - 2 * free)).round()
    before = np.concatenate([rows[:1], rows[:-1]])
    top, bottom = np.minimum(rows, before), np.maximum(rows, before) + 1
    y = np.arange(height)[:, None]
    return np.where((y >= top) & (y <= bottom), INK, PAPER).astype(np.float32)
