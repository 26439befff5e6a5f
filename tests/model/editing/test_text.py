"""The search for a direction, on a network small enough to differentiate by hand."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from small_clip import write_small_clip
from tiny import SIDE, tiny_pack
from torch.nn import functional

from dva.dva_plugin.packs import open_pack
from dva.model.autoencoder import Autoencoder
from dva.model.code import ClipCode, SourceFacts
from dva.model.editing.attribute import attribute_edit
from dva.model.editing.chain import recovered_chain
from dva.model.editing.direction_file import (
    TextDirection,
    direction_edit,
    kept_direction,
    load_direction,
    save_direction,
)
from dva.model.editing.directional import SOFTNESS
from dva.model.editing.search import Search, TextProgress
from dva.model.editing.search_picture import with_curve
from dva.model.editing.text import cached_direction, find_direction
from dva.model.editing.text_settings import PUBLISHED, TextSettings
from dva.model.encoders.clip import Clip, load_clip
from dva.model.encoders.clip_cache import open_clip_model
from dva.model.errors import InputError, Interrupted, ModelFilesError, UsageError
from dva.model.samplers import ddim_step
from dva.model.types import FaceTrack, Progress

pytest.importorskip("open_clip")
CPU = torch.device("cpu")
FRAMES = 3
TEXTS = ("face", "face with eyeglasses")
QUICK = TextSettings(
    iterations=6, steps=3, anchors=2, patience=0, id_weight=0.0, l1_weight=0.0, sparse_weight=0.0, view="noisy"
)


@pytest.fixture(scope="module")
def autoencoder(tmp_path_factory: pytest.TempPathFactory) -> Autoencoder:
    return Autoencoder(tiny_pack(tmp_path_factory.mktemp("packs") / "tiny"), CPU)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Clip:
    return load_clip(write_small_clip(tmp_path_factory.mktemp("clip") / "small.safetensors"), CPU)


def encoded(autoencoder: Autoencoder, status: int = 0) -> ClipCode:
    rng = torch.Generator().manual_seed(0)
    crops = torch.randint(0, 256, (FRAMES, 3, SIDE, SIDE), dtype=torch.uint8, generator=rng)
    quads = np.tile(np.array([[0, 0], [0, 9], [9, 9], [9, 0]], float), (FRAMES, 1, 1))
    flags = np.full(FRAMES, status, np.uint8)
    track = FaceTrack(quads, np.zeros((FRAMES, 5, 2)), flags, np.ones(FRAMES), (32, 32), Fraction(24))
    return autoencoder.encode(crops, track, SourceFacts("clip.mp4", (32, 32), Fraction(24), FRAMES))


@pytest.fixture(scope="module")
def code(autoencoder: Autoencoder) -> ClipCode:
    return encoded(autoencoder)


@pytest.fixture(scope="module")
def found(autoencoder: Autoencoder, code: ClipCode, clip: Clip) -> TextDirection:
    return find_direction(autoencoder, code, clip, TEXTS, QUICK)


def test_the_gradient_is_the_slope(autoencoder: Autoencoder, code: ClipCode, clip: Clip):
    text = clip.text_direction(*TEXTS)
    search = Search(autoencoder, code, clip, text, replace(QUICK, id_weight=1.0, l1_weight=50.0))
    step = 1.5 * torch.randn(6, generator=torch.Generator().manual_seed(1))
    wanted = step.clone().requires_grad_()
    search.losses(wanted).total.backward()
    assert wanted.grad is not None
    for k in range(len(step)):
        nudge = torch.zeros(6)
        nudge[k] = 2e-2
        with torch.no_grad():
            slope = (search.losses(step + nudge).total - search.losses(step - nudge).total) / 4e-2
        assert float(wanted.grad[k]) == pytest.approx(float(slope), abs=4e-3, rel=0.05)


def test_the_chain_is_one_single_step_from_each_recovered_picture(autoencoder: Autoencoder, code: ClipCode, clip: Clip):
    """With the original identity the single steps land on the chain itself: nothing is edited, nothing differs."""
    chain = recovered_chain(autoencoder, code, clip, 3, 2, "noisy")
    predict = autoencoder.predictor(code.z_id.expand(2, -1), code.z_lnd[[0, 2]])
    assert [level.t for level in chain.levels] == [0, 199, 399, 599]
    rows = []
    for n in (3, 2, 1):
        here, there = chain.levels[n], chain.levels[n - 1]
        x = ddim_step(chain.recovered[n], predict(chain.recovered[n], here.t), here.alpha_bar, there.alpha_bar)
        torch.testing.assert_close(x, chain.recovered[n - 1])
        rows.append(x)
    torch.testing.assert_close(torch.cat(rows), chain.before)


def test_the_loss_falls_and_the_score_rises(found: TextDirection):
    total, score = found.losses[:, 0], found.losses[:, 4]
    assert total.min() < total[0]
    assert score[int(total.argmin())] > score[0]
    assert found.step.abs().max() > 0


@pytest.mark.parametrize("view", ["noisy", "estimated"])
def test_it_runs_where_the_host_switched_gradients_off(tmp_path: Path, clip: Clip, found: TextDirection, view: str):
    settings = replace(QUICK, view=view)
    with torch.inference_mode():  # as ComfyUI does: pack, code and CLIP all come into being inside
        autoencoder = Autoencoder(tiny_pack(tmp_path / "tiny"), CPU)
        inside = load_clip(write_small_clip(tmp_path / "small.safetensors"), CPU)
        direction = find_direction(autoencoder, encoded(autoencoder), inside, TEXTS, settings)
    assert not direction.step.is_inference()
    if view == "noisy":
        torch.testing.assert_close(direction.step, found.step, atol=1e-4, rtol=1e-3)


def test_a_step_that_is_nearly_an_attributes_keeps_to_its_region(autoencoder: Autoencoder, code: ClipCode, clip: Clip):
    """The tiny parser calls all of every crop skin: by what changes, every step's region is the face."""
    pack = autoencoder.pack
    search = Search(autoencoder, code, clip, clip.text_direction(*TEXTS), QUICK)
    for name, region in (("Eyeglasses", "face"), ("Gray_Hair", "face+hair")):
        _, weights = pack.attribute(name)
        across = torch.randn(len(weights), generator=torch.Generator().manual_seed(2))
        across -= across @ weights / (weights @ weights) * weights
        across *= weights.norm() / across.norm()
        assert search.region(weights + 0.5 * across) == region  # cosine 0.89
        assert search.region(-3 * weights) == region
    _, gray = pack.attribute("Gray_Hair")
    aside = torch.linalg.svd(pack.directions, full_matrices=True).Vh[-1]  # like no attribute at all
    assert search.region(aside * gray.norm()) == "face"


def test_a_search_in_bfloat16_ends_in_numbers(autoencoder: Autoencoder, code: ClipCode, clip: Clip):
    coarse = Autoencoder(autoencoder.pack, CPU, "bfloat16")
    assert torch.isfinite(find_direction(coarse, code, clip, TEXTS, QUICK).step).all()


@pytest.mark.pack
def test_bfloat16_sees_nearly_the_same_losses():
    """On the embedded pack: an untrained network answers a step with less than bfloat16's own rounding."""
    pack = open_pack("mini")
    picture = torch.rand(1, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    crops = (255 * functional.interpolate(picture, size=pack.spec.resolution, mode="bicubic").clamp(0, 1)).byte()
    quads, flags = np.array([[[0, 0], [0, 9], [9, 9], [9, 0]]], float), np.zeros(1, np.uint8)
    track = FaceTrack(quads, np.zeros((1, 5, 2)), flags, np.ones(1), (32, 32), Fraction(24))
    facts = SourceFacts("clip.mp4", (32, 32), Fraction(24), 1)
    step = attribute_edit(pack, "Blond_Hair", 1.0, 1).step
    clip = open_clip_model("pack", pack, CPU)
    text = clip.text_direction("face", "face with blond hair")
    settings = replace(QUICK, anchors=1, view="estimated", id_weight=1.0, l1_weight=1.0)
    exact_way, rounded_way = (Autoencoder(pack, CPU, precision) for precision in ("float32", "bfloat16"))
    code = exact_way.encode(crops, track, facts, steps=6)
    exact, rounded = (Search(each, code, clip, text, settings).losses(step) for each in (exact_way, rounded_way))
    assert exact.numbers() != rounded.numbers()
    for (name, a), (_, b) in zip(exact.numbers(), rounded.numbers(), strict=True):
        assert a == pytest.approx(b, abs=0.02), name


@pytest.mark.gpu
def test_the_gpu_finds_the_same_step(tmp_path: Path, found: TextDirection):
    cuda = torch.device("cuda")
    autoencoder = Autoencoder(tiny_pack(tmp_path / "tiny"), cuda)
    clip = load_clip(write_small_clip(tmp_path / "small.safetensors"), cuda)
    direction = find_direction(autoencoder, encoded(autoencoder), clip, TEXTS, QUICK)
    assert float(torch.cosine_similarity(direction.step, found.step, dim=0)) > 0.95


def test_progress_tells_the_losses_and_shows_a_picture(autoencoder: Autoencoder, code: ClipCode, clip: Clip):
    seen: list[Progress] = []
    direction = find_direction(autoencoder, code, clip, TEXTS, QUICK, seen.append)
    assert [p.done for p in seen] == [1, 2, 3, 4, 5, 6]
    told = [p for p in seen if isinstance(p, TextProgress)]
    assert len(told) == len(seen)
    assert dict(told[2].losses)["total"] == pytest.approx(float(direction.losses[2, 0]))
    assert told[-1].preview is not None
    picture = told[-1].preview()
    assert picture.shape == (3, 256 + 64, 256)
    assert 0 <= picture.min() < picture.max() <= 1


def test_the_curve_under_the_picture_is_that_of_the_losses():
    grey = torch.full((3, SIDE, SIDE), 0.5)
    chart = with_curve(grey, [3.0, 1.0, 2.0])[0, 256:]
    line = [int(column.nonzero().float().mean()) for column in (chart > 0.5).T]
    assert line[0] < line[-1] < line[127]  # highest loss at the left, lowest in the middle: rows grow downwards
    assert line[127] - line[0] == pytest.approx(2 * (line[127] - line[-1]), abs=2)
    flat = with_curve(grey, [2.0])[0, 256:]
    assert ((flat > 0.5).sum(0) > 0).all()


def test_the_strongest_attribute_of_a_step_counts_one(autoencoder: Autoencoder, code: ClipCode, clip: Clip):
    """Every price but CLIP's would rather have no edit; they may choose, not shorten."""
    names = [a.name for a in autoencoder.pack.attributes]
    basis = torch.stack([attribute_edit(autoencoder.pack, name, 1.0, 1).step for name in names])
    dear = replace(QUICK, id_weight=100.0, l1_weight=100.0, sparse_weight=1.0)
    step = find_direction(autoencoder, code, clip, TEXTS, dear).step
    weights = torch.linalg.lstsq(basis.T, step[:, None]).solution[:, 0]
    torch.testing.assert_close(weights @ basis, step, atol=1e-4, rtol=1e-3)
    assert float(weights.abs().max()) == pytest.approx(1, abs=1e-3)


def test_it_begins_at_the_attribute_whose_whole_edit_points_best(autoencoder: Autoencoder, code: ClipCode, clip: Clip):
    """Few attributes are all on the short list, so the choice is that of the score over the whole chain."""
    text = clip.text_direction(*TEXTS)
    search = Search(autoencoder, code, clip, text, QUICK)
    start = search.start()
    with torch.no_grad():
        scores = {
            (k, sign): float(search.losses(sign * search.basis[k]).score)
            for k in range(len(search.basis))
            for sign in (1.0, -1.0)
        }
    k, sign = max(scores, key=lambda each: scores[each])
    wanted = torch.zeros(len(search.basis))
    wanted[k] = sign
    assert torch.equal(start, wanted)


def test_the_sum_is_that_of_the_weighted_terms(autoencoder: Autoencoder, code: ClipCode, clip: Clip):
    """Each term by a second route: the chain in numpy, one picture at a time, and the weights as the paper has them."""
    settings = replace(QUICK, clip_weight=3.0, id_weight=5.0, l1_weight=7.0, steps=2)
    search = Search(autoencoder, code, clip, clip.text_direction(*TEXTS), settings)
    step = torch.randn(6, generator=torch.Generator().manual_seed(2))
    told = search.losses(step)
    chain, pack = search.chain, autoencoder.pack
    moved = ((code.z_id - pack.id_mean) / pack.id_std + step) * pack.id_std + pack.id_mean
    z_id = moved / moved.norm() * code.z_id.norm()
    cosines, differences = [], []
    for n in (2, 1):
        here, there = chain.levels[n], chain.levels[n - 1]
        for anchor, frame in enumerate((0, 2)):
            x = chain.recovered[n][anchor : anchor + 1]
            pair = []
            for who in (code.z_id, z_id):
                eps = autoencoder.predictor(who[None], code.z_lnd[[frame]])(x, here.t)
                clean = (x - (1 - here.alpha_bar) ** 0.5 * eps) / here.alpha_bar**0.5
                pair.append(there.alpha_bar**0.5 * clean + (1 - there.alpha_bar) ** 0.5 * eps)
            before, after = (clip.image_features(p)[0].numpy() for p in pair)
            length = np.hypot(np.linalg.norm(after - before), SOFTNESS)
            cosines.append(float((after - before) @ search.text.numpy() / length))
            head = chain.mask[anchor, 0].numpy()
            differences.append(np.abs((pair[1] - pair[0])[0].numpy() * head).mean())
    identity = 1 - float(torch.cosine_similarity(moved, code.z_id, dim=0))
    wanted = {
        "clip": -np.log((2 - np.mean([1 - c for c in cosines])) / 2),
        "id": identity,
        "l1": float(np.mean(differences)),
        "score": float(np.mean(cosines)),
    }
    wanted["total"] = 3 * wanted["clip"] + 5 * wanted["id"] + 7 * wanted["l1"]
    for name, value in told.numbers():
        assert value == pytest.approx(wanted[name], rel=2e-3), name


def test_a_stop_keeps_the_best_so_far_only_if_asked(autoencoder: Autoencoder, code: ClipCode, clip: Clip):
    def stop(progress: Progress) -> None:
        if progress.done == 4:
            raise Interrupted("enough")

    with pytest.raises(Interrupted):
        find_direction(autoencoder, code, clip, TEXTS, QUICK, stop)
    direction = find_direction(autoencoder, code, clip, TEXTS, replace(QUICK, keep_best=True), stop)
    whole = find_direction(autoencoder, code, clip, TEXTS, replace(QUICK, iterations=4))
    torch.testing.assert_close(direction.step, whole.step)


def test_it_stops_where_nothing_more_is_gained(autoencoder: Autoencoder, code: ClipCode, clip: Clip):
    patient = replace(QUICK, iterations=400, rate=0.3, patience=5)
    assert len(find_direction(autoencoder, code, clip, TEXTS, patient).losses) < 400


def test_a_direction_adds_up_with_others_at_any_strength(
    autoencoder: Autoencoder, code: ClipCode, found: TextDirection
):
    curve = np.array([0.0, 0.5, 1.0], np.float32)
    edit = direction_edit(found, autoencoder.pack, curve, FRAMES)
    decoded = autoencoder.decode(code.with_edit(edit))
    assert not decoded.difference[0].any()
    assert decoded.difference[2].abs().sum() > decoded.difference[1].abs().sum() > 0
    back = code.with_edit(edit).with_edit(direction_edit(found, autoencoder.pack, -curve, FRAMES))
    assert not autoencoder.decode(back).difference.any()


def test_a_direction_survives_its_file(tmp_path: Path, found: TextDirection):
    save_direction(found, tmp_path / "deep" / "glasses.safetensors")
    again = load_direction(tmp_path / "deep" / "glasses.safetensors")
    assert torch.equal(again.step, found.step)
    assert torch.equal(again.losses, found.losses)
    assert replace(again, step=found.step, losses=found.losses) == found


def test_the_same_search_is_made_once(tmp_path: Path, found: TextDirection):
    key = {"texts": ["face", "face with eyeglasses"], "seed": 0}
    first = kept_direction(tmp_path, key, lambda: found)
    again = kept_direction(tmp_path, key, lambda: pytest.fail("searched again"))
    assert torch.equal(first.step, again.step)
    other = kept_direction(tmp_path, key | {"seed": 1}, lambda: replace(found, target="another"))
    assert other.target == "another"
    [file] = [p for p in tmp_path.iterdir() if load_direction(p).target != "another"]
    file.write_bytes(b"half a file")
    assert torch.equal(kept_direction(tmp_path, key, lambda: found).step, found.step)


def test_the_cache_knows_what_a_direction_depends_on(
    autoencoder: Autoencoder, code: ClipCode, clip: Clip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    searches: list[TextSettings] = []
    made = find_direction(autoencoder, code, clip, TEXTS, replace(QUICK, iterations=1))

    def search(*arguments: object) -> TextDirection:
        searches.append(arguments[4])
        return made

    monkeypatch.setattr("dva.model.editing.text.find_direction", search)
    darker = replace(code, crops=code.crops // 2)
    for each, settings in ((code, QUICK), (code, replace(QUICK, keep_best=True)), (darker, QUICK)):
        cached_direction(tmp_path, autoencoder, each, clip, TEXTS, settings)
    cached_direction(tmp_path, autoencoder, code, clip, TEXTS[::-1], QUICK)
    cached_direction(tmp_path, autoencoder, code, clip, TEXTS, replace(QUICK, seed=9))
    assert len(searches) == 4  # keep_best alone changes nothing


def test_another_packs_direction_is_refused(tmp_path: Path, found: TextDirection):
    with pytest.raises(ModelFilesError, match="belongs to pack tiny"):
        direction_edit(found, tiny_pack(tmp_path / "other", seed=7), 1.0, FRAMES)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"iterations": 0}, "iterations must lie between 1 and 10000"),
        ({"rate": 0.0}, "rate must lie above 0"),
        ({"rate": float("nan")}, "rate must lie above 0"),
        ({"steps": 51}, "steps must lie between 1 and 50"),
        ({"id_weight": -1}, "id_weight must lie between 0 and 100"),
    ],
)
def test_settings_out_of_range_are_refused(
    autoencoder: Autoencoder, code: ClipCode, clip: Clip, change: dict[str, float], words: str
):
    with pytest.raises(UsageError, match=words):
        find_direction(autoencoder, code, clip, TEXTS, replace(QUICK, **change))


def test_a_clip_without_a_face_has_nothing_to_look_at(autoencoder: Autoencoder, clip: Clip):
    with pytest.raises(InputError, match="has a face to edit"):
        find_direction(autoencoder, encoded(autoencoder, status=3), clip, TEXTS, QUICK)


def test_the_published_settings_are_the_papers():
    assert (PUBLISHED.iterations, PUBLISHED.steps, PUBLISHED.anchors, PUBLISHED.patience) == (2000, 5, 1, 0)
    assert (PUBLISHED.clip_weight, PUBLISHED.id_weight, PUBLISHED.l1_weight) == (3, 5, 5)
    assert PUBLISHED.rate * 512**-0.5 == pytest.approx(0.002, rel=0.01)
