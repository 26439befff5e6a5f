from pathlib import Path

import pytest
import torch

pytest.importorskip("numba")

from safetensors.torch import load_file
from small_clip import write_small_clip

from dva.dva_plugin.cli import main
from dva.model.packs.pack import TEXT_FILE, load_pack
from dva.model.packs.text import add_text


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
    assert main(["forge", "train", "identity", *where, "--steps", "1", "--device", "cpu", "--seed", "4"]) == 0
    assert (out / "directions.safetensors").exists()  # it was trained to its end already, and is the same
    assert sorted(p.name for p in tmp_path.iterdir()) == ["faces", "forge", "pack"]
    _train_a_pack_further(tmp_path / "more", pack, tmp_path / "further", tmp_path / "better")


def _train_a_pack_further(faces: Path, pack: Path, further: Path, better: Path) -> None:
    """On other faces: what the denoiser has heard as an attribute stays what it hears, and texts can still be read."""
    add_text(pack, write_small_clip(faces.parent / "clip.safetensors"))
    assert main(["forge", "render", str(faces / "b.safetensors"), "--people", "1", "--seed", "5"]) == 0
    assert main(["forge", "unpack", "--pack", str(pack), "--out", str(further)]) == 0
    where = ["--data", str(faces), "--out", str(further)]
    assert main(["forge", "pack", *where, "--pack", str(better)]) == 0
    for name in ("denoiser.safetensors", "encoders.safetensors", "attributes.safetensors", TEXT_FILE):
        before, after = load_file(pack / name), load_file(better / name)
        assert before.keys() == after.keys()
        assert all(torch.equal(before[n], after[n]) for n in before)
    units = [[attribute.unit for attribute in load_pack(each).attributes] for each in (pack, better)]
    assert units[0] == pytest.approx(units[1], abs=2e-4)
    untrained = load_pack(better).hash
    assert main(["forge", "train", "denoiser", *where, "--steps", "2", "--device", "cpu", "--seed", "4"]) == 0
    assert main(["forge", "pack", *where, "--pack", str(better)]) == 0
    assert load_pack(better).hash != untrained
    directions = [load_file(each / "attributes.safetensors")["directions"] for each in (pack, better)]
    assert torch.equal(*directions)
    assert load_pack(better).facts["training"]["networks"]["denoiser"]["steps"] == "2"
    assert main(["forge", "train", "identity", *where, "--steps", "1", "--device", "cpu"]) == 0
    assert not (further / "directions.safetensors").exists()  # another z_id has other directions


def test_a_folder_that_holds_something_else_is_not_replaced_by_a_pack(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    photos = tmp_path / "photos"
    photos.mkdir()
    (photos / "holiday.jpg").write_bytes(b"irreplaceable")
    where = ["--data", str(tmp_path), "--out", str(tmp_path / "out")]
    assert main(["forge", "pack", *where, "--pack", str(photos)]) == 2
    assert "holds something else than a pack" in capsys.readouterr().err
    assert (photos / "holiday.jpg").read_bytes() == b"irreplaceable"


@pytest.mark.parametrize("rate", ["-1", "0", "nan", "fast"])
def test_a_rate_that_no_optimiser_takes_is_refused(rate: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["forge", "train", "parser", "--data", str(tmp_path), "--out", str(tmp_path), "--rate", rate]) == 2
    assert f"{rate!r} is not a number between 0 and 1" in capsys.readouterr().err


def test_rendered_faces_that_are_missing_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["forge", "train", "parser", "--data", str(tmp_path / "none"), "--out", str(tmp_path / "out")]) == 4
    assert "no rendered faces in" in capsys.readouterr().err
