import json
import shutil
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch

pytest.importorskip("numba")

from PIL import Image
from safetensors.torch import load_file
from tiny import FACTS, SIDE, write_tiny_pack

from dva.dva_plugin.cli import main
from dva.dva_plugin.home import find_pack
from dva.model.editing.attribute import attribute_edit
from dva.model.packs.pack import load_pack
from dva.model.synth import build_head, render, render_frame, sample_identity, sample_motion, sample_scene, toggle
from dva.model.training.footage import aligned_picture
from dva.model.video import ArraySource, write_video

PLANTED = "Wearing_Hat"
PEOPLE = 40


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_pack(tmp_path_factory.mktemp("packs") / "tiny")


def rendered(seed: int, size: int, value: bool | None = None) -> np.ndarray:
    """[size, size, 3] of a person, with or without a hat, or as it comes."""
    rng = np.random.default_rng(seed)
    identity = sample_identity(rng)
    if value is not None and identity.has(PLANTED) != value:
        identity = toggle(identity, PLANTED, value, rng)
    return render(build_head(identity), sample_motion(rng), sample_scene(rng), size=size, supersample=1).image


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A rendered clip, another without a face, and a folder of aligned pictures."""
    folder = tmp_path_factory.mktemp("footage")
    rng = np.random.default_rng(118)
    head, scene, motion = build_head(sample_identity(rng)), sample_scene(rng), sample_motion(rng)
    frame = render_frame(head, motion, scene, 128, 128, 60).image
    for name, frames in (("talk.mkv", [frame, frame]), ("empty.mkv", [np.full_like(frame, 90)] * 2)):
        clip = ArraySource(np.stack(frames), Fraction(25))
        write_video(folder / name, clip, clip)
    (folder / "train" / "one").mkdir(parents=True)
    for i in range(3):
        Image.fromarray(rendered(i, SIDE)).save(folder / "train" / "one" / f"{i}.png")
    return folder


def test_footage_becomes_a_pack_and_training_goes_on(folder: Path, pack: Path, tmp_path: Path, capsys):
    config = tmp_path / "config.json"
    config.write_text(json.dumps(FACTS))
    run, out = tmp_path / "run", tmp_path / "mine"
    where = ["train", str(folder), "--out", str(run), "--pack-config", str(config), "--encoders", str(pack)]
    where += ["--batch", "2", "--device", "cpu", "--seed", "5", "--pack", str(out)]
    assert main([*where, "--steps", "3"]) == 0
    told = capsys.readouterr()
    assert "5 pictures of side 16" in told.out
    assert told.err.count("left out: no face found in any of the 2 frames of empty.mkv") == 1
    first = load_pack(out)
    assert main([*where, "--steps", "5"]) == 0
    assert "5 of 5 steps are done" in capsys.readouterr().out
    assert load_pack(out).hash != first.hash
    assert load_pack(out).facts["training"] == {"pictures": 5, "steps": 5, "encoders": "tiny"}
    assert main(["attributes", "--pack", str(out)]) == 0
    assert "Gray_Hair" in capsys.readouterr().out
    assert sorted(path.name for path in tmp_path.iterdir()) == ["config.json", "mine", "run"]


@pytest.mark.pack
def test_a_planted_attribute_is_found_again(tmp_path: Path, capsys):
    """Two names for one hat, and one for its absence; then people whom the training has not seen."""
    pictures, out = tmp_path / "pictures", tmp_path / "hats"
    pictures.mkdir()
    lines = [str(PEOPLE), "Chapeau No_Hat"]
    for i in range(PEOPLE):
        Image.fromarray(rendered(i, 64, value=i % 2 == 0)).save(pictures / f"{i}.png")
        lines.append(f"{i}.png " + ("1 -1" if i % 2 == 0 else "-1 1"))
    (tmp_path / "list.txt").write_text("\n".join(lines) + "\n")
    asked = ["train-attributes", str(pictures), str(tmp_path / "list.txt"), "--pack", "mini", "--out", str(out)]
    assert main(asked) == 0
    learnt, mini = load_pack(out), load_pack(find_pack("mini"))
    assert [(a.name, a.region) for a in learnt.attributes] == [("Chapeau", "head"), ("No_Hat", "head")]
    assert all(attribute.unit > 0 for attribute in learnt.attributes)
    unseen = torch.stack(
        [torch.from_numpy(rendered(1000 + i, 64, value=i % 2 == 0).copy()).permute(2, 0, 1) for i in range(20)]
    )
    z_id = learnt.networks.identity(unseen.float() / 127.5 - 1)
    says = (z_id - learnt.id_mean) / learnt.id_std @ learnt.directions.T + learnt.biases > 0
    truth = torch.arange(20) % 2 == 0
    assert (says[:, 0] == truth).float().mean() >= 0.85
    assert (says[:, 1] != truth).float().mean() >= 0.85
    _, hat = mini.attribute(PLANTED)
    ways = [learnt.directions[0] * learnt.id_std, hat * mini.id_std]  # both as steps of raw z_id
    assert torch.cosine_similarity(*ways, dim=0) > 0.3
    before, after = (load_file(folder / "denoiser.safetensors") for folder in (find_pack("mini"), out))
    assert all(torch.equal(before[name].float(), after[name].float()) for name in before)
    assert all(after[name].dtype == torch.float16 for name in before if before[name].ndim > 1)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "must begin with the number"),
        ("5\nA\n0.png 1\n1.png -1\n", "must begin with the number of its pictures, here 2"),
        ("2\nA B\n0.png 1 1\n1.png -1\n", "line 4"),
        ("2\nA\n0.png 1\n1.png 0\n", "line 4"),
        ("2\nA\n0.png 1\n../1.png -1\n", "no bare file name"),
        ("4\nA\n0.png 1\n1.png 1\n2.png 1\n3.png -1\n", "3 in 4 pictures that they show A"),
        ("4\nA\n0.png 1\n1.png 1\n2.png -1\n9.png -1\n", "9.png"),
    ],
)
def test_labels_that_are_wrong_are_named_and_nothing_is_written(
    folder: Path, pack: Path, tmp_path: Path, capsys, text: str, words: str
):
    (tmp_path / "list.txt").write_text(text)
    asked = ["train-attributes", str(folder / "train" / "one"), str(tmp_path / "list.txt"), "--pack", str(pack)]
    assert main([*asked, "--out", str(tmp_path / "out")]) == 4
    assert words in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["list.txt"]


def test_a_pack_learns_in_place_and_other_folders_are_never_replaced(pack: Path, folder: Path, tmp_path: Path, capsys):
    own = tmp_path / "own"
    shutil.copytree(pack, own)
    pictures = tmp_path / "pictures"
    shutil.copytree(folder / "train" / "one", pictures)
    shutil.copy(pictures / "0.png", pictures / "3.png")
    (tmp_path / "list.txt").write_text("4\nA\n0.png 1\n1.png -1\n2.png -1\n3.png 1\n")
    asked = ["train-attributes", str(pictures), str(tmp_path / "list.txt"), "--pack", str(own), "--out"]
    assert main([*asked, str(own)]) == 0
    learnt = load_pack(own)
    assert [attribute.name for attribute in learnt.attributes] == ["A"]
    images = torch.stack([aligned_picture(pictures / f"{i}.png", SIDE) for i in range(4)])
    z_id = learnt.networks.identity(images.float() / 127.5 - 1)
    torch.testing.assert_close(learnt.id_mean, z_id.mean(0))
    n = (z_id - learnt.id_mean) / learnt.id_std
    step = attribute_edit(learnt, "A", 1.0, 1).step  # from the mean of 1 and 2 to that of 0 and 3, along the direction
    way = learnt.directions[0]
    torch.testing.assert_close((n[1] + n[2]) / 2 @ way + step @ way, (n[0] + n[3]) / 2 @ way, rtol=1e-3, atol=1e-4)
    for place, words in ((pictures, "holds something else"), (find_pack("mini"), "is part of this plugin")):
        assert main([*asked, str(place)]) == 2
        assert words in capsys.readouterr().err
    assert len(list(pictures.iterdir())) == 4


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (["--pack-config", "published"], 3, "encoders for pictures of side 256"),
        (["--pack-config", "nobody"], 3, "no pack 'nobody'"),
        (["--pack-config", "nowhere.json"], 3, "nowhere.json"),
        (["--steps", "0"], 2, "whole number from 1"),
        (["--batch", "-1"], 2, "whole number from 1"),
    ],
)
def test_a_bad_request_is_one_sentence(
    folder: Path, tmp_path: Path, capsys, monkeypatch, options: list[str], code: int, words: str
):
    monkeypatch.setenv("DVA_PACKS", str(tmp_path / "packs"))
    assert main(["train", str(folder), "--out", str(tmp_path / "run"), *options]) == code
    told = [line for line in capsys.readouterr().err.splitlines() if line.startswith("dva: ")]
    assert len(told) == 1
    assert words in told[0]
    assert not list(tmp_path.iterdir())
