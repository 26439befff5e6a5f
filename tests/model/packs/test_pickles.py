"""Foreign checkpoints: what is in them comes out, and nothing in them runs."""

import io
import os
import pickle
import struct
import sys
import zipfile
from collections import OrderedDict
from pathlib import Path
from types import ModuleType

import pytest
import torch

from dva.model.errors import ModelFilesError
from dva.model.packs.checkpoints import read_checkpoint
from dva.model.packs.pickles import Inert, read_pickle

FORMATS = pytest.mark.parametrize("archive", [True, False], ids=["archive", "stream"])


class Trap:
    """Makes a folder when somebody unpickles it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (str(self.folder),)


def saved(folder: Path, value: object, archive: bool = True) -> Path:
    path = folder / "checkpoint.ckpt"
    torch.save(value, path, _use_new_zipfile_serialization=archive)
    return path


def tensors() -> dict[str, torch.Tensor]:
    torch.manual_seed(1)
    base = torch.randn(6, 5)
    kinds = (torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.uint8, torch.bool)
    return {
        "plain": torch.randn(3, 4, 2),
        "turned": base.T,
        "part": base[2:4, 1:],
        "whole": base,
        "scalar": torch.tensor(7),
        "empty": torch.empty(0, 3),
        "odd": torch.arange(3, dtype=torch.uint8),  # leaves what follows it in a stream off its alignment
        "parameter": torch.nn.Parameter(torch.randn(2)),
        **{str(kind): torch.randn(9).mul(40).to(kind) for kind in kinds},
    }


@FORMATS
def test_tensors_are_those_that_torch_reads(tmp_path: Path, archive: bool):
    path = saved(tmp_path, {"state_dict": OrderedDict(tensors()), "epoch": 3}, archive)
    known = torch.load(path, weights_only=True)["state_dict"]
    read = read_checkpoint(path)
    assert list(read) == list(known)
    for name, tensor in read.items():
        assert tensor.dtype == known[name].dtype
        assert torch.equal(tensor, known[name]), name


@FORMATS
def test_a_bare_dictionary_is_a_state_dict(tmp_path: Path, archive: bool):
    path = saved(tmp_path, {"conds_mean": torch.ones(1, 4), "conds_std": torch.zeros(1, 4)}, archive)
    assert read_checkpoint(path)["conds_mean"].tolist() == [[1, 1, 1, 1]]


def test_a_prefix_selects_and_goes(tmp_path: Path):
    both = {"model.a": torch.zeros(2), "ema_model.a": torch.ones(2), "ema_model.model.a": torch.full((2,), 2.0)}
    read = read_checkpoint(saved(tmp_path, {"state_dict": both}), "ema_model.")
    assert {name: tensor[0].item() for name, tensor in read.items()} == {"a": 1, "model.a": 2}


@FORMATS
def test_nothing_runs(tmp_path: Path, archive: bool):
    told = tmp_path / "it ran"
    trapped = {"hyper_parameters": Trap(told), "state_dict": {"a": torch.ones(2)}}
    path = saved(tmp_path, trapped, archive)
    torch.load(path, weights_only=False)
    told.rmdir()  # so the trap works
    assert read_checkpoint(path)["a"].tolist() == [1, 1]
    assert not told.exists()


@FORMATS
def test_a_class_among_the_tensors_is_refused_by_name(tmp_path: Path, archive: bool):
    told = tmp_path / "it ran"
    path = saved(tmp_path, {"state_dict": {"a": torch.ones(2), "b": Trap(told)}}, archive)
    with pytest.raises(ModelFilesError, match=rf"'{os.name}\.mkdir' as 'b'"):
        read_checkpoint(path)
    assert not told.exists()


def test_what_hides_inside_a_tensor_is_refused_by_name(tmp_path: Path):
    class Hiding(torch.Tensor):
        def __reduce_ex__(self, _):
            return torch._utils._rebuild_parameter, (torch.ones(2), False, Trap(tmp_path / "it ran"))

    path = saved(tmp_path, {"state_dict": {"a": torch.ones(2).as_subclass(Hiding)}})
    with pytest.raises(ModelFilesError, match=rf"'{os.name}\.mkdir' as 'a'"):
        read_checkpoint(path)
    assert not (tmp_path / "it ran").exists()


@FORMATS
def test_unknown_classes_outside_the_tensors_are_never_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, archive: bool
):
    """As a Lightning checkpoint has them: a configuration, an optimiser's state, a class among the callbacks."""
    module = ModuleType("configlib")
    exec("class Config(dict):\n  pass\nclass Callback:\n  pass", module.__dict__)
    monkeypatch.setitem(sys.modules, "configlib", module)
    config = module.Config(depth=3)
    config.note = {"inner": module.Callback()}
    told = {
        "hyper_parameters": config,
        "callbacks": {module.Callback: {"best": torch.tensor(1.0)}},
        "optimizer_states": [{"state": {0: {"step": 3, "exp_avg": torch.zeros(4)}}, "groups": ({1, 2}, range(3))}],
        "state_dict": OrderedDict(a=torch.ones(2)),
        "lr": 1e-4,
    }
    path = saved(tmp_path, told, archive)
    (tmp_path / "configlib.py").write_text("raise SystemExit('imported')")
    monkeypatch.delitem(sys.modules, "configlib")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(SystemExit):
        torch.load(path, weights_only=False)
    assert read_checkpoint(path)["a"].tolist() == [1, 1]


@FORMATS
@pytest.mark.parametrize("share", [0.0, 0.02, 0.3, 0.6, 0.95, 0.9999])
def test_a_file_that_is_cut_short_is_refused(tmp_path: Path, archive: bool, share: float):
    path = saved(tmp_path, {"state_dict": {"a": torch.randn(2000), "b": torch.randn(2000)}}, archive)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(ModelFilesError, match="download it again"):
        read_checkpoint(path)


def test_a_download_with_a_hole_is_refused_where_the_hole_matters(tmp_path: Path):
    path = saved(tmp_path, {"state_dict": {"model.a": torch.ones(5000), "ema_model.a": torch.full((5000,), 2.0)}})
    data = path.read_bytes()
    hole = data.index(struct.pack("<f", 1.0) * 100)
    path.write_bytes(data[:hole] + bytes(400) + data[hole + 400 :])
    assert read_checkpoint(path, "ema_model.")["a"].sum() == 10000
    with pytest.raises(ModelFilesError, match="CRC"):
        read_checkpoint(path, "model.")


@pytest.mark.parametrize(
    "content", [b"", b"<!DOCTYPE html><title>Quota exceeded</title>", b"\x80\x02K\x01.", b"PK\x03\x04"]
)
def test_a_file_of_another_kind_is_refused(tmp_path: Path, content: bytes):
    path = tmp_path / "model.ckpt"
    path.write_bytes(content)
    with pytest.raises(ModelFilesError, match=r"model\.ckpt cannot be read as a torch checkpoint"):
        read_checkpoint(path)


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path):
    for path in (tmp_path, tmp_path / "none.ckpt"):
        with pytest.raises(ModelFilesError, match="there is no file"):
            read_checkpoint(path)


@pytest.mark.parametrize("value", [[torch.ones(2)], {"state_dict": 3}, {"state_dict": {}}, {"other.a": torch.ones(2)}])
def test_a_checkpoint_without_the_tensors_is_refused(tmp_path: Path, value: object):
    with pytest.raises(ModelFilesError, match="name another file"):
        read_checkpoint(saved(tmp_path, value), "ema_model.")


class Claim:
    """A tensor whose description says anything."""

    def __init__(self, numel: int, offset: int, shape: tuple, stride: tuple) -> None:
        self.numel, self.numbers = numel, (offset, shape, stride)

    def __reduce__(self):
        return torch._utils._rebuild_tensor_v2, (Stored(self.numel), *self.numbers, False, OrderedDict())


class Stored:
    def __init__(self, numel: int) -> None:
        self.numel = numel


class Forger(pickle.Pickler):
    def persistent_id(self, value: object):
        return ("storage", torch.FloatStorage, "0", "cpu", value.numel) if isinstance(value, Stored) else None


def forged(path: Path, claim: Claim, data: bytes, archive: bool, **options) -> Path:
    """A checkpoint whose one storage holds data, and whose one tensor is what the claim says."""
    stream = io.BytesIO()
    Forger(stream, 2).dump({"state_dict": {"a": claim}})
    if archive:
        with zipfile.ZipFile(path, "w", **options) as file:
            file.writestr("x/data.pkl", stream.getvalue())
            file.writestr("x/data/0", data)
    else:
        start = (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True})
        pickles = [pickle.dumps(part, 2) for part in start] + [stream.getvalue(), pickle.dumps(["0"], 2)]
        path.write_bytes(b"".join(pickles) + struct.pack("<q", claim.numel) + data)
    return path


@FORMATS
def test_a_description_that_fits_is_believed(tmp_path: Path, archive: bool):
    path = forged(tmp_path / "x", Claim(4, 1, (3,), (1,)), struct.pack("<4f", 1, 2, 3, 4), archive)
    assert read_checkpoint(path)["a"].tolist() == [2, 3, 4]


@FORMATS
@pytest.mark.parametrize(
    "claim",
    [
        Claim(10**12, 0, (10**12,), (1,)),  # four terabytes
        Claim(4, 0, (5,), (1,)),
        Claim(4, 2, (3,), (1,)),
        Claim(4, 0, (2, 2), (3, 1)),
        Claim(4, -1, (2,), (1,)),
        Claim(4, 3, (4,), (-1,)),
        Claim(4, 0, (10**6, 10**6), (0, 0)),
        Claim(4, 0, (1,) * 70, (1,) * 70),
        Claim(4, 0, (2, 2), (1,)),
        Claim(-4, 0, (0,), (1,)),
        Claim(3, 0, (3,), (1,)),
    ],
    ids=lambda claim: f"{claim.numel}{claim.numbers}"[:40],
)
def test_a_description_that_leads_out_of_the_file_is_refused(tmp_path: Path, claim: Claim, archive: bool):
    data = bytes(16) if claim.numel != 3 or archive else bytes(8)
    with pytest.raises(ModelFilesError):
        read_checkpoint(forged(tmp_path / "x", claim, data, archive))


def test_packed_members_are_refused_before_they_grow(tmp_path: Path):
    claim = Claim(1 << 20, 0, (1 << 20,), (1,))
    path = forged(tmp_path / "x", claim, bytes(4 << 20), archive=True, compression=zipfile.ZIP_DEFLATED)
    with pytest.raises(ModelFilesError, match="compressed"):
        read_checkpoint(path)


def test_writing_into_a_tensor_leaves_the_file_alone(tmp_path: Path):
    path = saved(tmp_path, {"a": torch.ones(3)})
    before = path.read_bytes()
    read_checkpoint(path)["a"].zero_()
    assert path.read_bytes() == before


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_plain_values_are_those_that_pickle_reads(protocol: int):
    value = {"a": [1, -(2**70), 1.5, None, True, "\u00e9\n"], "b": (b"raw", (), ("x",), (1, 2, 3, 4)), "c": {}, "d": []}
    value["e"] = value["a"]
    read = read_pickle(io.BytesIO(pickle.dumps(value, protocol))).value
    expected = pickle.loads(pickle.dumps(value, protocol))
    if protocol < 3:  # bytes came as a call
        assert isinstance(read["b"][0], Inert)
        read["b"], expected["b"] = read["b"][1:], expected["b"][1:]
    assert read == expected
    assert read["e"] is read["a"]


def test_keys_that_are_no_texts_are_not_hashed():
    program = b"\x80\x02}(K\x01" + b"\x85" * 200_000 + b"K\x02u."  # a tuple in a tuple in a tuple, as a key
    [key] = read_pickle(io.BytesIO(program)).value
    assert isinstance(key, Inert)
    assert key.name == "tuple"


def test_a_far_place_in_the_memo_takes_no_memory():
    assert read_pickle(io.BytesIO(b"\x80\x02}r\xff\xff\xff\x7f.")).value == {}


@pytest.mark.parametrize(
    "program",
    [b"\x80\x02\x82\x01.", b"\x80\x02.", b"\x80\x02(.", b"\x80\x02K\x01R.", b"\x80\x02h\x05.", b"\x80\x02K\x01"],
)
def test_a_program_that_makes_no_sense_is_refused(program: bytes):
    with pytest.raises(ValueError, match=r"pickle|exhausted|opcode"):
        read_pickle(io.BytesIO(program))
