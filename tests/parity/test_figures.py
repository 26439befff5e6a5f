"""A few numbers of every output of the published network, for machines that lack the reference arrays.

figures.json was written by these functions on the day that the same networks, with the same weights, reproduced the
reference arrays (the other files of this folder), so a change of any output shows here too. The picture is drawn by a
formula, and the UNet sees it at a side of 64, where a pass costs a sixteenth.
"""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from filled import filled, relative_error
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from dva.model.editing.attribute import edited_identity
from dva.model.encoders.landmarks import motion_code
from dva.model.encoders.published.parser import training_mask, video_mask
from dva.model.packs.pack import Networks
from dva.model.samplers import PATHS, PredictEps
from dva.model.schedule import TRAIN_STEPS, NoiseSchedule
from dva.model.training.losses import dva_losses

FIGURES = Path(__file__).with_name("figures.json")
KEPT = 8
SMALL = 64


def drawn(side: int) -> Tensor:
    """[2, 3, side, side] signed: two pictures of waves."""
    v, u = np.mgrid[:side, :side] / side
    planes = [np.cos(2 * np.pi * (k * u + (6 - k) * v) + k) * np.cos(9 * u * v + k) for k in range(6)]
    return torch.from_numpy(np.stack(planes).reshape(2, 3, side, side).astype(np.float32))


def some_of(output: Tensor) -> list[float]:
    """Eight numbers, evenly spread."""
    flat = output.flatten().float()
    return [round(float(value), 7) for value in flat[:: max(1, len(flat) // KEPT)][:KEPT]]


@pytest.fixture(scope="module")
def written() -> dict[str, list[float]]:
    return json.loads(FIGURES.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def z_face(networks: Networks) -> dict[str, Tensor]:
    """[1, 512] of the first picture, and the same edited."""
    codes = seen_by_encoders(networks)
    return {"original": codes["z_face"][:1], "edited": codes["z_face_edit"]}


@torch.no_grad()
def seen_by_encoders(networks: Networks) -> dict[str, Tensor]:
    crops = drawn(256)
    z_id, z_lnd, logits = networks.identity(crops), motion_code(networks.landmarks(crops)), networks.parser(crops)
    rep = z_id.mean(0, keepdim=True)
    step, mean = (filled(f"{name}.weight", (1, 512)) for name in ("step", "mean"))
    edited = F.normalize(edited_identity(rep, step, mean[0], filled("running_var", (512,))), dim=1)
    return {
        "z_id": z_id,
        "z_lnd": z_lnd,
        "z_face": networks.face_code(rep.expand(2, -1), z_lnd),
        "parser_logits": logits,
        "mask_shares": torch.stack([m(logits.argmax(1)).float().mean() for m in (training_mask, video_mask)]),
        "z_id_edit": edited,
        "z_face_edit": networks.face_code(edited, z_lnd[:1]),
    }


@torch.no_grad()
def seen_by_unet(unet: nn.Module, original: Tensor, edited: Tensor) -> dict[str, Tensor]:
    x0 = drawn(SMALL)[:1]

    def predictor(z: Tensor) -> PredictEps:
        return lambda x, t: unet(x, torch.full((len(x),), t), z)

    times = torch.tensor([0, 250, 999])
    eps = unet(x0.expand(3, -1, -1, -1), times, original.expand(3, -1))
    path, levels = PATHS["published"], PATHS["published"].levels(NoiseSchedule(), 5, TRAIN_STEPS)
    noise = path.encode(x0, levels, predictor(original))
    pictures = path.decode(noise.expand(2, -1, -1, -1), levels, predictor(torch.cat([original, edited])))
    draws = torch.from_numpy(np.random.default_rng(11).standard_normal((2, *x0.shape)).astype(np.float32))
    mask = (x0[:, :1] > 0).float()
    alpha_bar = torch.from_numpy(NoiseSchedule().alpha_bar()).float()
    losses = dva_losses(unet, x0, torch.tensor([600]), original, mask, draws, alpha_bar)
    return {
        **{f"eps_t{t}": e for t, e in zip(times.tolist(), eps, strict=True)},
        "xT_T5": noise,
        "recon_T5": pictures[0],
        "edited_T5": pictures[1],
        "losses": torch.stack([losses["simple"], losses["reg"]]),
    }


def test_encoders_and_edit(networks: Networks, written: dict[str, list[float]]) -> None:
    for name, output in seen_by_encoders(networks).items():
        assert relative_error(torch.tensor(some_of(output)), np.array(written[name])) < 1e-4, name


def test_unet_paths_and_losses(networks: Networks, z_face: dict[str, Tensor], written: dict[str, list[float]]) -> None:
    for name, output in seen_by_unet(networks.unet, **z_face).items():
        # A path multiplies what another processor rounds otherwise.
        assert relative_error(torch.tensor(some_of(output)), np.array(written[name])) < 1e-3, name
