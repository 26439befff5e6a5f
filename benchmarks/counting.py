"""How often a network is evaluated, and what time that takes."""

import time
from dataclasses import dataclass

from torch import Tensor

from dva.model.autoencoder import Autoencoder
from dva.model.samplers import PredictEps


@dataclass(frozen=True)
class Spent:
    """Seconds by the clock, and of the processor, all its threads together."""

    wall: float
    cpu: float

    @classmethod
    def so_far(cls) -> "Spent":
        """Since some moment in the past."""
        return cls(time.perf_counter(), time.process_time())

    def until_now(self) -> "Spent":
        """Between this moment and now."""
        now = Spent.so_far()
        return Spent(now.wall - self.wall, now.cpu - self.cpu)


class Evaluations:
    """Counts an autoencoder's evaluations from now on, each frame of a chunk by itself."""

    def __init__(self, autoencoder: Autoencoder) -> None:
        self.frames = 0
        self._predictor = autoencoder.predictor
        autoencoder.predictor = self._counting

    def _counting(self, z_id: Tensor, z_lnd: Tensor) -> PredictEps:
        predict = self._predictor(z_id, z_lnd)

        def counted(x: Tensor, t: int, rows: Tensor | None = None) -> Tensor:
            self.frames += len(x)
            return predict(x, t, rows)

        return counted

    def taken(self) -> int:
        """The count, which begins anew."""
        count, self.frames = self.frames, 0
        return count
