import torch
from torch import Tensor, nn

from dva.model.schedule import NoiseSchedule
from dva.model.training.losses import dva_losses

ALPHA_BAR = torch.from_numpy(NoiseSchedule().alpha_bar()).float()
T = torch.tensor([100, 600])


class Oracle(nn.Module):
    """Knows the noise; errs by a constant on the first draw only."""

    def __init__(self, noise: Tensor, error: float) -> None:
        super().__init__()
        self.noise, self.error = noise, error

    def forward(self, x: Tensor, t: Tensor, z_face: Tensor) -> Tensor:
        return torch.cat([self.noise[0] + self.error, self.noise[1]])


def test_a_constant_error_costs_its_size_and_what_it_moves_the_clean_picture_inside_the_mask():
    """By hand: x0 moves by error * sqrt(1 - alpha_bar) / sqrt(alpha_bar), on the half of the picture that counts."""
    rng = torch.Generator().manual_seed(0)
    x0, noise = torch.rand(2, 3, 8, 8, generator=rng), torch.randn(2, 2, 3, 8, 8, generator=rng)
    mask = torch.zeros(2, 1, 8, 8)
    mask[:, :, :4] = 1
    losses = dva_losses(Oracle(noise, 0.25), x0, T, torch.zeros(2, 5), mask, noise, ALPHA_BAR)
    a = ALPHA_BAR[T]
    torch.testing.assert_close(losses["simple"], torch.tensor(0.25))
    torch.testing.assert_close(losses["reg"], (0.25 * ((1 - a) / a).sqrt()).mean() / 2)
    torch.testing.assert_close(losses["total"], losses["simple"] + losses["reg"])


def test_an_oracle_costs_nothing():
    rng = torch.Generator().manual_seed(0)
    x0, noise = torch.rand(2, 3, 8, 8, generator=rng), torch.randn(2, 2, 3, 8, 8, generator=rng)
    losses = dva_losses(Oracle(noise, 0.0), x0, T, torch.zeros(2, 5), torch.ones(2, 1, 8, 8), noise, ALPHA_BAR)
    assert float(losses["total"]) < 1e-4
