import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from dva.model.files import Layout, TensorRows, map_tensor_file, write_tensor_file

TENSORS = {
    "odd": torch.arange(21, dtype=torch.uint8).reshape(7, 3),
    "wide": torch.linspace(0, 1, 14, dtype=torch.float64).reshape(7, 2),
    "half": torch.linspace(-1, 1, 35).half().reshape(7, 5),
    "yes": torch.arange(7) % 2 == 0,
    "alone": torch.tensor(3.5),
}


def test_rows_filled_in_any_order_make_the_file_that_is_written_whole(tmp_path: Path):
    rowed = {name: tensor for name, tensor in TENSORS.items() if tensor.ndim}
    write_tensor_file(tmp_path / "whole", rowed, {"why": "ö"})
    TensorRows.create(tmp_path / "rows", {n: Layout.of(t) for n, t in rowed.items()}, {"why": "ö"})
    order = np.random.default_rng(0).permutation(7)
    with TensorRows(tmp_path / "rows") as file:
        for name, tensor in rowed.items():
            file.write(name, order[:4], tensor[order[:4]])
            file.write(name, order[4:], tensor[order[4:]])
    assert (tmp_path / "rows").read_bytes() == (tmp_path / "whole").read_bytes()


def test_what_is_written_is_read_by_safetensors_and_mapped_alike(tmp_path: Path):
    strided = {"strided": torch.arange(24.0).reshape(4, 6)[:, ::2], "empty": torch.zeros(0, 3)}
    write_tensor_file(tmp_path / "file", TENSORS | strided, {"a": "b"})
    metadata, mapped = map_tensor_file(tmp_path / "file")
    read = load_file(tmp_path / "file")
    assert metadata == {"a": "b"}
    for name, tensor in (TENSORS | strided).items():
        assert torch.equal(read[name], tensor), name
        assert torch.equal(mapped[name], tensor), name


def test_rows_never_written_are_zero(tmp_path: Path):
    TensorRows.create(tmp_path / "blank", {"x": Layout(torch.float32, (1000, 7))})
    assert not map_tensor_file(tmp_path / "blank")[1]["x"].any()


def test_metadata_changes_only_where_it_keeps_its_length(tmp_path: Path):
    write_tensor_file(tmp_path / "file", TENSORS, {"digest": "0" * 8})
    with TensorRows(tmp_path / "file") as file:
        file.rewrite_metadata({"digest": "abcd1234"})
        with pytest.raises(ValueError, match="length"):
            file.rewrite_metadata({"digest": "x" * 80})
    metadata, mapped = map_tensor_file(tmp_path / "file")
    assert metadata == {"digest": "abcd1234"}
    assert torch.equal(mapped["half"], TENSORS["half"])


def test_values_of_another_type_or_shape_are_refused(tmp_path: Path):
    write_tensor_file(tmp_path / "file", TENSORS)
    with TensorRows(tmp_path / "file") as file:
        for wrong in (torch.zeros(1, 5), torch.zeros(1, 4).half()):
            with pytest.raises(ValueError, match="half holds"):
                file.write("half", np.arange(1), wrong)


@pytest.mark.parametrize("head", [b"", b"\xff" * 8, (1 << 40).to_bytes(8, "little") + b"{}", b"\2" + b"\0" * 7 + b"{]"])
def test_a_header_that_lies_is_refused(tmp_path: Path, head: bytes):
    (tmp_path / "file").write_bytes(head)
    with pytest.raises(ValueError):
        map_tensor_file(tmp_path / "file")


def anonymous_bytes() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith("RssAnon"))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells memory by kind")
def test_reading_all_of_a_mapped_file_takes_no_memory_of_our_own(tmp_path: Path):
    write_tensor_file(tmp_path / "file", {"x": torch.ones(1 << 26, dtype=torch.uint8)})
    before = anonymous_bytes()
    x = map_tensor_file(tmp_path / "file")[1]["x"]
    assert int(x[:: 1 << 12].sum()) == 1 << 14
    assert anonymous_bytes() - before < 1 << 24
