import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

pytest.importorskip("numba")

from PIL import Image
from tiny import FACTS, SIDE, tiny_pack

from dva.model.autoencoder import Autoencoder
from dva.model.errors import InputError, ModelFilesError, UsageError
from dva.model.packs.pack import Pack, load_pack
from dva.model.synth import build_head, render, sample_identity, sample_scene, talking
from dva.model.training.footage import Footage, aligned_picture, load_footage, prepare
from dva.model.training.loop import Plan
from dva.model.training.own import (
    OwnDenoiser,
    OwnTraining,
    moved_table,
    own_losses,
    own_spec,
    train_own,
    write_own_pack,
)
from dva.model.types import Progress

CPU = torch.device("cpu")
CONFIG = {**FACTS, "unet": {**FACTS["unet"], "dropout": 0.1}}
PLAN = Plan(steps=100, rate=4e-3, warmup=5, decay=0.0, ema=0.9, seed=3)


@pytest.fixture(scope="module")
def encoders(tmp_path_factory: pytest.TempPathFactory) -> Pack:
    return tiny_pack(tmp_path_factory.mktemp("packs") / "tiny")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """train/<video>/*.png: two rendered people who talk for six frames each, larger than the pack's crops."""
    folder = tmp_path_factory.mktemp("footage") / "train"
    for seed in (1, 2):
        rng = np.random.default_rng(seed)
        head, scene = build_head(sample_identity(rng)), sample_scene(rng)
        (folder / f"video-{seed}").mkdir(parents=True)
        for i, motion in enumerate(talking(rng, 6, 25.0)):
            picture = render(head, motion, scene, size=2 * SIDE, supersample=1).image
            Image.fromarray(picture).save(folder / f"video-{seed}" / f"{i:03d}.png")
    return folder


@pytest.fixture(scope="module")
def footage(encoders: Pack, folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Footage:
    path = tmp_path_factory.mktemp("run") / "footage.safetensors"
    assert prepare(folder, encoders, path, CPU) == []
    return load_footage(path)


@pytest.fixture(scope="module")
def training(encoders: Pack, footage: Footage) -> OwnTraining:
    return OwnTraining(footage, own_spec(CONFIG, encoders), encoders, PLAN, batch=4)


def test_the_footage_holds_what_the_encoders_see_of_every_picture(encoders: Pack, folder: Path, footage: Footage):
    assert len(footage.images) == 12
    seen = Autoencoder(encoders, CPU).perceive(footage.images, np.arange(12))
    torch.testing.assert_close(footage.z_id.mean(0), seen.z_id)
    torch.testing.assert_close(footage.z_lnd, seen.z_lnd)
    assert footage.mask.all()  # the tiny parser calls all of it skin
    last = np.asarray(Image.open(folder / "video-2" / "005.png")).astype(float)
    halved = last.reshape(SIDE, 2, SIDE, 2, 3).mean((1, 3)).transpose(2, 0, 1)
    assert np.abs(footage.images[11].numpy() - halved).max() <= 1


def test_training_lowers_the_loss(training: OwnTraining, encoders: Pack, tmp_path: Path):
    def losses(network: torch.nn.Module) -> dict[str, float]:
        with torch.no_grad():
            rng = torch.Generator().manual_seed(0)
            found = own_losses(network.eval(), training.footage, training.spec.schedule, 48, rng)
        return {name: float(loss) for name, loss in found.items()}

    before = losses(OwnDenoiser(training.spec, encoders))
    after = losses(train_own(training, tmp_path / "denoiser.safetensors", CPU).ema)
    # An untrained network answers 0, and the mean of |noise| is sqrt(2 / pi) in each of two draws.
    assert before["simple"] == pytest.approx(2 * (2 / np.pi) ** 0.5, rel=0.02)
    assert after["simple"] < 0.9 * before["simple"]
    assert after["reg"] < before["reg"]


def test_a_network_of_folded_pixels_keeps_its_linear_estimate(training: OwnTraining, encoders: Pack):
    """Before any training it already sees half of the noise, where one that predicts eps sees none."""
    config = {**CONFIG, "unet": {**CONFIG["unet"], "prediction": "v_rest"}}
    spec = own_spec(config, encoders)
    assert spec.unet.prediction == "v_rest"
    with torch.no_grad():
        network, rng = OwnDenoiser(spec, encoders).eval(), torch.Generator().manual_seed(0)
        losses = own_losses(network, training.footage, spec.schedule, 48, rng)
    assert losses["simple"] < 0.5 * 2 * (2 / np.pi) ** 0.5


def test_a_training_stopped_midway_and_resumed_gives_the_undisturbed_network(training: OwnTraining, tmp_path: Path):
    short = replace(training, plan=replace(PLAN, steps=8))
    whole = train_own(short, tmp_path / "whole.safetensors", CPU)

    class StoppedError(Exception):
        pass

    def stop(progress: Progress) -> None:
        if progress.done == 3:
            raise StoppedError

    with pytest.raises(StoppedError):
        train_own(short, tmp_path / "cut.safetensors", CPU, stop)
    torch.rand(5)  # whatever else is drawn in between
    resumed = train_own(short, tmp_path / "cut.safetensors", CPU)
    assert resumed.step == whole.step == 8
    for one, other in ((whole.network, resumed.network), (whole.ema, resumed.ema)):
        assert all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))


def test_the_pack_that_comes_of_it_encodes_and_decodes(training: OwnTraining, encoders: Pack, tmp_path: Path):
    run = train_own(replace(training, plan=replace(PLAN, steps=2)), tmp_path / "denoiser.safetensors", CPU)
    write_own_pack(tmp_path / "own", run, training)
    pack = load_pack(tmp_path / "own")
    assert (pack.spec.name, pack.spec.unet.prediction, pack.defaults.start) == ("own", "eps", 1000)
    for name, tensor in run.ema.state_dict().items():
        assert torch.equal(pack.networks.state_dict()[name], tensor), name
    images = training.footage.images
    ours = pack.networks.identity(images.float() / 127.5 - 1)
    torch.testing.assert_close(ours, encoders.networks.identity(images.float() / 127.5 - 1))
    torch.testing.assert_close(pack.id_mean, ours.mean(0))
    torch.testing.assert_close(pack.id_std, ours.std(0))
    assert json.loads((tmp_path / "own" / "pack.json").read_text())["training"]["pictures"] == 12


def test_other_statistics_leave_what_classifiers_say_and_how_far_strength_1_goes(encoders: Pack):
    """Second route: the probabilities of raw z_id, and the length of the step in raw z_id."""
    rng = torch.Generator().manual_seed(0)
    z_id = 0.3 * torch.randn(50, encoders.spec.id_dim, generator=rng) + 0.2
    table = moved_table(encoders, z_id)
    before = (z_id - encoders.id_mean) / encoders.id_std @ encoders.directions.T + encoders.biases
    after = (z_id - z_id.mean(0)) / z_id.std(0) @ table.directions.T + table.biases
    torch.testing.assert_close(after, before, rtol=1e-4, atol=1e-4)
    for old, new, was, now in zip(
        encoders.attributes, table.attributes, encoders.directions, table.directions, strict=True
    ):
        assert (old.name, old.region) == (new.name, new.region)
        length = old.unit * (was / was.norm() * encoders.id_std).norm()
        torch.testing.assert_close(new.unit * (now / now.norm() * table.std).norm(), length)


def test_footage_that_has_changed_is_not_mixed_into_a_begun_run(encoders: Pack, folder: Path, tmp_path: Path):
    path = tmp_path / "footage.safetensors"
    prepare(folder / "video-1", encoders, path, CPU)
    before = path.read_bytes()
    prepare(folder / "video-1", encoders, path, CPU)
    with pytest.raises(UsageError, match="other footage"):
        prepare(folder / "video-2" / "..", encoders, path, CPU)
    assert path.read_bytes() == before


def test_pictures_that_cannot_be_aligned_ones_are_named(encoders: Pack, tmp_path: Path):
    Image.new("RGB", (20, 30)).save(tmp_path / "tall.png")
    with pytest.raises(InputError, match=r"tall\.png is 20x30"):
        prepare(tmp_path, encoders, tmp_path / "run" / "footage.safetensors", CPU)
    (tmp_path / "tall.png").write_bytes(b"no picture")
    with pytest.raises(InputError, match=r"tall\.png cannot be read as a picture"):
        aligned_picture(tmp_path / "tall.png", SIDE)
    assert not (tmp_path / "run").exists()


def test_a_folder_without_faces_is_refused(encoders: Pack, tmp_path: Path):
    with pytest.raises(InputError, match="fewer than two pictures"):
        prepare(tmp_path, encoders, tmp_path / "footage.safetensors", CPU)
    with pytest.raises(InputError, match="there is no folder"):
        prepare(tmp_path / "nowhere", encoders, tmp_path / "footage.safetensors", CPU)


def test_sizes_that_do_not_fit_the_encoders_are_refused(encoders: Pack):
    larger = {**CONFIG, "resolution": 32, "unet": {**CONFIG["unet"], "resolution": 32}}
    with pytest.raises(UsageError, match="pictures of side 32"):
        own_spec(larger, encoders)
    with pytest.raises(ModelFilesError, match="malformed"):
        own_spec({**CONFIG, "unet": {**CONFIG["unet"], "groups": 3}}, encoders)
