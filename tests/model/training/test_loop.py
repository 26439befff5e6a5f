from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from dva.model.errors import ModelFilesError
from dva.model.training.loop import Plan, train
from dva.model.types import Progress

TRUTH = torch.tensor([[1.0, -2.0, 0.5]])


def line(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Linear(3, 1)


def fit_line(network: nn.Module, rng: torch.Generator) -> dict[str, Tensor]:
    x = torch.randn(16, 3, generator=rng)
    return {"total": (network(x) - x @ TRUTH.T).square().mean()}


PLAN = Plan(steps=40, rate=0.05, warmup=5, decay=0.0, ema=0.9)


class StoppedError(Exception):
    pass


def test_a_training_killed_midway_and_resumed_gives_the_undisturbed_network(tmp_path: Path):
    whole = train(line(), fit_line, PLAN, tmp_path / "whole.safetensors")

    def stop_at_17(progress: Progress) -> None:
        if progress.done == 17:
            raise StoppedError

    with pytest.raises(StoppedError):
        train(line(), fit_line, PLAN, tmp_path / "cut.safetensors", stop_at_17)
    resumed = train(line(seed=1), fit_line, PLAN, tmp_path / "cut.safetensors")
    for a, b in zip(whole.network.parameters(), resumed.network.parameters(), strict=True):
        assert torch.equal(a, b)
    for a, b in zip(whole.ema.parameters(), resumed.ema.parameters(), strict=True):
        assert torch.equal(a, b)


def test_a_training_finds_the_line(tmp_path: Path):
    run = train(line(), fit_line, Plan(steps=400, rate=0.05, ema=0.9, decay=0.0), tmp_path / "line.safetensors")
    torch.testing.assert_close(run.ema.weight, TRUTH, rtol=0.05, atol=0.05)


def test_time_runs_out_between_steps_and_the_work_is_kept(tmp_path: Path):
    path = tmp_path / "short.safetensors"
    plan = Plan(steps=40, rate=0.05, seconds=0.0)
    assert train(line(), fit_line, plan, path).step == 0
    assert path.exists()


def test_a_checkpoint_of_another_network_is_refused(tmp_path: Path):
    path = tmp_path / "line.safetensors"
    train(line(), fit_line, PLAN, path)
    with pytest.raises(ModelFilesError, match="cannot go on"):
        train(nn.Linear(4, 1), fit_line, PLAN, path)


def test_the_rate_warms_up_and_falls_to_a_hundredth():
    assert PLAN.rate_at(0) == pytest.approx(0.01)
    assert PLAN.rate_at(40) == pytest.approx(0.0005)
    rates = [PLAN.rate_at(step) for step in range(5, 41)]
    assert rates == sorted(rates, reverse=True)


def test_a_network_that_is_trained_on_has_a_rise_and_a_fall_of_its_own():
    later = replace(PLAN, begin=1000, steps=1040)
    assert [later.rate_at(1000 + step) for step in range(41)] == [PLAN.rate_at(step) for step in range(41)]
