from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.ndimage import correlate1d
from torch import Tensor

pytest.importorskip("skimage")
pytest.importorskip("torchmetrics")

from skimage import metrics as skimage_metrics

from dva.model.errors import UsageError
from dva.model.metrics import reconstruction
from dva.model.metrics.reconstruction import load_lpips, ms_ssim, mse, psnr, scales_that_fit, ssim


def pictures(side: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Two batches of soft blobs, the second one noisy: [2, 3, side, side] in [0, 1]."""
    rng = torch.Generator().manual_seed(seed)
    coarse = torch.rand(2, 3, 6, 6, generator=rng)
    a = torch.nn.functional.interpolate(coarse, size=(side, side), mode="bicubic").clamp(0.1, 0.9)
    return a, (a + 0.05 * torch.randn(a.shape, generator=rng)).clamp(0, 1)


def test_equal_pictures_are_as_near_as_can_be():
    a, _ = pictures(64)
    assert mse(a, a).tolist() == [0, 0]
    assert psnr(a, a).tolist() == [float("inf")] * 2
    assert ssim(a, a).tolist() == pytest.approx([1, 1], abs=1e-6)
    assert ms_ssim(a, a).tolist() == pytest.approx([1, 1], abs=1e-6)


@pytest.mark.parametrize("sigma", [0.01, 0.1])
def test_noise_of_known_variance_has_that_error(sigma: float):
    a = torch.full((1, 3, 128, 128), 0.5)
    b = a + sigma * torch.randn(a.shape, generator=torch.Generator().manual_seed(1))
    assert float(mse(a, b)) == pytest.approx(sigma**2, rel=0.03)
    assert float(psnr(a, b)) == pytest.approx(-20 * np.log10(sigma), abs=0.15)


def test_ssim_and_psnr_agree_with_scikit_image():
    a, b = pictures(48)
    for x, y, ours, peak in zip(a, b, ssim(a, b), psnr(a, b), strict=True):
        one, other = (z.permute(1, 2, 0).double().numpy() for z in (x, y))
        theirs = skimage_metrics.structural_similarity(
            one, other, channel_axis=2, data_range=1, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
        )
        assert float(ours) == pytest.approx(theirs, abs=2e-4)
        assert float(peak) == pytest.approx(skimage_metrics.peak_signal_noise_ratio(one, other, data_range=1), rel=1e-5)


def _smooth(x: np.ndarray) -> np.ndarray:
    window = np.exp(-0.5 * (np.arange(-5, 6) / 1.5) ** 2)
    for axis in (1, 2):
        x = correlate1d(x, window / window.sum(), axis=axis, mode="nearest")
    return x[:, 5:-5, 5:-5]


def _by_the_book(a: np.ndarray, b: np.ndarray, weights: list[float]) -> float:
    """Wang et al. 2003, eq. 7, with luminance at the coarsest scale alone."""
    total = 1.0
    for scale, weight in enumerate(weights):
        mean_a, mean_b = _smooth(a), _smooth(b)
        var_a, var_b = _smooth(a * a) - mean_a**2, _smooth(b * b) - mean_b**2
        both = _smooth(a * b) - mean_a * mean_b
        part = (2 * both + 0.03**2) / (var_a + var_b + 0.03**2)
        if scale == len(weights) - 1:
            part = part * (2 * mean_a * mean_b + 0.01**2) / (mean_a**2 + mean_b**2 + 0.01**2)
        total *= part.mean() ** weight
        a, b = (x.reshape(3, x.shape[1] // 2, 2, -1, 2).mean((2, 4)) for x in (a, b))
    return total


def test_ms_ssim_of_a_small_crop_takes_the_three_finest_scales():
    a, b = pictures(64)
    weights = [0.0448, 0.2856, 0.3001]
    weights = [w / sum(weights) for w in weights]
    for x, y, ours in zip(a.double().numpy(), b.double().numpy(), ms_ssim(a, b), strict=True):
        assert float(ours) == pytest.approx(_by_the_book(x, y, weights), abs=2e-4)


@pytest.mark.parametrize(
    ("side", "scales"), [(11, 1), (21, 1), (22, 2), (43, 2), (44, 3), (64, 3), (88, 4), (176, 5), (256, 5)]
)
def test_a_picture_gets_the_scales_that_fit(side: int, scales: int):
    assert scales_that_fit(side) == scales


def test_a_picture_smaller_than_the_window_is_refused():
    with pytest.raises(UsageError, match="at least 11 pixels, not 10"):
        scales_that_fit(10)


def test_without_weights_there_is_no_lpips_and_no_download(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", lambda *_, **__: pytest.fail("fetched"))
    assert load_lpips(torch.device("cpu")) is None
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / reconstruction.LPIPS_BACKBONE).write_bytes(b"half a download")
    assert load_lpips(torch.device("cpu")) is None


def test_lpips_is_the_weighted_distance_of_normalised_features(monkeypatch: pytest.MonkeyPatch):
    """Zhang et al. 2018, eq. 1, by hand, with an AlexNet of random weights in place of the real one."""
    torchvision = pytest.importorskip("torchvision")
    torchmetrics = pytest.importorskip("torchmetrics")
    torch.manual_seed(0)
    real = torchvision.models.alexnet
    network = real(weights=None).eval()
    monkeypatch.setattr(torchvision.models, "alexnet", lambda **_: network)
    monkeypatch.setattr(reconstruction, "hub_file", lambda _: Path("here"))
    measure = load_lpips(torch.device("cpu"))
    assert measure is not None
    a, b = pictures(64)
    assert measure(a, a).tolist() == pytest.approx([0, 0], abs=1e-7)
    lines = Path(torchmetrics.__file__).parent / "functional/image/lpips_models/alex.pth"
    weights = list(torch.load(lines, map_location="cpu", weights_only=True).values())
    shift, scale = (torch.tensor(v).view(1, 3, 1, 1) for v in ([-0.030, -0.088, -0.188], [0.458, 0.448, 0.450]))
    total = torch.zeros(2)
    with torch.no_grad():
        x, y = ((2 * z - 1 - shift) / scale for z in (a, b))
        taken = 0
        for number, layer in enumerate(network.features):
            x, y = layer(x), layer(y)
            if number in (1, 4, 7, 9, 11):
                one, other = (z / (z.square().sum(1, keepdim=True) + 1e-8).sqrt() for z in (x, y))
                total += ((one - other).square() * weights[taken]).sum(1).mean((1, 2))
                taken += 1
    torch.testing.assert_close(measure(a, b), total, rtol=1e-3, atol=1e-6)
