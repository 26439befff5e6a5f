import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from dva.model.metrics import temporal
from dva.model.metrics.temporal import (
    dis_flow,
    jitter,
    load_flow,
    temporal_loss,
    visible,
    warp,
    warping_error,
)

H, W = 60, 80


def texture(height: int = H, width: int = W) -> np.ndarray:
    noise = gaussian_filter(np.random.default_rng(0).normal(size=(height, width, 3)), (2, 2, 0))
    return ((noise - noise.min()) / np.ptp(noise)).astype(np.float32)


def constant(x: float, y: float) -> np.ndarray:
    return np.broadcast_to(np.array([x, y], np.float32), (H, W, 2)).copy()


def test_a_constant_flow_of_whole_pixels_warps_as_slicing_does():
    wide = texture(H + 3, W + 5)
    first, second = wide[3:, 5:], wide[:-3, :-5]  # what was at p is now at p + (5, 3)
    back = warp(np.ascontiguousarray(second), constant(5, 3))
    np.testing.assert_allclose(back[:-3, :-5], first[:-3, :-5], atol=1e-6)


def test_a_flow_that_comes_back_is_visible_until_it_leaves_the_picture():
    there, back = constant(5, 3), constant(-5, -3)
    mask = visible(there, back)
    assert mask[: H - 3, : W - 5].all()
    assert not mask[H - 3 :].any()
    assert not mask[:, W - 5 :].any()
    assert not visible(there, constant(5, 3)).any()
    assert visible(there, constant(-5.5, -3))[: H - 3, : W - 5].all()  # 0.25 is below 0.01 (34 + 39.25) + 0.5
    assert not visible(there, constant(-6.2, -3)).any()  # 1.44 is above 0.01 (34 + 47.4) + 0.5


def test_warping_error_is_the_mean_squared_distance_of_visible_colours():
    first, second = np.zeros((H, W, 3), np.float32), np.zeros((H, W, 3), np.float32)
    second[:, :40] = [0.1, 0.2, 0.2]
    second[:, 60:] = 1
    mask = np.zeros((H, W), bool)
    mask[:, :60] = True  # a third of what is visible is equal, the white end is hidden
    assert warping_error(first, second, constant(0, 0), mask) == pytest.approx(0.09 * 2 / 3, rel=1e-5)
    assert np.isnan(warping_error(first, second, constant(0, 0), np.zeros((H, W), bool)))


def test_temporal_loss_is_a_distance_of_colours():
    first = np.zeros((H, W, 3), np.float32)
    second = np.broadcast_to(np.array([0.1, 0.2, 0.2], np.float32), first.shape).copy()
    assert temporal_loss(first, second, constant(0, 0)) == pytest.approx(0.3, rel=1e-5)


def test_dis_finds_a_shift_and_so_explains_it():
    wide = texture(H + 2, W + 3)
    first, second = np.ascontiguousarray(wide[2:, 3:]), np.ascontiguousarray(wide[:-2, :-3])
    flow = dis_flow(first, second)
    np.testing.assert_allclose(np.median(flow.reshape(-1, 2), axis=0), [3, 2], atol=0.1)
    mask = visible(flow, dis_flow(second, first))
    assert mask.mean() > 0.8
    assert warping_error(first, second, flow, mask) < 0.02 * warping_error(first, second, constant(0, 0), mask)


def test_nothing_that_moves_steadily_jitters():
    t = np.arange(10)[:, None, None]
    points = np.array([[0.0, 0], [50, 0]]) + t * np.array([3.0, -1.5])
    curve = jitter(points)
    assert np.isnan(curve[[0, -1]]).all()
    np.testing.assert_allclose(curve[1:-1], 0, atol=1e-12)


def test_one_frame_off_its_line_shows_in_three():
    points = np.zeros((7, 1, 2))
    points[3] = [3, 4]
    np.testing.assert_allclose(jitter(points)[1:-1] * np.sqrt(6), [0, 5, 10, 5, 0])


def test_jitter_measures_the_spread_of_noise():
    points = np.random.default_rng(2).normal(scale=0.7, size=(4000, 2, 2))
    assert np.nanmean(jitter(points)) == pytest.approx(0.7 * np.sqrt(np.pi / 2), rel=0.03)


def test_a_missing_frame_has_no_jitter_and_gives_its_neighbours_none():
    points = np.zeros((7, 1, 2))
    points[3] = np.nan
    np.testing.assert_array_equal(np.isnan(jitter(points)), [True, False, True, True, True, False, True])


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    (tmp_path / "checkpoints").mkdir()
    return tmp_path / "checkpoints"


def test_without_weights_the_flow_is_dis(cache: Path):
    assert load_flow(torch.device("cpu")) == ("DIS", dis_flow)
    (cache / temporal.RAFT_FILE).write_bytes(b"half a download")
    assert load_flow(torch.device("cpu")) == ("DIS", dis_flow)


def test_raft_is_used_where_its_weights_are(cache: Path, monkeypatch: pytest.MonkeyPatch):
    optical_flow = pytest.importorskip("torchvision.models.optical_flow")
    torch.manual_seed(0)
    network = optical_flow.raft_small(weights=None).eval()
    torch.save(network.state_dict(), cache / "new.pth")
    name = f"raft-{hashlib.sha256((cache / 'new.pth').read_bytes()).hexdigest()[:8]}.pth"
    (cache / "new.pth").rename(cache / name)
    monkeypatch.setattr(temporal, "RAFT_FILE", name)
    monkeypatch.setattr(temporal, "RAFT_LEAST", 128)
    label, flow = load_flow(torch.device("cpu"))
    assert label == "RAFT"
    first, second = texture(128, 136), texture(128, 136)[::-1].copy()
    x = [torch.from_numpy(np.ascontiguousarray(z)).movedim(-1, 0)[None] * 2 - 1 for z in (first, second)]
    with torch.no_grad():
        wanted = network(x[0].contiguous(), x[1].contiguous())[-1][0].movedim(0, -1).numpy()
    np.testing.assert_allclose(flow(first, second), wanted, atol=1e-3)
    assert flow(first[:101, :131], second[:101, :131]).shape == (101, 131, 2)  # padded to fit, and cut back
