"""The noise that the network sees in some frames, and in which precision it looks."""

import copy
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from .blocks import Convolution, ScaleShift
from .samplers import PredictEps, x0_from_eps
from .unet import Prediction, UNet

Precision = Literal["float32", "bfloat16"]
"""In what the blocks' convolutions multiply; what flows between them is float32 in either."""


def multiplying_in(precision: Precision, unet: UNet) -> UNet:
    """The network itself for float32; otherwise a copy whose blocks' 3x3 convolutions hold bfloat16 weights.

    Norms, conditions, attention, the first and the last convolution, the residual stream and the skips on it stay
    float32 (docs/decisions/0020): what is rounded is only what goes into a product and what comes out of its sum.
    The last block's last convolution stays float32 too: what it would round, nothing after it averages.
    """
    if precision == "float32":
        return unet
    fast = copy.deepcopy(unet)
    for module in fast.modules():
        if isinstance(module, Convolution):
            module.bfloat16()
    last = [module for module in fast.up.modules() if isinstance(module, Convolution)][-1]
    last.float()
    return fast


def fast_at(precision: Precision, device: torch.device) -> bool:
    """Whether the device has instructions for this precision; without them bfloat16 is slower than float32."""
    if precision == "float32":
        return True
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported()
    capabilities = getattr(torch.cpu, "get_capabilities", dict)()  # torch before 2.10 does not tell
    return device.type == "cpu" and bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


FINE = 0.06
"""Standard deviation, in signed units, of what is finer than two pixels in a picture of 128: .055 over all its pixels,
measured on rendered faces, which have three degrees of freedom in four."""


def fine_v(x: Tensor, alpha_bar: Tensor | float) -> Tensor:
    """The v that a linear estimate sees in what is finer than two pixels: [B, 3, S, S], as x.

    Detail of standard deviation FINE under noise of sqrt(1 - alpha_bar) has its least squared error at
    x0 = sqrt(alpha_bar) FINE^2 x / (alpha_bar FINE^2 + 1 - alpha_bar) (Wiener), and v = (sqrt(alpha_bar) x - x0) /
    sqrt(1 - alpha_bar). So a network that folds pixels into few channels need not carry the noise of each through them.
    alpha_bar: a number, or [B, 1, 1, 1].
    """
    fine = x - F.interpolate(F.avg_pool2d(x, 2), scale_factor=2.0, mode="nearest")
    noise = 1 - alpha_bar
    return alpha_bar**0.5 * noise**0.5 * (1 - FINE**2) / (alpha_bar * FINE**2 + noise) * fine


def whole_v(out: Tensor, x: Tensor, alpha_bar: Tensor | float, prediction: Prediction) -> Tensor:
    """v, from what a network that predicts v or v_rest gave for x. Shapes as in fine_v."""
    return out + fine_v(x, alpha_bar) if prediction == "v_rest" else out


def eps_of(out: Tensor, x: Tensor, alpha_bar: Tensor | float, prediction: Prediction) -> Tensor:
    """The noise in x, from what a network of any kind gave for it. Shapes as in fine_v."""
    if prediction == "eps":
        return out
    return alpha_bar**0.5 * whole_v(out, x, alpha_bar, prediction) + (1 - alpha_bar) ** 0.5 * x


def predictor(unet: UNet, z_face: Tensor, alpha_bar: Tensor) -> PredictEps:
    """The noise in x at a time, for the frames that z_face [n, face_dim] describes, a row each.

    alpha_bar: [1000]. What z_face says to the network's blocks is computed here, once, what a time says when it is
    first asked for. Gradients reach x and z_face and no weights. x and eps are float32.
    """
    face = unet.face_modulation(z_face)
    times: dict[int, list[ScaleShift]] = {}
    prediction = unet.spec.prediction

    def predict(x: Tensor, t: int, rows: Tensor | None = None) -> Tensor:
        if t not in times:
            with torch.no_grad():
                times[t] = unet.time_modulation(torch.tensor([t], device=x.device))
        theirs = face if rows is None else [(scale[rows], shift[rows]) for scale, shift in face]
        out = unet.predict(x.contiguous(memory_format=torch.channels_last), times[t], theirs)
        return eps_of(out, x, float(alpha_bar[t]), prediction)

    return predict


def within_range(predict: PredictEps, alpha_bar: Tensor) -> PredictEps:
    """The same prediction where the clean picture that it implies lies in [-1, 1], and its nearest neighbour elsewhere.

    The published decoder does so at every step. An edit that asks for more light than white would otherwise grow from
    step to step. alpha_bar: [1000].
    """

    def bounded(x: Tensor, t: int, rows: Tensor | None = None) -> Tensor:
        signal = float(alpha_bar[t])
        x0 = x0_from_eps(x, predict(x, t, rows), signal).clamp(-1, 1)
        return (x - signal**0.5 * x0) / (1 - signal) ** 0.5

    return bounded
