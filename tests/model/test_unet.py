import pytest
import torch

from dva.model.unet import UNet, UNetSpec

SMALL = UNetSpec(
    resolution=16, width=8, multipliers=(1, 2), attention=(8,), groups=4, time_dim=8, face_dim=8, dropout=0
)


def perturbed(unet: UNet) -> UNet:
    """Zero-initialised layers would make every output zero."""
    for parameter in unet.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    return unet.eval()


def test_starts_as_zero_and_keeps_the_shape():
    x = torch.randn(2, 3, 16, 16)
    out = UNet(SMALL)(x, torch.tensor([3, 900]), torch.randn(2, 8))
    assert out.shape == x.shape
    assert not out.any()


@pytest.mark.parametrize("resample_blocks", [True, False])
@pytest.mark.parametrize("patch", [1, 2])
def test_each_row_depends_on_its_own_conditions_only(resample_blocks: bool, patch: int):
    spec = UNetSpec(**{**SMALL.__dict__, "resample_blocks": resample_blocks, "patch": patch})
    unet = perturbed(UNet(spec))
    x, t, z = torch.randn(3, 3, 16, 16), torch.tensor([0, 500, 999]), torch.randn(3, 8)
    together = unet(x, t, z)
    for i in range(3):
        torch.testing.assert_close(unet(x[i : i + 1], t[i : i + 1], z[i : i + 1])[0], together[i], rtol=1e-4, atol=1e-5)
    moved = z.clone()
    moved[1] += 1
    changed = (unet(x, t, moved) != together).flatten(1).any(1)
    assert changed.tolist() == [False, True, False]
