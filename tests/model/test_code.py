import dataclasses
import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from tiny import tiny_pack

from dva.model.code import ClipCode, SourceFacts, digest_of, facts_of, load_code, save_code, tensors_of
from dva.model.editing.attribute import IdentityEdit
from dva.model.errors import InputError, ModelFilesError
from dva.model.files import write_tensor_file
from dva.model.types import FaceTrack


@pytest.fixture
def code() -> ClipCode:
    frames, side = 4, 8
    track = FaceTrack(
        np.random.default_rng(0).random((frames, 4, 2)) * 30,
        np.zeros((frames, 5, 2), np.float32),
        np.zeros(frames, np.uint8),
        np.ones(frames, np.float32),
        (48, 64),
        Fraction(24000, 1001),
    )
    edit = IdentityEdit("Bangs", "face+hair", torch.randn(6), np.linspace(0, 1, frames, dtype=np.float32))
    return ClipCode(
        pack_name="tiny",
        pack_hash="ab" * 32,
        solver="ddim",
        steps=20,
        start=600,
        guidance=0.5,
        source=SourceFacts("shot.mov", (48, 64), Fraction(24000, 1001), frames, "cd" * 32),
        track=track,
        z_id=torch.randn(6),
        z_lnd=torch.rand(frames, 102),
        noise=torch.randn(frames, 3, side, side).half(),
        crops=torch.randint(0, 256, (frames, 3, side, side), dtype=torch.uint8),
        parsing=torch.zeros(frames, side, side, dtype=torch.uint8),
        residual=torch.randn(frames, 3, side, side).half(),
        edits=(edit,),
    )


def test_a_saved_code_comes_back_bit_for_bit(code: ClipCode, tmp_path: Path):
    save_code(code, tmp_path / "clip.dva")
    back = load_code(tmp_path / "clip.dva")
    for name in ("z_id", "z_lnd", "noise", "crops", "parsing", "residual"):
        assert torch.equal(getattr(back, name), getattr(code, name)), name
    for name in ("quads", "landmarks", "status", "confidence"):
        np.testing.assert_array_equal(getattr(back.track, name), getattr(code.track, name))
    assert back.source == code.source
    assert (back.steps, back.start, back.guidance, back.solver) == (20, 600, 0.5, "ddim")
    assert back.track.frame_rate == Fraction(24000, 1001)
    assert (back.edits[0].name, back.edits[0].region) == ("Bangs", "face+hair")
    assert torch.equal(back.edits[0].step, code.edits[0].step)
    np.testing.assert_array_equal(back.edits[0].strength, code.edits[0].strength)
    assert [p.name for p in tmp_path.iterdir()] == ["clip.dva"]


def test_the_same_edit_twice_is_saved_twice(code: ClipCode, tmp_path: Path):
    save_code(code.with_edit(code.edits[0]), tmp_path / "clip.dva")
    assert [edit.name for edit in load_code(tmp_path / "clip.dva").edits] == ["Bangs", "Bangs"]


def test_a_changed_byte_is_noticed(code: ClipCode, tmp_path: Path):
    path = tmp_path / "clip.dva"
    save_code(code, path)
    data = bytearray(path.read_bytes())
    data[-100] ^= 1
    path.write_bytes(data)
    with pytest.raises(ModelFilesError, match="damaged"):
        load_code(path)


@pytest.mark.parametrize("keep", [0, 5, 300])
def test_a_truncated_file_is_refused_in_a_sentence(code: ClipCode, tmp_path: Path, keep: int):
    path = tmp_path / "clip.dva"
    save_code(code, path)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ModelFilesError, match=r"clip\.dva"):
        load_code(path)


def test_a_later_format_is_refused(code: ClipCode, tmp_path: Path):
    path = tmp_path / "clip.dva"
    save_code(code, path)
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
    save_file(load_file(path), path, metadata | {"format_version": "2"})
    with pytest.raises(ModelFilesError, match="version 2"):
        load_code(path)


def test_a_quad_that_is_no_number_is_refused(code: ClipCode, tmp_path: Path):
    quads = code.track.quads.copy()
    quads[1, 0, 0] = np.nan
    broken = dataclasses.replace(code, track=dataclasses.replace(code.track, quads=quads))
    save_code(broken, tmp_path / "clip.dva")
    with pytest.raises(ModelFilesError, match="not a finite number"):
        load_code(tmp_path / "clip.dva")


def test_an_unwritable_place_is_said(code: ClipCode, tmp_path: Path):
    with pytest.raises(InputError, match="cannot write"):
        save_code(code, tmp_path / "nowhere" / "clip.dva")


def test_a_changed_fact_is_noticed(code: ClipCode, tmp_path: Path):
    path = tmp_path / "clip.dva"
    save_code(code, path)
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
    changed = metadata["code"].replace('"start": 600', '"start": 700')
    save_file(load_file(path), path, metadata | {"code": changed})
    with pytest.raises(ModelFilesError, match="damaged"):
        load_code(path)


@pytest.mark.parametrize(("changes", "message"), [({"start": 0}, "out of range"), ({"steps": 2000}, "out of range")])
def test_impossible_numbers_are_refused(code: ClipCode, tmp_path: Path, changes: dict[str, int], message: str):
    save_code(dataclasses.replace(code, **changes), tmp_path / "clip.dva")
    with pytest.raises(ModelFilesError, match=message):
        load_code(tmp_path / "clip.dva")


def forge_file(path: Path, tensors: dict[str, torch.Tensor], facts: object) -> None:
    """A code's file that says and holds what it likes, under a digest that fits."""
    if isinstance(facts, dict):
        facts["digest"] = digest_of(tensors, {name: value for name, value in facts.items() if name != "digest"})
    write_tensor_file(path, tensors, {"format_version": "1", "code": json.dumps(facts)})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("frame_count", 10**12),
        ("frame_count", 5),
        ("frame_count", "4"),
        ("frame_rate", "1e999999999"),
        ("frame_rate", "0"),
        ("frame_rate", "1/0"),
        ("frame_size", [10**9, 10**9]),
        ("frame_size", [48]),
        ("sha256", None),
    ],
)
def test_a_source_that_cannot_be_is_refused(code: ClipCode, tmp_path: Path, name: str, value: object):
    facts = facts_of(code)
    facts["source"][name] = value
    forge_file(tmp_path / "clip.dva", tensors_of(code), facts)
    with pytest.raises(ModelFilesError, match=r"clip\.dva is malformed"):
        load_code(tmp_path / "clip.dva")


@pytest.mark.parametrize(
    ("name", "tensor"),
    [
        ("z_id", torch.full((6,), torch.nan)),
        ("z_lnd", torch.full((4, 102), torch.inf)),
        ("z_lnd", torch.zeros(4, 0)),
        ("noise", torch.full((4, 3, 8, 8), torch.nan).half()),
        ("residual", torch.full((4, 3, 8, 8), -torch.inf).half()),
        ("residual", torch.zeros(4, 3, 8, 8)),
        ("noise", torch.zeros(10**12, 3, 8, 0).half()),
        ("crops", torch.zeros(4, 3, 0, 0, dtype=torch.uint8)),
        ("crops", torch.zeros((), dtype=torch.uint8)),
        ("status", torch.full((4,), 77, dtype=torch.uint8)),
        ("edits.0.strength", torch.full((4,), torch.nan)),
        ("edits.0.step", torch.zeros(7)),
        ("edits.1.step", torch.zeros(6)),
        ("stowaway", torch.zeros(4)),
    ],
)
def test_a_tensor_that_cannot_be_is_refused(code: ClipCode, tmp_path: Path, name: str, tensor: torch.Tensor):
    forge_file(tmp_path / "clip.dva", tensors_of(code) | {name: tensor}, facts_of(code))
    with pytest.raises(ModelFilesError, match=r"clip\.dva is malformed"):
        load_code(tmp_path / "clip.dva")


@pytest.mark.parametrize("facts", [[], {}, "text", {"edits": 7}])
def test_facts_of_another_kind_are_refused(code: ClipCode, tmp_path: Path, facts: object):
    forge_file(tmp_path / "clip.dva", tensors_of(code), facts)
    with pytest.raises(ModelFilesError, match=r"clip\.dva is malformed"):
        load_code(tmp_path / "clip.dva")


def test_words_nested_too_deep_are_refused(code: ClipCode, tmp_path: Path):
    metadata = {"format_version": "1", "code": "[" * 100_000}
    write_tensor_file(tmp_path / "clip.dva", tensors_of(code), metadata)
    with pytest.raises(ModelFilesError, match=r"clip\.dva"):
        load_code(tmp_path / "clip.dva")


def test_a_code_that_lies_about_its_pack_is_refused(code: ClipCode, tmp_path: Path):
    pack = tiny_pack(tmp_path / "tiny")
    lying = dataclasses.replace(code, pack_hash=pack.hash)  # its crops are 8 wide, the pack's 16
    with pytest.raises(ModelFilesError, match="crops of 8 pixels, where tiny has 6 and 16"):
        lying.check_pack(pack)


def rewrite_facts(path: Path, **changes: object) -> None:
    """Change what a code's file says about it; None leaves a word out. The digest fits again afterwards."""
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
    facts = {**json.loads(metadata["code"]), **changes, "digest": None}
    facts = {name: value for name, value in facts.items() if value is not None}
    tensors = load_file(path)
    facts["digest"] = digest_of(tensors, facts)
    save_file(tensors, path, metadata | {"code": json.dumps(facts)})


def test_a_file_from_before_features_could_be_exchanged_is_read(code: ClipCode, tmp_path: Path):
    save_code(code, tmp_path / "clip.dva")
    rewrite_facts(tmp_path / "clip.dva", exchanged=None)
    assert load_code(tmp_path / "clip.dva").exchanged == ()


def test_an_exchanged_feature_that_nobody_knows_is_refused(code: ClipCode, tmp_path: Path):
    save_code(code, tmp_path / "clip.dva")
    rewrite_facts(tmp_path / "clip.dva", exchanged=["smell"])
    with pytest.raises(ModelFilesError, match="smell"):
        load_code(tmp_path / "clip.dva")
