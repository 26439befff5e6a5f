"""The diffusion video autoencoder: a clip's crops to a ClipCode, and a ClipCode back to crops."""

import copy
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from torch import Tensor

from .code import ClipCode, SourceFacts
from .editing.attribute import edited_identity, total_step
from .encoders.landmarks import LND_DIM, motion_code
from .encoders.parser import TINTED, region_mask
from .errors import UsageError
from .heap import kept_heap
from .packs.pack import Networks, Pack
from .parts import Decoded, DecodedRows, Encoded, Perceived, mean_identity
from .predictor import Precision, fast_at, multiplying_in, predictor, within_range
from .samplers import PATHS, PredictEps, Solver, guided, solver_named, x0_from_eps
from .schedule import TRAIN_STEPS
from .twins import Twins
from .types import FaceTrack, OnProgress, Progress, Region, ignore_progress

Preview = Callable[[], Tensor]
Look = Callable[[Preview | None], None]
"""Called before each evaluation of the network with what makes a picture, if there is one yet."""
CHUNK = 16
"""Most frames that go through the network together."""
CHUNK_PIXELS = 2**18
"""Most pixels, all frames together: four crops of side 256."""


class Autoencoder:
    """A pack on a device."""

    def __init__(self, pack: Pack, device: torch.device, precision: Precision | None = None) -> None:
        self.pack = pack
        self.device = device
        # A copy on any other device: two autoencoders of one pack must not pull its networks to and fro.
        networks = pack.networks if device.type == "cpu" else copy.deepcopy(pack.networks)
        self.networks: Networks = networks.to(device).to(memory_format=torch.channels_last)
        wanted: Precision = pack.defaults.precision if fast_at(pack.defaults.precision, device) else "float32"
        self.precision: Precision = wanted if precision is None else precision
        """The pack's own where the device has instructions for it, unless the caller says otherwise."""
        self._unet = multiplying_in(self.precision, self.networks.unet)
        self._alpha_bar = torch.from_numpy(pack.spec.schedule.alpha_bar()).float()
        self.chunk = min(CHUNK, max(1, CHUNK_PIXELS // pack.spec.resolution**2))
        """Frames that go through the networks together; a caller that meets a lack of memory may lower it."""

    def begin(
        self, track: FaceTrack, source: SourceFacts, steps: int | None = None, solver: Solver | None = None
    ) -> ClipCode:
        """A code without pictures: zeros that take no memory, to be replaced. steps: of a full path, 2 to 1000.

        Raises UsageError for a number of steps out of range.
        """
        defaults, spec = self.pack.defaults, self.pack.spec
        steps = defaults.steps if steps is None else steps
        chosen = solver_named(defaults.solver if solver is None else solver)
        check_steps(steps)
        PATHS[chosen].levels(spec.schedule, steps, defaults.start)  # some paths refuse more
        frames, square = len(track), (spec.resolution, spec.resolution)
        return ClipCode(
            pack_name=spec.name,
            pack_hash=self.pack.hash,
            solver=chosen,
            steps=steps,
            start=defaults.start,
            guidance=defaults.guidance,
            source=source,
            track=track,
            z_id=torch.zeros(spec.id_dim),
            z_lnd=torch.zeros(1).expand(frames, LND_DIM),
            noise=torch.zeros(1, dtype=torch.float16).expand(frames, 3 * PATHS[chosen].states, *square),
            crops=torch.zeros(1, dtype=torch.uint8).expand(frames, 3, *square),
            parsing=torch.zeros(1, dtype=torch.uint8).expand(frames, *square),
            residual=torch.zeros(1, dtype=torch.float16).expand(frames, 3, *square),
        )

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
        blank = self.begin(track, source, steps, solver)
        self._check(crops)
        seen = self.perceive(crops, np.flatnonzero(track.usable()), on_progress)
        code = replace(blank, crops=crops, z_id=seen.z_id, z_lnd=seen.z_lnd, parsing=seen.parsing)
        noise, residual = (torch.zeros(blank.shape, dtype=blank.dtype) for blank in (code.noise, code.residual))
        for part in self.encoded(code, on_progress):
            noise[part.rows], residual[part.rows] = part.noise, part.residual
        return replace(code, noise=noise, residual=residual)

    @torch.no_grad()
    def encoded(self, code: ClipCode, on_progress: OnProgress = ignore_progress, begin: int = 0) -> Iterator[Encoded]:
        """Encode a code that has crops, identity and motion, chunk by chunk; equal crops are encoded once.

        begin: an earlier run's `done`; with chunks of the same size what follows is the same bit for bit.
        """
        path = PATHS[solver_named(code.solver)]
        levels = path.levels(self.pack.spec.schedule, code.steps, code.start)
        twins = Twins.among(np.flatnonzero(code.track.usable()), code.crops)
        for done, rows in self._chunks(twins.firsts, begin):
            look = partial(_tell, on_progress, Progress("encode", done, len(twins.firsts)))
            x0 = self._signed(code.crops[rows])
            predict = self._watched(self.predictor(code.z_id.expand(len(rows), -1), code.z_lnd[rows]), look)
            with kept_heap():
                noise = path.encode(x0, levels, predict).half()
                residual = (x0 - path.decode(noise.float(), levels, predict)).half()
            members, source = twins.of(done, len(rows))
            yield Encoded(done + len(rows), members, noise.cpu()[source], residual.cpu()[source])
        on_progress(Progress("encode", len(twins.firsts), len(twins.firsts)))

    @torch.no_grad()
    def decode(self, code: ClipCode, on_progress: OnProgress = ignore_progress) -> Decoded:
        """Decode a code with its edits and exchanged features. Frames that have neither cost no network evaluation.

        Raises ModelFilesError when another pack made the code.
        """
        difference = torch.zeros(code.crops.shape)
        mask = torch.zeros(code.parsing.shape, dtype=torch.bool)
        for part in self.decoded(code, on_progress):
            difference[part.rows], mask[part.rows] = part.difference, part.mask
        return Decoded(difference, mask)

    @torch.no_grad()
    def decoded(
        self, code: ClipCode, on_progress: OnProgress = ignore_progress, begin: int = 0
    ) -> Iterator[DecodedRows]:
        """Decode the frames that are edited, chunk by chunk; equal frames with equal edits are decoded once.

        begin: an earlier run's `done`; with chunks of the same size what follows is the same bit for bit. Raises
        ModelFilesError when another pack made the code.
        """
        code.check_pack(self.pack)
        edited = np.flatnonzero(code.edited_frames())
        strengths = [torch.from_numpy(edit.strength)[:, None] for edit in code.edits]
        twins = Twins.among(edited, code.crops, code.parsing, code.noise, code.residual, code.z_lnd, *strengths)
        for done, rows in self._chunks(twins.firsts, begin):
            look = partial(_tell, on_progress, Progress("decode", done, len(twins.firsts)))
            x0 = self._decode_rows(code, rows, look, with_residual=True)
            crops = code.crops[rows].float() / 255
            difference = ((x0.cpu() + 1) / 2).clamp(0, 1) - crops
            members, source = twins.of(done, len(rows))
            yield DecodedRows(done + len(rows), members, difference[source], self._region(code, rows, x0)[source])
        on_progress(Progress("decode", len(twins.firsts), len(twins.firsts)))

    @torch.no_grad()
    def reconstruct(self, code: ClipCode) -> Tensor:
        """[T, 3, S, S] signed: what the code decodes to, edits included and without its residual; 0 where no face is.

        For measuring, and for exchanging features: the code may hold another clip's identity, motion or noise.
        Raises ModelFilesError when another pack made the code.
        """
        code.check_pack(self.pack)
        out = torch.zeros(code.crops.shape)
        for _, rows in self._chunks(np.flatnonzero(code.track.usable())):
            out[rows] = self._decode_rows(code, rows).cpu()
        return out

    def perceive(self, crops: Tensor, usable: np.ndarray, on_progress: OnProgress = ignore_progress) -> Perceived:
        """What the encoders make of some frames of a clip. crops: [T, 3, S, S] uint8. usable: numbers of the frames."""
        identity = torch.zeros(len(crops), self.pack.spec.id_dim)
        z_lnd = torch.zeros(len(crops), LND_DIM)
        parsing = torch.zeros(len(crops), *crops.shape[2:], dtype=torch.uint8)
        for done, rows in self._chunks(usable):
            on_progress(Progress("perceive", done, len(usable)))
            identity[rows], z_lnd[rows], parsing[rows] = self.look_at(crops[rows])
        on_progress(Progress("perceive", len(usable), len(usable)))
        return Perceived(mean_identity(identity, usable), z_lnd, parsing)

    @torch.no_grad()
    def look_at(self, crops: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """What the encoders see in n crops [n, 3, S, S] uint8: identity [n, D], z_lnd [n, 102], parsing [n, S, S]."""
        nets, x = self.networks, self._signed(crops)
        labels = nets.parser(x).argmax(1).to(torch.uint8)
        return nets.identity(x).cpu(), motion_code(nets.landmarks(x).cpu()), labels.cpu()

    def predictor(self, z_id: Tensor, z_lnd: Tensor) -> PredictEps:
        """The noise that the network sees in x, given one frame's codes a row: z_id [n, D], z_lnd [n, 102]."""
        z_face = self.networks.face_code(z_id.to(self.device), z_lnd.to(self.device))
        return predictor(self._unet, z_face, self._alpha_bar)

    def _decode_rows(
        self, code: ClipCode, rows: np.ndarray, look: Look = lambda _: None, *, with_residual: bool = False
    ) -> Tensor:
        """[n, 3, S, S] signed: the crops that noise, motion and the edited identity decode to.

        A path that edits beside the source begins with the crops themselves where they and the residual are asked for,
        and with what the noise map decodes to where motion or noise was exchanged.
        """
        path = PATHS[solver_named(code.solver)]
        levels = path.levels(self.pack.spec.schedule, code.steps, code.start)
        pictured = code.pictured_id() if path.edit else None
        own = self.predictor((code.z_id if pictured is None else pictured).expand(len(rows), -1), code.z_lnd[rows])

        def walked(predict: PredictEps) -> Tensor:
            x0 = path.decode(self._moved(code.noise[rows]), levels, self._watched(predict, look))
            return x0 + self._moved(code.residual[rows]) if with_residual else x0

        with kept_heap():
            taken = pictured is not None and bool(code.exchanged)
            if not code.edits and not taken:
                return walked(own)
            edited = self._edited(code, rows, own)
            if not path.edit:
                return walked(within_range(edited, self._alpha_bar))
            from_crops = with_residual and pictured is not None
            source = self._signed(code.crops[rows]) if from_crops else walked(own)
            unseen = self._watched(own, lambda _: look(None))  # a preview shows the edit
            return path.edit(source, levels, unseen, self._watched(edited, look))

    def _edited(self, code: ClipCode, rows: np.ndarray, own: PredictEps) -> PredictEps:
        """The noise that the network sees with the edited identity, beyond it where the code says so."""
        z_id = code.z_id.expand(len(rows), -1)
        if code.edits:
            z_id = edited_identity(z_id, total_step(code.edits, rows), self.pack.id_mean, self.pack.id_std)
        edited = self.predictor(z_id, code.z_lnd[rows])
        return guided(edited, own, code.guidance) if code.guidance else edited

    def _region(self, code: ClipCode, rows: np.ndarray, x0: Tensor) -> Tensor:
        """[n, S, S] bool: what may change, in the source's crops and, where shapes change, in the edited ones too."""
        regions, classes = code.regions(), self.pack.spec.parser_classes
        mask = region_mask(code.parsing[rows], classes, *regions)
        shapes: list[Region] = [region for region in regions if region not in TINTED]
        if not shapes:
            return mask
        labels = self.networks.parser(self._laid_out(x0.clamp(-1, 1))).argmax(1).to(torch.uint8).cpu()
        return mask | region_mask(labels, classes, *shapes)

    def _check(self, crops: Tensor) -> None:
        side = self.pack.spec.resolution
        if crops.dtype != torch.uint8 or tuple(crops.shape[1:]) != (3, side, side):
            raise UsageError(f"crops must be uint8 [T, 3, {side}, {side}], not {crops.dtype} {list(crops.shape)}")

    def _signed(self, crops: Tensor) -> Tensor:
        return self._laid_out(crops.to(self.device).float() / 127.5 - 1)

    def _moved(self, stored: Tensor) -> Tensor:
        return stored.to(self.device).float()

    def _chunks(self, rows: np.ndarray, begin: int = 0) -> Iterator[tuple[int, np.ndarray]]:
        """(how many came before, the next rows), from number `begin` on."""
        for first in range(begin, len(rows), self.chunk):
            yield first, rows[first : first + self.chunk]

    def _watched(self, predict: PredictEps, look: Look) -> PredictEps:
        """Call `look` before every prediction, so that whoever wants us to stop waits for one evaluation and no longer.

        It is given what makes a picture of the first row, as the last prediction that held it implied it.
        """
        preview: Preview | None = None

        def watched(x: Tensor, t: int, rows: Tensor | None = None) -> Tensor:
            nonlocal preview
            look(preview)
            eps = predict(x, t, rows)
            if rows is None or rows[0] == 0:
                preview = partial(_implied, x[0], eps[0], float(self._alpha_bar[t]))
            return eps

        return watched

    @staticmethod
    def _laid_out(x: Tensor) -> Tensor:
        return x.contiguous(memory_format=torch.channels_last)


def _implied(x: Tensor, eps: Tensor, alpha_bar: float) -> Tensor:
    """[3, S, S] in [0, 1]: the clean picture that one row of x and eps imply."""
    return ((x0_from_eps(x, eps, alpha_bar) + 1) / 2).clamp(0, 1).cpu()


def _tell(on_progress: OnProgress, progress: Progress, preview: Preview | None) -> None:
    on_progress(replace(progress, preview=preview))


def check_steps(steps: int) -> None:
    """UsageError for a number of steps that no path can have."""
    if not 2 <= steps <= TRAIN_STEPS:
        raise UsageError(f"steps must lie between 2 and {TRAIN_STEPS}, not {steps}")
