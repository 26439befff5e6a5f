"""One loop for every training: resumable, deterministic for a seed, and free of pickles."""

import copy
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from ..errors import InputError, ModelFilesError
from ..files import write_tensor_file
from ..types import OnProgress, Progress, ignore_progress

Losses = dict[str, Tensor]
LossOf = Callable[[nn.Module, torch.Generator], Losses]
"""(network, the step's own generator) -> named losses; the one called `total` is minimised."""


@dataclass(frozen=True)
class Plan:
    """How long and how fast to train."""

    steps: int
    rate: float
    begin: int = 0
    """The step at which this training began, of a network that another had brought so far."""
    warmup: int = 100
    decay: float = 1e-4
    """AdamW's weight decay."""
    ema: float = 0.999
    seed: int = 0
    seconds: float = math.inf
    """Stop after this long, to go on in another call."""
    save_every: int = 500

    def rate_at(self, step: int) -> float:
        """Linear warm-up, then a cosine down to a hundredth."""
        done = max(step - self.begin, 0)
        share = min(done / max(self.steps - self.begin, 1), 1.0)
        return self.rate * min(1.0, (done + 1) / self.warmup) * (0.505 + 0.495 * math.cos(math.pi * share))


@dataclass
class Run:
    """A network in training, its running average and its optimiser."""

    network: nn.Module
    ema: nn.Module
    optimiser: torch.optim.AdamW
    step: int = 0
    whole: bool = True
    """False in the middle of a step, when weights, average and optimiser disagree and must not be saved."""

    @classmethod
    def start(cls, network: nn.Module, plan: Plan) -> "Run":
        """A fresh run at step 0."""
        optimiser = torch.optim.AdamW(network.parameters(), plan.rate, betas=(0.9, 0.99), weight_decay=plan.decay)
        return cls(network, copy.deepcopy(network).eval().requires_grad_(requires_grad=False), optimiser)

    def save(self, path: Path) -> None:
        """Write everything a later call needs, through a temporary file."""
        tensors = {f"network.{n}": t for n, t in self.network.state_dict().items()}
        tensors |= {f"ema.{n}": t for n, t in self.ema.state_dict().items()}
        for i, parameter in enumerate(self.network.parameters()):
            for name, value in self.optimiser.state.get(parameter, {}).items():
                tensors[f"adam.{i}.{name}"] = torch.as_tensor(value)
        write_tensors(path, tensors, {"step": str(self.step)})

    def load(self, path: Path) -> None:
        """Go on from a file that `save` wrote; ModelFilesError when it holds another network."""
        try:
            with safe_open(path, framework="pt") as file:
                # Copied: a view of the mapped file would keep it open, and it is written again.
                tensors = {n: file.get_tensor(n).clone() for n in file.keys()}  # noqa: SIM118 - not a mapping
                self.step = int((file.metadata() or {})["step"])
            self.network.load_state_dict(_under("network.", tensors))
            self.ema.load_state_dict(_under("ema.", tensors))
        except (OSError, SafetensorError, RuntimeError, KeyError, ValueError) as error:
            raise ModelFilesError(f"cannot go on from {path} ({error}); delete it to start anew") from error
        for i, parameter in enumerate(self.network.parameters()):
            if moments := _under(f"adam.{i}.", tensors):
                device = parameter.device
                self.optimiser.state[parameter] = {n: m if n == "step" else m.to(device) for n, m in moments.items()}


def write_tensors(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
    """Write a safetensors file through a temporary one; InputError where there is no room or no right to."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_tensor_file(path, tensors, metadata)
    except OSError as error:
        raise InputError(f"cannot write {path} ({error}); make room or choose another folder") from error


def train(
    network: nn.Module, loss_of: LossOf, plan: Plan, checkpoint: Path, on_progress: OnProgress = ignore_progress
) -> Run:
    """Minimise loss_of for plan.steps steps, saving to checkpoint and going on from it where it exists.

    Each step draws from a generator seeded by the plan's seed and the step's number, so an interrupted training
    gives the same network as an undisturbed one. Progress carries the losses in its stage's text.
    """
    run = Run.start(network, plan)
    if checkpoint.exists():
        run.load(checkpoint)
    until = time.monotonic() + plan.seconds
    means: dict[str, float] = {}
    try:
        while run.step < plan.steps and time.monotonic() < until:
            losses = _step(run, loss_of, plan)
            means = {n: v if n not in means else means[n] + 0.02 * (v - means[n]) for n, v in losses.items()}
            told = " ".join(f"{n} {v:.4f}" for n, v in means.items())
            on_progress(Progress(told, run.step, plan.steps))
            if run.step % plan.save_every == 0:
                run.save(checkpoint)
    finally:
        if run.whole:
            run.save(checkpoint)
    return run


def _step(run: Run, loss_of: LossOf, plan: Plan) -> dict[str, float]:
    for group in run.optimiser.param_groups:
        group["lr"] = plan.rate_at(run.step)
    rng = torch.Generator().manual_seed(plan.seed * 1_000_003 + run.step)
    run.network.train()
    losses = loss_of(run.network, rng)
    run.whole = False
    run.optimiser.zero_grad(set_to_none=True)
    losses["total"].backward()
    nn.utils.clip_grad_norm_(run.network.parameters(), 1.0)
    run.optimiser.step()
    run.step += 1
    _average(run, min(plan.ema, (run.step + 1) / (run.step + 10)))
    run.whole = True
    return {name: float(value.detach()) for name, value in losses.items()}


@torch.no_grad()
def _average(run: Run, keep: float) -> None:
    for mean, new in zip(run.ema.parameters(), run.network.parameters(), strict=True):
        mean.lerp_(new, 1 - keep)
    for mean, new in zip(run.ema.buffers(), run.network.buffers(), strict=True):
        mean.copy_(new)


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}
