"""How near one picture is to another: the figures of the paper's table 1, one number a picture.

Every function takes two batches [B, 3, H, W] in [0, 1] and returns [B] on their device; a clip's figure is the mean
over its frames (Kim et al. 2023, table 1: "the mean of the averaged per-frame measurements").
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from ..errors import UsageError
from .local import hub_file

WINDOW = 11
"""Pixels across the Gaussian window of SSIM and MS-SSIM, whose sigma is 1.5."""
SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""From the finest scale to the coarsest (Wang, Simoncelli and Bovik 2003, section 3.2)."""
LPIPS_BACKBONE = "alexnet-owt-7be5be79.pth"

PictureDistance = Callable[[Tensor, Tensor], Tensor]


def mse(a: Tensor, b: Tensor) -> Tensor:
    """Mean squared error in units of [0, 1]; 0 for equal pictures."""
    return (a - b).square().mean((1, 2, 3))


def psnr(a: Tensor, b: Tensor) -> Tensor:
    """Peak signal-to-noise ratio in dB, -10 log10 MSE for a peak of 1; infinite for equal pictures."""
    return -10 * torch.log10(mse(a, b))


def ssim(a: Tensor, b: Tensor) -> Tensor:
    """Structural similarity (Wang et al. 2004, eq. 13), Gaussian window of 11 pixels; 1 for equal pictures.

    The mean over the windows that lie wholly inside the picture, as in the authors' program and scikit-image;
    torchmetrics' own mean also takes those that hang over the border, filled with a mirror image.
    """
    inside = slice(WINDOW // 2, -(WINDOW // 2))
    return _measured(a, b, return_full_image=True)[..., inside, inside].mean((1, 2, 3))


def _measured(a: Tensor, b: Tensor, **also: bool) -> Tensor:
    """What torchmetrics gives beside its own mean: SSIM of every pixel, or [B] SSIM without luminance."""
    from torchmetrics.functional.image import structural_similarity_index_measure as measure  # noqa: PLC0415 - an extra

    return measure(a, b, kernel_size=WINDOW, sigma=1.5, data_range=1.0, reduction="none", **also)[1]


def scales_that_fit(side: int) -> int:
    """How many of MS-SSIM's five scales a picture is large enough for.

    The window has to fit into the smallest scale: 5 from 176 pixels on, 4 from 88, 3 from 44, 2 from 22, and below 22
    one, which is plain SSIM. UsageError below 11 pixels.
    """
    if side < WINDOW:
        raise UsageError(f"SSIM needs pictures of at least {WINDOW} pixels, not {side}; measure larger crops")
    fit = [n for n in range(1, 6) if side >> (n - 1) >= WINDOW]
    return max(fit)


def ms_ssim(a: Tensor, b: Tensor) -> Tensor:
    """Multi-scale structural similarity (Wang et al. 2003, eq. 7); 1 for equal pictures.

    Small pictures have no room for five scales. Then the finest scales that fit are taken and their weights divided by
    their sum: at 64 pixels these are three. Figures with different numbers of scales are not comparable.
    """
    scales = scales_that_fit(min(a.shape[-2:]))
    weights = torch.tensor(SCALE_WEIGHTS[:scales], device=a.device)
    product = torch.ones(len(a), device=a.device)
    for scale, weight in enumerate(weights / weights.sum()):
        coarsest = scale == scales - 1
        part = ssim(a, b) if coarsest else _measured(a, b, return_contrast_sensitivity=True).reshape(len(a))
        product *= part.clamp(min=0) ** weight
        a, b = F.avg_pool2d(a, 2), F.avg_pool2d(b, 2)
    return product


def load_lpips(device: torch.device) -> PictureDistance | None:
    """LPIPS with AlexNet (Zhang et al. 2018, eq. 1), 0 for equal pictures; None where AlexNet's weights are not here.

    They are looked for in torch's download cache and never fetched.
    """
    if hub_file(LPIPS_BACKBONE) is None:
        return None
    from torchmetrics.image import LearnedPerceptualImagePatchSimilarity  # noqa: PLC0415 - an extra

    network = LearnedPerceptualImagePatchSimilarity(net_type="alex").net.to(device).eval()

    @torch.no_grad()
    def distance(a: Tensor, b: Tensor) -> Tensor:
        return network(a.to(device), b.to(device), normalize=True).reshape(len(a))

    return distance
