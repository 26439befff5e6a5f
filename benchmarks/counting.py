"""How often a network is evaluated."""

from torch import Tensor

from dva.model.autoencoder import Autoencoder
from dva.model.samplers import PredictEps


class Evaluations:
    """Counts an autoencoder's evaluations from now on, each frame of a chunk by itself."""

    def __init__(self, autoencoder: Autoencoder) -> None:
        self.frames = 0
        self._predictor = autoencoder.predictor
        autoencoder.predictor = self._counting

    def _counting(self, z_id: Tensor, z_lnd: Tensor) -> PredictEps:
        predict = self._predictor(z_id, z_lnd)

        def counted(x: Tensor, t: int) -> Tensor:
            self.frames += len(x)
            return predict(x, t)

        return counted

    def taken(self) -> int:
        """The count, which begins anew."""
        count, self.frames = self.frames, 0
        return count
