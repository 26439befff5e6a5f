"""Training the published way on one's own footage, and the pack that comes of it (paper, section 4.1).

The encoders are those of a pack, and stay as they are: they need labels that a user does not have. What is trained is
the UNet and the face code, by L_simple + L_reg.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from ..encoders.face_code import FaceCode
from ..errors import ModelFilesError, UsageError
from ..packs.folder import write_pack
from ..packs.pack import FILES, FORMAT_VERSION, Attribute, Pack, PackSpec, spec_from_json
from ..predictor import eps_of
from ..schedule import TRAIN_STEPS, NoiseSchedule
from ..types import OnProgress, ignore_progress
from ..unet import UNet
from .augment import laid_out, signed
from .footage import Footage
from .loop import Losses, Plan, Run, train
from .losses import dva_losses
from .precision import mixed

SMALLEST_STD = 1e-4
"""Floor of the spread of z_id, for numbers that do not vary in the footage at all."""
PLAN = Plan(steps=1_000_000, rate=1e-4, decay=0.0, ema=0.9999, save_every=1000)
"""The paper's length; rate and average as in the code that it builds on (Preechakul et al. 2022)."""
BATCH = 16
"""The paper's."""


class OwnDenoiser(nn.Module):
    """UNet and face code, trained together and stored together."""

    def __init__(self, spec: PackSpec, encoders: Pack) -> None:
        super().__init__()
        self.unet = UNet(spec.unet)
        self.face_code = FaceCode(spec.id_dim, spec.unet.face_dim, spec.encoders.face_hidden)
        # Its inputs are standardised as in the pack whose encoders make them: one's own few people vary too little.
        self.face_code.mean.copy_(encoders.networks.face_code.mean)
        self.face_code.std.copy_(encoders.networks.face_code.std)
        self._alpha_bar = torch.from_numpy(spec.schedule.alpha_bar()).float()

    def forward(self, x: Tensor, t: Tensor, z_face: Tensor) -> Tensor:
        """x [B, 3, S, S], t [B] integer times, z_face [B, F] -> eps [B, 3, S, S]."""
        a = self._alpha_bar.to(x.device)[t][:, None, None, None]
        return eps_of(self.unet(x, t, z_face), x, a, self.unet.spec.prediction)


def own_spec(config: Mapping[str, Any], encoders: Pack) -> PackSpec:
    """The sizes to train: the UNet and schedule of a pack.json, the encoders of a pack.

    The UNet predicts eps, or v_rest where the config says so: folded pixels cannot carry the noise (predictor.fine_v).
    Raises ModelFilesError where the config is malformed, UsageError where it needs pictures of another side than the
    encoders see.
    """
    try:
        spec = spec_from_json({"name": "own", **config, "encoders": encoders.facts["encoders"]})
        with torch.device("meta"):
            UNet(spec.unet)
    except (ArithmeticError, AttributeError, IndexError, KeyError, RuntimeError, TypeError, ValueError) as error:
        raise ModelFilesError(
            f"the pack configuration is malformed ({error!r}); take a pack.json for a model"
        ) from error
    side = encoders.spec.resolution
    if not spec.resolution == spec.unet.resolution == side:
        raise UsageError(
            f"the configuration is for pictures of side {spec.resolution}, the encoders of {encoders.spec.name} see "
            f"{side}; name a pack with fitting encoders by --encoders"
        )
    return spec if spec.unet.prediction == "v_rest" else replace(spec, unet=replace(spec.unet, prediction="eps"))


def own_losses(
    network: nn.Module, footage: Footage, schedule: NoiseSchedule, batch: int, rng: torch.Generator
) -> Losses:
    """L_simple + L_reg on some pictures, each under two noises at one time."""
    assert isinstance(network, OwnDenoiser)
    rows = torch.randint(len(footage.images), (batch,), generator=rng)
    x0 = laid_out(signed(footage.images[rows]), network)
    t = torch.randint(TRAIN_STEPS, (batch,), generator=rng)
    noise = torch.randn(2, *x0.shape, generator=rng)
    torch.manual_seed(int(torch.randint(2**62, (), generator=rng)))  # dropout takes no generator, but must repeat too
    device = x0.device
    alpha_bar = torch.from_numpy(schedule.alpha_bar()).float()
    mask = footage.mask[rows][:, None].float()
    with mixed(device):
        z_face = network.face_code(footage.z_id[rows].to(device), footage.z_lnd[rows].to(device))
        return dva_losses(network, x0, t.to(device), z_face, mask.to(device), noise.to(device), alpha_bar.to(device))


@dataclass(frozen=True)
class OwnTraining:
    """What is trained, on what, and for how long."""

    footage: Footage
    spec: PackSpec
    encoders: Pack
    """Their pack."""
    plan: Plan
    batch: int = BATCH


def train_own(
    training: OwnTraining, checkpoint: Path, device: torch.device, on_progress: OnProgress = ignore_progress
) -> Run:
    """Train, or go on from the checkpoint, as model/training/loop.py does."""
    footage, schedule, batch = training.footage, training.spec.schedule, training.batch
    torch.manual_seed(training.plan.seed)
    network = OwnDenoiser(training.spec, training.encoders).to(device).to(memory_format=torch.channels_last)

    def loss_of(net: nn.Module, rng: torch.Generator) -> Losses:
        return own_losses(net, footage, schedule, batch, rng)

    return train(network, loss_of, training.plan, checkpoint, on_progress)


@dataclass(frozen=True)
class Table:
    """What attributes.safetensors and the attributes of pack.json hold."""

    attributes: tuple[Attribute, ...]
    directions: Tensor
    """[A, D]."""
    biases: Tensor
    """[A]."""
    mean: Tensor
    """[D]."""
    std: Tensor
    """[D]."""

    def tensors(self) -> dict[str, Tensor]:
        """As the file names them."""
        names = ("directions", "biases", "id_mean", "id_std")
        return dict(zip(names, (self.directions, self.biases, self.mean, self.std), strict=True))

    def facts(self) -> list[dict[str, Any]]:
        """As pack.json lists them."""
        return [{**asdict(attribute), "unit": round(attribute.unit, 4)} for attribute in self.attributes]


def statistics(z_id: Tensor) -> tuple[Tensor, Tensor]:
    """Mean [D] and standard deviation [D] of z_id [N, D], over all N."""
    return z_id.mean(0), z_id.std(0).clamp(min=SMALLEST_STD)


def moved_table(pack: Pack, z_id: Tensor) -> Table:
    """A pack's attributes in the normalised space of other people: z_id [N, D], of the same encoders.

    The classifiers say of every z_id what they said before, and strength 1 moves z_id as far as before.
    """
    mean, std = statistics(z_id)
    directions = pack.directions * std / pack.id_std
    biases = pack.biases + (pack.directions * ((mean - pack.id_mean) / pack.id_std)).sum(1)
    before = (F.normalize(pack.directions, dim=1) * pack.id_std).norm(dim=1)
    after = (F.normalize(directions, dim=1) * std).norm(dim=1)
    attributes = tuple(
        replace(attribute, unit=attribute.unit * ratio)
        for attribute, ratio in zip(pack.attributes, (before / after).tolist(), strict=True)
    )
    return Table(attributes, directions, biases, mean, std)


def write_own_pack(folder: Path, run: Run, training: OwnTraining) -> None:
    """Write the averaged network, the encoders and the attributes as a pack named like its folder."""
    spec, encoders, footage = training.spec, training.encoders, training.footage
    table = moved_table(encoders, footage.z_id)
    unet = {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(spec.unet).items()}
    solver = {"solver": encoders.defaults.solver, "steps": encoders.defaults.steps}
    facts = {
        "format_version": FORMAT_VERSION,
        "name": folder.name,
        "resolution": spec.resolution,
        "unet": unet,
        "schedule": asdict(spec.schedule),
        "encoders": encoders.facts["encoders"],
        # This training knows no pairs that would teach a late start, so decoding begins at the top, as in the paper.
        "defaults": {**solver, "start": TRAIN_STEPS, "guidance": 0.0},
        "attributes": table.facts(),
        "licence": f"yours; encoders and attributes: {encoders.facts.get('licence', 'none named')}",
        "training": {"pictures": len(footage.images), "steps": run.step, "encoders": encoders.spec.name},
    }
    write_pack(folder, facts, _contents(run.ema.state_dict(), encoders, table))


def write_pack_with(folder: Path, pack: Pack, table: Table, note: str) -> None:
    """Write a pack again with other attributes, under the name of its folder; it may replace itself."""
    facts = {key: value for key, value in pack.facts.items() if key != "files"}
    facts |= {"name": folder.name, "attributes": table.facts(), "attributes_from": note}
    state = pack.networks.state_dict()
    denoiser = {n: t for n, t in state.items() if n.startswith(("unet.", "face_code."))}
    write_pack(folder, facts, _contents(denoiser, pack, table))


def _contents(denoiser: Mapping[str, Tensor], encoders: Pack, table: Table) -> dict[str, dict[str, Tensor]]:
    state = encoders.networks.state_dict()
    kept = {n: t for n, t in state.items() if n.startswith(("identity.", "landmarks.", "parser."))}
    networks = [{n: _compact(t) for n, t in tensors.items()} for tensors in (denoiser, kept)]
    return dict(zip(FILES, (*networks, table.tensors()), strict=True))


def _compact(tensor: Tensor) -> Tensor:
    """In half precision where that loses nothing, as with weights that were stored so before."""
    if tensor.dtype != torch.float32:
        return tensor
    half = tensor.half()
    return half if torch.equal(half.float(), tensor) else tensor
