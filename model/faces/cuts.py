"""Where a new shot begins, said frame by frame from a few hundred cells of each picture."""

from collections import deque
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..types import ByteArray

COLUMNS, ROWS = 32, 18
"""Cells to which a picture is reduced."""
SHIFT = 2
"""A camera may jolt by this many cells from one frame to the next."""
CHANGED = 12.0
"""A cell changed when its mean colour did by this much of 255."""
CHANGED_CELLS = 0.6
"""A cut changes at least this part of the picture: a wall that goes dark behind half of it is no cut."""
ABOVE_HABIT = 3.0
"""A cut changes the picture by this many times as much as the frames before it did."""
HABIT = 12
"""Frames that make the habit."""
FLASH = 3
"""Frames after which a picture that came back shows that there was a flash and no cut."""


class CutFinder:
    """Looks at every frame of a clip once, in order. Fades and dissolves have no frame at which they happen: none."""

    def __init__(self) -> None:
        self.cuts: list[int] = []
        """First frame of every shot but the first."""
        self._count = 0
        self._steps: deque[float] = deque(maxlen=HABIT)
        self._pictures: deque[NDArray[np.float32]] = deque(maxlen=FLASH + 1)

    def add(self, image: ByteArray) -> bool:
        """Say whether a new shot begins with this frame [H, W, 3]; a cut that turns out a flash is taken back."""
        cells = _cells(image)
        index, self._count = self._count, self._count + 1
        is_cut = False
        if self._pictures:
            change = _change(self._pictures[-1], cells)
            is_cut = self._is_cut(change) and not self._came_back(cells, index)
            if is_cut:
                self.cuts.append(index)
            else:
                self._steps.append(float(change.mean()))
        self._pictures.append(cells)
        return is_cut

    def packed(self) -> dict[str, NDArray[Any]]:
        """Arrays from which `unpack` brings another finder to the same point."""
        return {
            "cuts": np.array([self._count, *self.cuts], np.int64),
            "steps": np.array(self._steps, np.float64),
            "pictures": np.array(self._pictures, np.float32).reshape(-1, ROWS, COLUMNS, 3),
        }

    def unpack(self, arrays: dict[str, NDArray[Any]]) -> None:
        """Go on where another finder was."""
        self._count, *self.cuts = arrays["cuts"].tolist()
        self._steps.extend(arrays["steps"].tolist())
        self._pictures.extend(picture.copy() for picture in arrays["pictures"])

    def _is_cut(self, change: NDArray[np.float32]) -> bool:
        habit = float(np.mean(self._steps)) if self._steps else 0.0
        most = (change > CHANGED).mean() >= CHANGED_CELLS
        return bool(most) and float(change.mean()) > ABOVE_HABIT * habit

    def _came_back(self, cells: NDArray[np.float32], index: int) -> bool:
        """Say whether the picture is again what it was before a cut a moment ago; then that was none."""
        for number, cut in enumerate(self.cuts[-FLASH:], max(len(self.cuts) - FLASH, 0)):
            age = index - cut
            if age <= FLASH and (_change(self._pictures[-age - 1], cells) > CHANGED).mean() < CHANGED_CELLS:
                del self.cuts[number:]
                return True
        return False


def _cells(image: ByteArray) -> NDArray[np.float32]:
    """Mean colours [ROWS, COLUMNS, 3] of the picture's cells."""
    import cv2  # noqa: PLC0415 - heavy

    step = max(1, min(image.shape[0] // (8 * ROWS), image.shape[1] // (8 * COLUMNS)))
    sparse = np.ascontiguousarray(image[::step, ::step])
    return cv2.resize(sparse, (COLUMNS, ROWS), interpolation=cv2.INTER_AREA).astype(np.float32)


def _change(before: NDArray[np.float32], after: NDArray[np.float32]) -> NDArray[np.float32]:
    """By how much each cell's colour changed, at the shift of the camera that explains most of it."""
    inside = slice(SHIFT, -SHIFT)
    middle = after[inside, inside]
    shifts = [
        np.abs(middle - before[SHIFT + dy : ROWS - SHIFT + dy, SHIFT + dx : COLUMNS - SHIFT + dx]).mean(axis=-1)
        for dy in range(-SHIFT, SHIFT + 1)
        for dx in range(-SHIFT, SHIFT + 1)
    ]
    return min(shifts, key=lambda change: float(change.mean()))
