import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from dva.model.packs.published_names import unet_names
from dva.model.unet import UNet, UNetSpec

GOLDEN = Path(__file__).resolve().parents[3] / "shared" / "golden"
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


def test_every_published_tensor_has_one_of_ours_of_the_same_size():
    if not GOLDEN.exists():
        pytest.skip("no reference outputs here")
    published = json.loads((GOLDEN / "official_tensors.json").read_text())
    with torch.device("meta"):
        unet = UNet(UNetSpec())
    names = unet_names(unet)
    assert len(set(names.values())) == len(names)
    assert set(names.values()) == {n for n in published if not n.startswith("encoder.")}
    for ours, tensor in unet.state_dict().items():
        assert tensor.numel() == np.prod(published[names[ours]][0])


def test_the_published_network_computes_the_published_noise():
    if not GOLDEN.exists():
        pytest.skip("no reference outputs here")
    fill = _fill_rule()
    with torch.device("meta"):
        unet = UNet(UNetSpec())
    names = unet_names(unet)
    published = json.loads((GOLDEN / "official_tensors.json").read_text())
    state = {
        ours: torch.from_numpy(fill(names[ours], tuple(published[names[ours]][0]))).reshape(tensor.shape)
        for ours, tensor in unet.state_dict().items()
    }
    unet.load_state_dict(state, assign=True)
    reference = np.load(GOLDEN / "networks.npz")
    x = torch.from_numpy(_crop()).permute(2, 0, 1)[None].float() / 127.5 - 1
    z_face = torch.from_numpy(reference["z_face"][:1]).float()
    with torch.no_grad():
        eps = unet.eval()(x, torch.tensor([250]), z_face)
    expected = torch.from_numpy(reference["eps_t250"]).float()
    assert (eps - expected).norm() / expected.norm() < 1e-4


def _fill_rule():
    sys.path.insert(0, str(GOLDEN))
    try:
        from fill import fill
    finally:
        sys.path.remove(str(GOLDEN))
    return fill


def _crop() -> np.ndarray:
    from PIL import Image

    with Image.open(GOLDEN / "crop_a.png") as picture:
        return np.array(picture)
