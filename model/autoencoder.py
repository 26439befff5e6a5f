"""The diffusion video autoencoder: a clip's crops to a ClipCode, and a ClipCode back to crops."""

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from .code import ClipCode, SourceFacts
from .editing.attribute import edited_identity, total_step, widest_region
from .encoders.landmarks import motion_code
from .encoders.parser import region_mask
from .errors import ModelFilesError, UsageError
from .packs.pack import Networks, Pack
from .samplers import PredictEps, ddim_decode, ddim_encode, fixed_point_encode, guided
from .schedule import TRAIN_STEPS
from .types import FaceTrack, OnProgress, Progress, ignore_progress

Solver = Literal["ddim", "fixed_point"]
SOLVERS: tuple[Solver, ...] = ("ddim", "fixed_point")
CHUNK = 16
"""Frames that go through the network together."""


@dataclass(frozen=True)
class Decoded:
    """What a decode gives for T frames, on the CPU."""

    difference: Tensor
    """[T, 3, S, S] float32: edited minus source, both in [0, 1]; exactly zero where nothing was edited."""
    mask: Tensor
    """[T, S, S] bool: the union of the source's and the edited crop's region; empty where nothing was edited."""


class Autoencoder:
    """A pack on a device."""

    def __init__(self, pack: Pack, device: torch.device) -> None:
        self.pack = pack
        self.device = device
        # A copy on any other device: two autoencoders of one pack must not pull its networks to and fro.
        networks = pack.networks if device.type == "cpu" else copy.deepcopy(pack.networks)
        self.networks: Networks = networks.to(device).to(memory_format=torch.channels_last)
        self._alpha_bar = torch.from_numpy(pack.spec.schedule.alpha_bar()).float()

    @torch.no_grad()
    def encode(
        self,
        crops: Tensor,
        track: FaceTrack,
        source: SourceFacts,
        steps: int | None = None,
        solver: Solver | None = None,
        on_progress: OnProgress = ignore_progress,
    ) -> ClipCode:
        """Encode the aligned crops of one person.

        crops: [T, 3, S, S] uint8; rows of frames that the track misses are ignored. steps: of a full path, 2 to 1000.
        Raises UsageError for a number of steps out of range or crops of another size.
        """
        defaults = self.pack.defaults
        steps = defaults.steps if steps is None else steps
        chosen = _solver(defaults.solver if solver is None else solver)
        self._check(crops, steps)
        usable = np.flatnonzero(track.usable())
        z_id, z_lnd, parsing = self._perceive(crops, usable, on_progress)
        levels = self.pack.spec.schedule.levels(steps, defaults.start)
        noise = torch.zeros(crops.shape, dtype=torch.float16)
        residual = torch.zeros_like(noise)
        for done, rows in _chunks(usable):
            on_progress(Progress("encode", done, len(usable)))
            x0 = self._signed(crops[rows])
            predict = self._predictor(z_id.expand(len(rows), -1), z_lnd[rows])
            x = ddim_encode(x0, levels, predict) if chosen == "ddim" else fixed_point_encode(x0, levels, predict)
            kept = x.half()
            again = ddim_decode(kept.float(), levels, predict)
            noise[rows] = kept.cpu()
            residual[rows] = (x0 - again).half().cpu()
        on_progress(Progress("encode", len(usable), len(usable)))
        return ClipCode(
            pack_name=self.pack.spec.name,
            pack_hash=self.pack.hash,
            solver=chosen,
            steps=steps,
            start=defaults.start,
            guidance=defaults.guidance,
            source=source,
            track=track,
            z_id=z_id,
            z_lnd=z_lnd,
            noise=noise,
            crops=crops,
            parsing=parsing,
            residual=residual,
        )

    @torch.no_grad()
    def decode(self, code: ClipCode, on_progress: OnProgress = ignore_progress) -> Decoded:
        """Decode a code with its edits. Frames whose edits are zero cost no network evaluation.

        Raises ModelFilesError when another pack made the code.
        """
        self._check_code(code)
        difference = torch.zeros(code.crops.shape)
        mask = torch.zeros(code.parsing.shape, dtype=torch.bool)
        edited = np.flatnonzero(code.edited_frames())
        for done, rows in _chunks(edited):
            on_progress(Progress("decode", done, len(edited)))
            x0 = self._decode_rows(code, rows)
            crops = code.crops[rows].float() / 255
            difference[rows] = ((x0.cpu() + 1) / 2).clamp(0, 1) - crops
            mask[rows] = self._region(code, rows, x0)
        on_progress(Progress("decode", len(edited), len(edited)))
        return Decoded(difference, mask)

    @torch.no_grad()
    def reconstruct(self, code: ClipCode) -> Tensor:
        """[T, 3, S, S] signed: decode of the unedited code without its residual, for measuring a solver."""
        out = torch.zeros(code.crops.shape)
        levels = self.pack.spec.schedule.levels(code.steps, code.start)
        for _, rows in _chunks(np.flatnonzero(code.track.usable())):
            predict = self._predictor(code.z_id.expand(len(rows), -1), code.z_lnd[rows])
            out[rows] = ddim_decode(self._moved(code.noise[rows]), levels, predict).cpu()
        return out

    def _decode_rows(self, code: ClipCode, rows: np.ndarray) -> Tensor:
        """[n, 3, S, S] signed: the edited crops, residual added."""
        levels = self.pack.spec.schedule.levels(code.steps, code.start)
        step = torch.stack([total_step(code.edits, slice(int(r), int(r) + 1))[0] for r in rows])
        z_id = edited_identity(code.z_id, step, self.pack.id_mean, self.pack.id_std)
        predict = self._predictor(z_id, code.z_lnd[rows])
        if code.guidance:
            original = self._predictor(code.z_id.expand(len(rows), -1), code.z_lnd[rows])
            predict = guided(predict, original, code.guidance)
        return ddim_decode(self._moved(code.noise[rows]), levels, predict) + self._moved(code.residual[rows])

    def _region(self, code: ClipCode, rows: np.ndarray, x0: Tensor) -> Tensor:
        """[n, S, S] bool: the edits' region in the source's crops or in the edited ones."""
        region, classes = widest_region(code.edits), self.pack.spec.parser_classes
        labels = self.networks.parser(self._laid_out(x0.clamp(-1, 1))).argmax(1).to(torch.uint8).cpu()
        return region_mask(code.parsing[rows], classes, region) | region_mask(labels, classes, region)

    def _perceive(self, crops: Tensor, usable: np.ndarray, on_progress: OnProgress) -> tuple[Tensor, Tensor, Tensor]:
        """z_id [D] over the clip, z_lnd [T, 102] and parsing [T, S, S] per frame."""
        nets = self.networks
        total = torch.zeros(self.pack.spec.id_dim)
        points = torch.zeros(len(crops), 68, 2)
        parsing = torch.zeros(len(crops), *crops.shape[2:], dtype=torch.uint8)
        for done, rows in _chunks(usable):
            on_progress(Progress("perceive", done, len(usable)))
            x = self._signed(crops[rows])
            total += nets.identity(x).sum(0).cpu()
            points[rows] = nets.landmarks(x).cpu()
            parsing[rows] = nets.parser(x).argmax(1).to(torch.uint8).cpu()
        on_progress(Progress("perceive", len(usable), len(usable)))
        return total / max(len(usable), 1), motion_code(points), parsing

    def _predictor(self, z_id: Tensor, z_lnd: Tensor) -> PredictEps:
        """The noise that the network sees in x, given one frame's codes a row."""
        nets, is_v = self.networks, self.pack.spec.unet.prediction == "v"
        z_face = nets.face_code(z_id.to(self.device), z_lnd.to(self.device))

        def predict(x: Tensor, t: int) -> Tensor:
            out = nets.unet(self._laid_out(x), torch.full((len(x),), t, device=x.device), z_face)
            if not is_v:
                return out
            alpha_bar = float(self._alpha_bar[t])
            return alpha_bar**0.5 * out + (1 - alpha_bar) ** 0.5 * x

        return predict

    def _check(self, crops: Tensor, steps: int) -> None:
        side = self.pack.spec.resolution
        if crops.dtype != torch.uint8 or tuple(crops.shape[1:]) != (3, side, side):
            raise UsageError(f"crops must be uint8 [T, 3, {side}, {side}], not {crops.dtype} {list(crops.shape)}")
        check_steps(steps)

    def _check_code(self, code: ClipCode) -> None:
        if code.pack_hash != self.pack.hash:
            raise ModelFilesError(
                f"this clip code was made by pack {code.pack_name} ({code.pack_hash[:12]}), not by "
                f"{self.pack.spec.name} ({self.pack.hash[:12]}); load that pack or encode the clip again"
            )

    def _signed(self, crops: Tensor) -> Tensor:
        return self._laid_out(crops.to(self.device).float() / 127.5 - 1)

    def _moved(self, stored: Tensor) -> Tensor:
        return stored.to(self.device).float()

    @staticmethod
    def _laid_out(x: Tensor) -> Tensor:
        return x.contiguous(memory_format=torch.channels_last)


def check_steps(steps: int) -> None:
    """UsageError for a number of steps that no path can have."""
    if not 2 <= steps <= TRAIN_STEPS:
        raise UsageError(f"steps must lie between 2 and {TRAIN_STEPS}, not {steps}")


def _chunks(rows: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """(how many came before, the next rows)."""
    for first in range(0, len(rows), CHUNK):
        yield first, rows[first : first + CHUNK]


def _solver(name: str) -> Solver:
    for solver in SOLVERS:
        if solver == name:
            return solver
    raise UsageError(f"no solver {name!r}; choose one of {', '.join(SOLVERS)}")
