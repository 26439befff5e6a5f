"""What the benchmarks measure with: frames in one batch are the frames of clips, and a plot shows its points."""

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from tiny import SIDE, tiny_pack
from torch import Tensor

from dva.benchmarks.batch import Frames, Walk
from dva.benchmarks.held_out import crop_track
from dva.benchmarks.report import Panel, keep, lines, table
from dva.model.autoencoder import Autoencoder
from dva.model.editing.attribute import attribute_edit
from dva.model.samplers import Solver

EDIT = ("Gray_Hair", 6.0)


@pytest.fixture(scope="module")
def autoencoder(tmp_path_factory: pytest.TempPathFactory) -> Autoencoder:
    return Autoencoder(tiny_pack(tmp_path_factory.mktemp("packs") / "tiny"), torch.device("cpu"))


@pytest.fixture
def clips() -> list[Tensor]:
    draw = torch.Generator().manual_seed(3)
    return [torch.randint(0, 256, (n, 3, SIDE, SIDE), generator=draw, dtype=torch.uint8) for n in (1, 2)]


@pytest.mark.parametrize(("solver", "least"), [("anderson", 0.01), ("bdia", 0.01), ("shared_noise", 0.005)])
def test_frames_of_many_clips_walk_as_each_clip_does(
    autoencoder: Autoencoder, clips: list[Tensor], solver: Solver, least: float
):
    frames, walk = Frames.of(autoencoder, clips), Walk(autoencoder, solver, 8)
    noise = walk.up(frames)
    residual = (frames.x0 - walk.down(noise, frames)).half().float()
    edited = ((walk.edited(noise, residual, frames, EDIT) + 1) / 2).clamp(0, 1)
    first = 0
    for crops in clips:
        rows = slice(first, first + len(crops))
        first += len(crops)
        code = autoencoder.encode(crops, *crop_track(len(crops), SIDE), 8, solver)
        torch.testing.assert_close(noise[rows], code.noise, rtol=0, atol=2e-3)
        change = autoencoder.decode(code.with_edit(attribute_edit(autoencoder.pack, *EDIT, len(crops)))).difference
        assert change.abs().max() > least  # of a network with drawn weights
        torch.testing.assert_close(edited[rows] - crops.float() / 255, change, rtol=0, atol=1e-3)


def test_rows_that_share_an_x_are_averaged():
    rows = [{"way": "a", "n": 2, "s": 1.0}, {"way": "b", "n": 1, "s": 5.0}, {"way": "a", "n": 1, "s": 2.0}]
    rows.append({"way": "a", "n": 2, "s": 3.0})
    assert lines(rows, "way", "n", "s") == {"a": [(1.0, 2.0), (2.0, 2.0)], "b": [(1.0, 5.0)]}


def test_a_table_puts_equal_keys_under_one_another():
    head, first, second = table([{"name": "short", "n": 1}, {"name": "a longer one", "n": 0.123456}]).splitlines()
    assert head.rindex("n") == first.rindex("1") == second.index("0.1235")


@pytest.mark.parametrize("log", [False, True])
def test_a_plot_shows_every_point_where_it_belongs(tmp_path: Path, log: bool):
    points = [(5.0, 0.25), (20.0, 0.5), (100.0, 1.0)]
    keep(tmp_path / "found.json", [], Panel("a < b", "steps", "SSIM", {"ours": points}, log))
    drawing = ElementTree.parse(tmp_path / "found.svg").getroot()
    dots = [(float(d.attrib["cx"]), float(d.attrib["cy"])) for d in drawing.findall(".//{*}circle")]
    ticks = {
        t.text: float(t.attrib["x"]) for t in drawing.findall(".//{*}text") if t.attrib.get("text-anchor") == "middle"
    }
    x, y = np.array(dots).T
    assert (np.diff(x) > 0).all()
    np.testing.assert_allclose((y[0] - y[1]) / (y[0] - y[2]), 1 / 3, atol=0.01)  # upwards, in proportion
    assert ticks["100"] == pytest.approx(x[-1])
    if log:
        np.testing.assert_allclose((x[1] - x[0]) / (x[2] - x[0]), np.log(4) / np.log(20), atol=0.01)
