from fractions import Fraction

import numpy as np
import pytest
import torch
from tiny import SIDE, tiny_pack

from dva.model.autoencoder import Autoencoder
from dva.model.blocks import Modulation
from dva.model.code import SourceFacts
from dva.model.packs.pack import Pack
from dva.model.predictor import FINE, fine_v, multiplying_in, predictor, whole_v, within_range
from dva.model.types import FaceTrack

ROWS = 3
ALPHA_BAR = torch.linspace(0.999, 0.01, 1000)


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Pack:
    return tiny_pack(tmp_path_factory.mktemp("packs") / "tiny")


@pytest.fixture
def x() -> torch.Tensor:
    return torch.randn(ROWS, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def z_face(pack: Pack) -> torch.Tensor:
    dim = pack.spec.unet.face_dim
    return torch.randn(ROWS, dim, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("t", [0, 400, 999])
@torch.no_grad()
def test_eps_and_the_implied_picture_agree_with_v(pack: Pack, x: torch.Tensor, z_face: torch.Tensor, t: int):
    """v = sqrt(a) eps - sqrt(1 - a) x0 of x = sqrt(a) x0 + sqrt(1 - a) eps (Salimans and Ho 2022)."""
    unet, signal = pack.networks.unet, float(ALPHA_BAR[t])
    eps = predictor(unet, z_face, ALPHA_BAR)(x, t)
    x0 = (x - (1 - signal) ** 0.5 * eps) / signal**0.5
    v = unet(x, torch.full((ROWS,), t), z_face)
    torch.testing.assert_close(signal**0.5 * eps - (1 - signal) ** 0.5 * x0, v, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("signal", [0.999, 0.9, 0.3])
def test_fine_detail_is_estimated_with_the_least_squared_error(signal: float):
    """Second route: fit v to x by least squares over pictures that hold nothing but detail of that strength."""
    rng = torch.Generator().manual_seed(0)
    x0, eps = FINE * torch.randn(40, 3, 32, 32, generator=rng), torch.randn(40, 3, 32, 32, generator=rng)
    x, v = signal**0.5 * x0 + (1 - signal) ** 0.5 * eps, signal**0.5 * eps - (1 - signal) ** 0.5 * x0
    fine = x - x.unflatten(3, (16, 2)).unflatten(2, (16, 2)).mean((3, 5)).repeat_interleave(2, 2).repeat_interleave(
        2, 3
    )
    gain = float((fine * v).sum() / fine.square().sum())
    torch.testing.assert_close(fine_v(x, signal), gain * fine, rtol=0.02, atol=1e-4)


def test_the_linear_estimate_says_nothing_of_coarse_pictures_and_belongs_to_v_rest_alone(x: torch.Tensor):
    coarse = x.repeat_interleave(2, 2).repeat_interleave(2, 3)
    assert fine_v(coarse, 0.5).abs().max() < 1e-6
    assert torch.equal(whole_v(x, x, 0.5, "v"), x)
    torch.testing.assert_close(whole_v(x, x, 0.5, "v_rest"), x + fine_v(x, 0.5))


@torch.no_grad()
def test_conditions_are_read_once(pack: Pack, x: torch.Tensor, z_face: torch.Tensor, monkeypatch):
    reads: list[Modulation] = []
    read = Modulation.forward

    def counted(self: Modulation, condition: torch.Tensor):
        reads.append(self)
        return read(self, condition)

    monkeypatch.setattr(Modulation, "forward", counted)
    predict = predictor(pack.networks.unet, z_face, ALPHA_BAR)
    for t in (10, 10, 500, 10):
        predict(x, t)
    blocks = len(set(reads)) // 2
    assert blocks > 0
    assert len(reads) == blocks * (1 + 2)  # the faces once, each of two times once


@torch.no_grad()
def test_some_rows_are_seen_with_their_own_faces(pack: Pack, x: torch.Tensor, z_face: torch.Tensor):
    predict = predictor(pack.networks.unet, z_face, ALPHA_BAR)
    rows = torch.tensor([ROWS - 1, 0])
    torch.testing.assert_close(predict(x[rows], 300, rows), predict(x, 300)[rows], rtol=1e-4, atol=1e-5)


def test_gradients_reach_the_face_through_any_number_of_calls_and_no_weights(
    pack: Pack, x: torch.Tensor, z_face: torch.Tensor
):
    z_face.requires_grad_()
    predict = predictor(pack.networks.unet, z_face, ALPHA_BAR)
    for _ in range(2):  # a graph that held what the times say would be gone by the second turn
        predict(x, 300).square().sum().backward(retain_graph=True)
    assert z_face.grad is not None
    assert z_face.grad.abs().sum() > 0
    time = pack.networks.unet.time_in.weight
    assert time.grad is None or not time.grad.any()
    pack.networks.zero_grad()


@torch.no_grad()
def test_bfloat16_rounds_products_only_and_leaves_the_pack_alone(pack: Pack, x: torch.Tensor, z_face: torch.Tensor):
    unet = pack.networks.unet
    fast = multiplying_in("bfloat16", unet)
    assert multiplying_in("float32", unet) is unet
    assert {p.dtype for p in unet.parameters()} == {torch.float32}
    exact, rounded = predictor(unet, z_face, ALPHA_BAR)(x, 300), predictor(fast, z_face, ALPHA_BAR)(x, 300)
    assert rounded.dtype == torch.float32
    error = float((rounded - exact).norm() / exact.norm())
    throughout = multiplying_in("bfloat16", unet).bfloat16()
    coarse = throughout(x.bfloat16(), torch.full((ROWS,), 300), z_face.bfloat16()).float()
    v = unet(x, torch.full((ROWS,), 300), z_face)
    assert 0 < error < float((coarse - v).norm() / v.norm()) < 0.1


@torch.no_grad()
def test_a_clip_encoded_in_one_precision_decodes_in_another(pack: Pack):
    """The stored residual belongs to one arithmetic; another's rounding must not show."""
    exact, fast = (Autoencoder(pack, torch.device("cpu"), precision) for precision in ("float32", "bfloat16"))
    quads = np.tile(np.array([[0, 0], [0, SIDE], [SIDE, SIDE], [SIDE, 0]], float), (ROWS, 1, 1))
    status, confidence = np.zeros(ROWS, np.uint8), np.ones(ROWS)
    track = FaceTrack(quads, np.zeros((ROWS, 5, 2)), status, confidence, (SIDE, SIDE), Fraction(24))
    facts = SourceFacts("clip.mp4", (SIDE, SIDE), Fraction(24), ROWS)
    crops = torch.randint(0, 256, (ROWS, 3, SIDE, SIDE), dtype=torch.uint8, generator=torch.Generator().manual_seed(2))
    source = crops.float() / 127.5 - 1
    for encoder, decoder in ((exact, fast), (fast, exact)):
        code = encoder.encode(crops, track, facts, solver="anderson")
        again = decoder.reconstruct(code) + code.residual.float()
        assert (again - source).abs().mean() < 2 / 255
        own = encoder.reconstruct(code) + code.residual.float()
        assert (own - source).abs().max() < 2e-3


@pytest.mark.parametrize("t", [20, 400, 900])
def test_a_bounded_prediction_implies_the_nearest_picture_in_range(x: torch.Tensor, t: int):
    """By the definition of eps: x = sqrt(a) x0 + sqrt(1 - a) eps, with x0 far beyond white on purpose."""
    signal = float(ALPHA_BAR[t])
    x0 = torch.linspace(-3, 3, x.numel()).reshape(x.shape)

    def predict(x: torch.Tensor, t: int, rows: torch.Tensor | None = None) -> torch.Tensor:
        return (x - signal**0.5 * x0) / (1 - signal) ** 0.5

    eps = within_range(predict, ALPHA_BAR)(x, t)
    implied = (x - (1 - signal) ** 0.5 * eps) / signal**0.5
    torch.testing.assert_close(implied, x0.clamp(-1, 1), atol=2e-4, rtol=0)
