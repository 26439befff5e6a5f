from pathlib import Path

import pytest

pytest.importorskip("numba")

from dva.dva_plugin.cli import main
from dva.model.packs.pack import load_pack


def test_a_pack_is_made_from_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """One step of each training is a useless pack, but a whole one."""
    monkeypatch.setattr(
        "dva.model.training.recipe.BATCH",
        dict.fromkeys(("identity", "landmarks", "parser", "judge"), 4) | {"denoiser": 8},
    )
    faces, out, pack = tmp_path / "faces", tmp_path / "forge", tmp_path / "pack"
    assert main(["forge", "render", str(faces / "a.safetensors"), "--people", "1", "--seed", "3"]) == 0
    where = ["--data", str(faces), "--out", str(out)]
    assert main(["forge", "train", "denoiser", *where, "--steps", "1", "--device", "cpu"]) == 3
    for network in ("identity", "denoiser", "landmarks", "parser"):
        assert main(["forge", "train", network, *where, "--steps", "1", "--device", "cpu", "--seed", "4"]) == 0
    assert main(["forge", "pack", *where, "--pack", str(pack), "--note", "one step"]) == 0
    made = load_pack(pack)
    assert made.facts["training"]["note"] == "one step"
    assert made.facts["training"]["networks"]["parser"] == {"steps": "1", "planned": "1", "seed": "4"}
    assert len(made.attributes) == len(made.directions) == 26
    assert main(["forge", "pack", *where, "--pack", str(pack)]) == 0  # a second time, over the first
    assert load_pack(pack).hash == made.hash
    assert sorted(p.name for p in tmp_path.iterdir()) == ["faces", "forge", "pack"]


def test_rendered_faces_that_are_missing_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["forge", "train", "parser", "--data", str(tmp_path / "none"), "--out", str(tmp_path / "out")]) == 4
    assert "no rendered faces in" in capsys.readouterr().err
