"""The published UNet, up and down the reference's path, and its training losses.

About twenty passes at 256 x 256: each is made once, and each test looks at one result.
"""

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from filled import relative_error
from torch import Tensor

from dva.model.autoencoder import Autoencoder
from dva.model.encoders.landmarks import motion_code
from dva.model.encoders.published.parser import training_mask
from dva.model.packs.pack import Networks
from dva.model.samplers import PATHS, PredictEps
from dva.model.schedule import TRAIN_STEPS, NoiseSchedule
from dva.model.training.losses import dva_losses

FLOAT32 = 1e-4
STEPS = 5
LEVELS = PATHS["published"].levels(NoiseSchedule(), STEPS, TRAIN_STEPS)


@dataclass(frozen=True)
class Journey:
    """One picture on its way up and down."""

    eps: dict[int, Tensor]
    """By time, as seen in the clean picture."""
    noise: Tensor
    """x_T."""
    reconstruction: Tensor
    edited: Tensor


@pytest.fixture(scope="module")
def z_face(networks: Networks, crops: Tensor) -> Tensor:
    """[2, 512] of the first picture: with the identity of both, as in a clip, and with its own, as in training."""
    with torch.no_grad():
        z_id = networks.identity(crops)
        z_lnd = motion_code(networks.landmarks(crops[:1]))
        return networks.face_code(torch.stack([z_id.mean(0), z_id[0]]), z_lnd.expand(2, -1))


@pytest.fixture(scope="module")
def journey(networks: Networks, autoencoder: Autoencoder, crops: Tensor, z_face: Tensor, golden) -> Journey:
    eps: dict[int, Tensor] = {}

    def predictor(z: Tensor) -> PredictEps:
        def predict(x: Tensor, t: int) -> Tensor:
            seen = networks.unet(x, torch.full((len(x),), t), z)
            eps.setdefault(t, seen)  # the way up begins with the clean picture at time 0
            return seen

        return predict

    x0, path = crops[:1], PATHS["published"]
    with torch.no_grad():
        noise = path.encode(x0, LEVELS, predictor(z_face[:1]))
        both = torch.cat([z_face[:1], torch.from_numpy(golden["z_face_edit"])])
        reconstruction, edited = path.decode(noise.expand(2, -1, -1, -1), LEVELS, predictor(both)).split(1)
        # The other two times by the public road.
        predict = autoencoder.predictor(*(torch.from_numpy(golden[name][:1]) for name in ("z_id_rep", "z_lnd")))
        eps |= {t: predict(x0, t) for t in (250, 999)}
    return Journey(eps, noise, reconstruction, edited)


@pytest.mark.parametrize("t", [0, 250, 999])
def test_noise_seen_in_the_clean_picture(journey: Journey, golden, t: int) -> None:
    assert relative_error(journey.eps[t], golden[f"eps_t{t}"]) < FLOAT32


def test_noise_map(journey: Journey, golden) -> None:
    assert relative_error(journey.noise, golden["xT_T5"]) < FLOAT32


def test_reconstruction(journey: Journey, golden) -> None:
    assert relative_error(journey.reconstruction, golden["recon_T5"]) < FLOAT32


def test_edited_decode(journey: Journey, golden) -> None:
    assert relative_error(journey.edited, golden["edited_T5"]) < FLOAT32
    assert relative_error(journey.edited, golden["recon_T5"]) > FLOAT32


@pytest.mark.parametrize("row", [0, 1])
def test_both_losses(networks: Networks, crops: Tensor, z_face: Tensor, golden, row: int) -> None:
    x0 = crops[:1]
    rng = np.random.default_rng(int(golden["noise_seed"]))
    noise = torch.from_numpy(rng.standard_normal((2, *x0.shape)).astype(np.float32))
    t = torch.from_numpy(golden["t"])[row : row + 1]
    with torch.no_grad():
        mask = training_mask(networks.parser(x0).argmax(1, keepdim=True))
        alpha_bar = torch.from_numpy(NoiseSchedule().alpha_bar()).float()
        losses = dva_losses(networks.unet, x0, t, z_face[1:], mask, noise, alpha_bar)
    for name in ("simple", "reg"):
        assert float(losses[name]) == pytest.approx(float(golden[name][row]), rel=FLOAT32)
