"""One evaluation of a UNet: bfloat16 and channels_last against plain float32 NCHW, in one run.

    python -m benchmarks.forward [--weights drawn|filled|PACK] [--batches 1,4] [--rounds 2] --json OUT

The published architecture at 256x256 with weights drawn as for training, the zero-initialised ones too, or filled by
the rule of the parity tests; or a pack's own network. The ways take turns, a round is two evaluations, and a way's time
is its least. The error is that of the network's output, relative L2. Ours is the fast path: the conditions' part
computed beforehand and only products rounded (model/predictor.py), memory kept from one evaluation to the next
(model/heap.py). Beside it two coarser ways, everything in bfloat16 and autocast, and what the kept memory alone gives
the plain network. `cpu_ratio` compares the processor's time, which other programs on the machine do not lengthen.
"""

import argparse
import copy
import json
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from dva.dva_plugin.packs import open_pack
from dva.model.heap import kept_heap
from dva.model.packs.published_names import published_layout
from dva.model.predictor import multiplying_in
from dva.model.unet import UNet, UNetSpec
from dva.tests.helpers.filled import empty_networks, filled

from .counting import Spent

Evaluate = Callable[[Tensor], Tensor]
Memory = Callable[[], AbstractContextManager[None]]
TIME = 500


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weights", default="drawn")
    parser.add_argument("--batches", default="1,4")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--json", type=Path, required=True)
    options = parser.parse_args()
    torch.manual_seed(0)
    unet = _unet(options.weights).to(options.device).eval()
    rows = [
        {"weights": options.weights, **row}
        for batch in options.batches.split(",")
        for row in _measure(unet, int(batch), options.rounds)
    ]
    options.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


def _unet(weights: str) -> UNet:
    match weights:
        case "drawn":
            return _drawn(UNet(UNetSpec()))
        case "filled":
            return _filled(UNet(UNetSpec()))
        case pack:
            return copy.deepcopy(open_pack(pack).networks.unet)


def _drawn(network: UNet) -> UNet:
    """The network with its zero-initialised convolutions drawn like the others."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d) and not module.weight.any():
            module.reset_parameters()
    return network


def _filled(network: UNet) -> UNet:
    state = network.state_dict()
    for published, ours in published_layout(empty_networks()).ours.items():
        if ours.startswith("unet."):
            name = ours.removeprefix("unet.")
            state[name] = filled(published, tuple(state[name].shape))
    network.load_state_dict(state)
    return network


def _ways(network: UNet, t: Tensor, z: Tensor) -> dict[str, tuple[Evaluate, Memory]]:
    last = copy.deepcopy(network).to(memory_format=torch.channels_last)
    half = copy.deepcopy(last).bfloat16()

    def plain(x: Tensor) -> Tensor:
        return network(x, t, z)

    def laid_out(x: Tensor) -> Tensor:
        return x.contiguous(memory_format=torch.channels_last)

    def autocast(x: Tensor) -> Tensor:
        with torch.autocast(x.device.type, torch.bfloat16):
            return last(laid_out(x), t, z).float()

    def prepared(unet: UNet) -> Evaluate:
        time, face = unet.time_modulation(t[:1]), unet.face_modulation(z)
        return lambda x: unet.predict(laid_out(x), time, face)

    def throughout(x: Tensor) -> Tensor:
        return half(laid_out(x).bfloat16(), t, z.bfloat16()).float()

    return {
        "float32 NCHW": (plain, nullcontext),
        "float32 NCHW, memory kept": (plain, kept_heap),
        "float32 channels_last (ours)": (prepared(last), kept_heap),
        "bfloat16 products (ours)": (prepared(multiplying_in("bfloat16", last)), kept_heap),
        "bfloat16 autocast": (autocast, kept_heap),
        "bfloat16 throughout": (throughout, kept_heap),
    }


@torch.inference_mode()
def _measure(unet: UNet, batch: int, rounds: int) -> list[dict[str, Any]]:
    device, side = unet.conv_in.weight.device, unet.spec.resolution
    x, z = torch.randn(batch, 3, side, side).to(device), torch.randn(batch, unet.spec.face_dim).to(device)
    ways = _ways(unet, torch.full((batch,), TIME, device=device), z)
    seconds = dict.fromkeys(ways, float("inf"))
    processor = dict(seconds)
    outputs: dict[str, Tensor] = {}
    for _ in range(rounds):
        for name, (evaluate, memory) in ways.items():
            with memory():
                for _ in range(2):
                    begun = Spent.so_far()
                    outputs[name] = evaluate(x)
                    if device.type == "cuda":
                        torch.cuda.synchronize()
                    spent = begun.until_now()
                    seconds[name], processor[name] = min(seconds[name], spent.wall), min(processor[name], spent.cpu)
    reference = next(iter(ways))
    rows = [
        {
            "way": name,
            "batch": batch,
            "seconds": round(seconds[name], 3),
            "ratio": round(seconds[reference] / seconds[name], 2),
            "cpu_ratio": round(processor[reference] / processor[name], 2),
            "error": float((outputs[name] - outputs[reference]).norm() / outputs[reference].norm()),
        }
        for name in ways
    ]
    for row in rows:
        print(json.dumps(row))
    return rows


if __name__ == "__main__":
    main()
