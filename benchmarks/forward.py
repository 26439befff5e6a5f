"""One evaluation of the published UNet at 256x256: bfloat16 and channels_last against plain float32 NCHW, in one run.

    python -m benchmarks.forward [--batches 1,4] [--rounds 2] --json OUT

Weights are drawn at random, the zero-initialised ones too, since time and rounding do not ask what a network has
learnt. Each way's time is the least of its rounds, which take turns; the error is that of eps, relative L2.
"""

import argparse
import copy
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from dva.model.unet import UNet, UNetSpec

Way = Callable[[Tensor, Tensor, Tensor], Tensor]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batches", default="1,4")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--json", type=Path, required=True)
    options = parser.parse_args()
    torch.manual_seed(0)
    ways = _ways(_drawn(UNet(UNetSpec())).eval())
    rows = [row for batch in options.batches.split(",") for row in _measure(ways, int(batch), options.rounds)]
    options.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


def _drawn(network: nn.Module) -> nn.Module:
    """The network with its zero-initialised convolutions drawn like the others."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d) and not module.weight.any():
            module.reset_parameters()
    return network


def _ways(network: nn.Module) -> dict[str, Way]:
    last = copy.deepcopy(network).to(memory_format=torch.channels_last)
    half = copy.deepcopy(last).bfloat16()

    def laid_out(x: Tensor) -> Tensor:
        return x.contiguous(memory_format=torch.channels_last)

    return {
        "float32 NCHW": network,
        "float32 channels_last": lambda x, t, z: last(laid_out(x), t, z),
        "bfloat16 channels_last": lambda x, t, z: half(laid_out(x).bfloat16(), t, z.bfloat16()).float(),
    }


@torch.inference_mode()
def _measure(ways: dict[str, Way], batch: int, rounds: int) -> list[dict[str, Any]]:
    x, t, z = torch.randn(batch, 3, 256, 256), torch.full((batch,), 500), torch.randn(batch, 512)
    seconds = dict.fromkeys(ways, float("inf"))
    outputs: dict[str, Tensor] = {}
    for _ in range(rounds):
        for name, way in ways.items():
            begun = time.perf_counter()
            outputs[name] = way(x, t, z)
            seconds[name] = min(seconds[name], time.perf_counter() - begun)
    reference = next(iter(ways))
    rows = [
        {
            "way": name,
            "batch": batch,
            "seconds": round(seconds[name], 3),
            "ratio": round(seconds[reference] / seconds[name], 2),
            "error": float((outputs[name] - outputs[reference]).norm() / outputs[reference].norm()),
        }
        for name in ways
    ]
    for row in rows:
        print(json.dumps(row))
    return rows


if __name__ == "__main__":
    main()
