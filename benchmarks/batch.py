"""Frames of many people side by side, up to their noise maps and down again, as clip codes take them one by one."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from dva.model.autoencoder import Autoencoder
from dva.model.editing.attribute import attribute_edit, edited_identity
from dva.model.predictor import within_range
from dva.model.samplers import PATHS, PredictEps, Solver


@dataclass(frozen=True)
class Frames:
    """Crops, and what the pack's encoders see in them: a row a frame, of any clips."""

    x0: Tensor
    """[N, 3, S, S] signed."""
    z_id: Tensor
    """[N, D], the mean of its clip."""
    z_lnd: Tensor
    """[N, 102]."""

    @classmethod
    def of(cls, autoencoder: Autoencoder, clips: list[Tensor]) -> "Frames":
        """clips: [T, 3, S, S] uint8 each."""
        seen = [autoencoder.perceive(crops, np.arange(len(crops))) for crops in clips]
        return cls(
            torch.cat(clips).float() / 127.5 - 1,
            torch.cat([s.z_id.expand(len(crops), -1) for s, crops in zip(seen, clips, strict=True)]),
            torch.cat([s.z_lnd for s in seen]),
        )

    def __getitem__(self, rows: Tensor) -> "Frames":
        return Frames(self.x0[rows], self.z_id[rows], self.z_lnd[rows])

    def __len__(self) -> int:
        return len(self.x0)


class Walk:
    """One solver at one number of steps: what Autoencoder does with a chunk, for frames that share no clip."""

    def __init__(self, autoencoder: Autoencoder, solver: Solver, steps: int) -> None:
        """UsageError where the solver cannot take these steps."""
        pack = autoencoder.pack
        self._autoencoder, self._path = autoencoder, PATHS[solver]
        self._levels = self._path.levels(pack.spec.schedule, steps, pack.defaults.start)
        self._alpha_bar = torch.from_numpy(pack.spec.schedule.alpha_bar()).float()

    @torch.no_grad()
    def up(self, frames: Frames) -> Tensor:
        """The noise maps [N, 3 * states, S, S] in half precision, as a code stores them."""
        parts = [self._path.encode(part.x0, self._levels, self._own(part)).half() for _, part in self._chunks(frames)]
        return torch.cat(parts)

    @torch.no_grad()
    def down(self, noise: Tensor, frames: Frames) -> Tensor:
        """x0 [N, 3, S, S] signed, residual not applied."""
        parts = [
            self._path.decode(noise[rows].float(), self._levels, self._own(part)) for rows, part in self._chunks(frames)
        ]
        return torch.cat(parts)

    @torch.no_grad()
    def edited(self, noise: Tensor, residual: Tensor, frames: Frames, edit: tuple[str, float]) -> Tensor:
        """x0 [N, 3, S, S] signed with an edit (name, strength), the residual [N, 3, S, S] applied."""
        pack, parts = self._autoencoder.pack, []
        for rows, part in self._chunks(frames):
            step = attribute_edit(pack, *edit, 1).step.expand(len(part), -1) * edit[1]
            z_id = edited_identity(part.z_id, step, pack.id_mean, pack.id_std)
            predict = self._autoencoder.predictor(z_id, part.z_lnd)
            if self._path.edit:
                parts.append(self._path.edit(part.x0, self._levels, self._own(part), predict))
            else:
                bounded = within_range(predict, self._alpha_bar)
                parts.append(self._path.decode(noise[rows].float(), self._levels, bounded) + residual[rows])
        return torch.cat(parts)

    def _own(self, part: Frames) -> PredictEps:
        return self._autoencoder.predictor(part.z_id, part.z_lnd)

    def _chunks(self, frames: Frames) -> Iterator[tuple[Tensor, Frames]]:
        for rows in torch.arange(len(frames)).split(self._autoencoder.chunk):
            yield rows, frames[rows]
