"""The paper's losses, for a network that predicts eps."""

from torch import Tensor, nn

from .loop import Losses


def dva_losses(
    network: nn.Module, x0: Tensor, t: Tensor, z_face: Tensor, mask: Tensor, noise: Tensor, alpha_bar: Tensor
) -> Losses:
    """L_simple + L_reg, as the published implementation takes them (paper, section 4.1).

    x0: [B, 3, S, S] signed. t: [B] integer times. z_face: [B, F]. mask: [B, 1, S, S], 1 where L_reg counts. noise: two
    draws [2, B, 3, S, S]. alpha_bar: [1000]. The network sees both draws of a picture in one pass.

    "simple" is the sum over the two draws of the mean absolute error of eps; "reg" the mean absolute difference of the
    two implied clean pictures, zero outside the mask but counted there.
    """
    a = alpha_bar[t][:, None, None, None].to(x0)
    x = a.sqrt() * x0 + (1 - a).sqrt() * noise
    eps = network(x.flatten(0, 1), t.repeat(2), z_face.repeat(2, 1)).unflatten(0, (2, -1))
    simple = (eps - noise).abs().mean((1, 2, 3, 4)).sum()
    clean = (x - (1 - a).sqrt() * eps) / a.sqrt()
    reg = ((clean[0] - clean[1]) * mask).abs().mean()
    return {"total": simple + reg, "simple": simple, "reg": reg}
