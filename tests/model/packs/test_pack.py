import json
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file
from tiny import FACTS, write_tiny_pack

from dva.model.errors import ModelFilesError
from dva.model.packs.pack import load_pack


def test_a_pack_loads_with_frozen_networks_in_eval_mode(tmp_path: Path):
    pack = load_pack(write_tiny_pack(tmp_path / "tiny"))
    assert not pack.networks.training
    assert not any(p.requires_grad for p in pack.networks.parameters())
    assert [a.name for a in pack.attributes] == ["Eyeglasses", "Gray_Hair"]


def test_the_hash_tells_packs_apart_and_ignores_texts(tmp_path: Path):
    one = load_pack(write_tiny_pack(tmp_path / "a"))
    reworded = load_pack(write_tiny_pack(tmp_path / "b", licence="another"))
    other = load_pack(write_tiny_pack(tmp_path / "c", seed=1))
    assert one.hash == reworded.hash != other.hash


def test_a_missing_folder_is_named(tmp_path: Path):
    with pytest.raises(ModelFilesError, match=r"pack\.json is missing"):
        load_pack(tmp_path / "none")


@pytest.mark.parametrize("name", ["denoiser.safetensors", "encoders.safetensors", "attributes.safetensors"])
def test_a_damaged_weight_file_is_named(tmp_path: Path, name: str):
    folder = write_tiny_pack(tmp_path / "tiny")
    data = bytearray((folder / name).read_bytes())
    data[-1] ^= 1
    (folder / name).write_bytes(data)
    with pytest.raises(ModelFilesError, match=rf"{name} is damaged"):
        load_pack(folder)


def test_a_missing_weight_file_is_named(tmp_path: Path):
    folder = write_tiny_pack(tmp_path / "tiny")
    (folder / "denoiser.safetensors").unlink()
    with pytest.raises(ModelFilesError, match=r"denoiser\.safetensors cannot be read"):
        load_pack(folder)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format_version": 2}, "format version 2"),
        ({"unet": {"depth": 3}}, "malformed"),
        ({"schedule": 3}, "malformed"),
        ({"unet": FACTS["unet"] | {"groups": 3}}, "cannot be built"),
    ],
)
def test_a_pack_json_that_does_not_fit_is_refused(tmp_path: Path, changes: dict, message: str):
    with pytest.raises(ModelFilesError, match=message):
        load_pack(write_tiny_pack(tmp_path / "tiny", **changes))


def test_a_pack_json_that_is_no_object_is_refused(tmp_path: Path):
    folder = write_tiny_pack(tmp_path / "tiny")
    (folder / "pack.json").write_text("[]")
    with pytest.raises(ModelFilesError, match="malformed"):
        load_pack(folder)


def test_tensors_that_do_not_fit_are_listed_at_once(tmp_path: Path):
    folder = write_tiny_pack(tmp_path / "tiny")
    path = folder / "denoiser.safetensors"
    tensors = load_file(path)
    tensors["unet.surplus"] = tensors.pop("unet.conv_in.weight")
    tensors["unet.conv_in.bias"] = tensors["unet.conv_in.bias"][:3].clone()
    save_file(tensors, path)
    facts = json.loads((folder / "pack.json").read_text())
    import hashlib

    facts["files"][path.name]["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
    (folder / "pack.json").write_text(json.dumps(facts))
    with pytest.raises(ModelFilesError) as caught:
        load_pack(folder)
    for fault in ("surplus is unknown", "conv_in.weight is missing", r"conv_in.bias is (3,), not (8,)"):
        assert fault in str(caught.value)
