from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

pytest.importorskip("numba")

from dva.dva_plugin.cli import main
from dva.model.metrics.judge import JudgeIdentity, load_judge
from dva.model.synth import ATTRIBUTES
from dva.model.training.assemble_judge import auc, pair_auc
from dva.model.training.data import Faces, load_faces, render_shard
from dva.model.training.judge_identity import SHAPE, JudgeIdentityTask, heads, judge_identity_loss

SIZE = 16


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Faces:
    folder = tmp_path_factory.mktemp("faces")
    render_shard(folder / "a.safetensors", 3, 11, SIZE)
    return load_faces(folder)


def test_a_judge_is_made_from_nothing_and_says_what_it_is_worth(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("dva.model.training.recipe.BATCH", {"judge": 4, "judge_identity": 4})
    data, out, pack = tmp_path / "faces", tmp_path / "forge", tmp_path / "judge"
    assert main(["forge", "render", str(data / "a.safetensors"), "--people", "2", "--seed", "3"]) == 0
    where = ["--data", str(data), "--out", str(out)]
    assert main(["forge", "judge", *where, "--pack", str(pack)]) == 3  # nothing is trained yet
    for network in ("judge", "judge_identity"):
        assert main(["forge", "train", network, *where, "--steps", "1", "--device", "cpu", "--seed", "6"]) == 0
    assert main(["forge", "judge", *where, "--pack", str(pack), "--note", "one step"]) == 0
    judge = load_judge(pack)
    assert judge.attributes == ATTRIBUTES
    assert judge.facts["training"]["note"] == "one step"
    assert judge.facts["training"]["networks"]["judge_identity"]["seed"] == "6"
    worth = judge.facts["worth"]
    assert 0 <= worth["attributes"]["accuracy"] <= 1
    assert set(worth["attributes"]["each"]) == set(ATTRIBUTES)
    assert worth["identity"]["rendered"]["pairs"] > worth["identity"]["rendered"]["same"] > 0
    assert sorted(p.name for p in pack.iterdir()) == ["judge.json", "judge.safetensors"]
    _train_a_judge_further(data, pack, tmp_path / "further", tmp_path / "better")


def _train_a_judge_further(data: Path, pack: Path, further: Path, better: Path) -> None:
    """Unpacked and assembled again it is the same judge; trained on, only its classifier is another."""
    where = ["--data", str(data), "--out", str(further)]
    assert main(["forge", "unpack", "--pack", str(pack), "--out", str(further)]) == 0
    assert main(["forge", "judge", *where, "--pack", str(better)]) == 0
    assert load_judge(better).hash == load_judge(pack).hash
    longer = ["--begin", "1", "--steps", "3", "--rate", "1e-3", "--device", "cpu"]
    assert main(["forge", "train", "judge", *where, *longer]) == 0
    assert main(["forge", "judge", *where, "--pack", str(better)]) == 0
    before, after = (load_file(each / "judge.safetensors") for each in (pack, better))
    changed = {n.partition(".")[0] for n in before if not torch.equal(before[n], after[n])}
    assert changed == {"classifier"}
    assert load_judge(better).facts["training"]["networks"]["judge"]["steps"] == "3"


def test_what_a_head_wears_does_not_make_another_person(faces: Faces):
    owner = heads(faces)
    assert owner.min() == 0
    for without, with_it, attribute in faces.pairs.tolist():
        assert (owner[without] == owner[with_it]) == (ATTRIBUTES[attribute] not in SHAPE)
    for person in faces.person.unique():
        assert len(owner[faces.person == person].unique()) == 1
    first_pictures = [int(torch.nonzero(faces.person == 0)[0]), len(faces.person) - 1]
    assert owner[first_pictures[0]] != owner[first_pictures[1]]  # the first head and the last are strangers


def test_the_recogniser_learns_the_people_that_it_is_shown(faces: Faces):
    torch.manual_seed(0)
    owner = heads(faces)
    task = JudgeIdentityTask(JudgeIdentity(SIZE, (16,), (1,), 16), int(owner.max()) + 1)
    optimiser = torch.optim.AdamW(task.parameters(), 5e-3)
    losses: list[float] = []
    for step in range(200):
        loss = judge_identity_loss(task, faces, owner, 16, torch.Generator().manual_seed(step))["total"]
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert np.mean(losses[-10:]) < 0.5 * np.mean(losses[:5])


def test_auc_is_the_share_of_pairs_in_the_right_order():
    rng = np.random.default_rng(0)
    scores, truth = rng.integers(0, 6, 60).astype(float), rng.random(60) < 0.4
    wins = [(a > b) + 0.5 * (a == b) for a in scores[truth] for b in scores[~truth]]
    assert auc(scores, truth) == pytest.approx(np.mean(wins), abs=1e-4)
    assert auc(scores, np.ones(60, bool)) is None


def test_people_who_lie_apart_have_an_auc_of_one():
    z = np.repeat(np.eye(3), 4, axis=0)
    owner = np.repeat(np.arange(3), 4)
    assert pair_auc(z, owner) == (1.0, 18, 66)
    assert pair_auc(np.ones((12, 3)), owner)[0] == 0.5
