from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
import torch

pytest.importorskip("numba")

from safetensors.torch import load_file
from torch import Tensor, nn

from dva.model.errors import ModelFilesError
from dva.model.samplers import ddim_step
from dva.model.schedule import NoiseSchedule
from dva.model.synth import ATTRIBUTES, STYLE, brings
from dva.model.synth.toggling import USUAL
from dva.model.training.attributes import Directions, fit_directions, keep_directions, person_means
from dva.model.training.augment import occlude, photometric, shift, shift_points
from dva.model.training.batches import HARD, Batch, Conditions, as_usual, pair_weights, strangers
from dva.model.training.data import Faces, load_faces, render_shard
from dva.model.training.denoiser import SPILLED, denoiser_loss, paired_losses
from dva.model.training.identity import margin_softmax
from dva.model.training.recipe import Workshop, directions
from dva.model.training.way import START, walked_change, way_gone

SIZE = 16


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("faces")
    for seed in (1, 2):
        render_shard(folder / f"faces-{seed}.safetensors", 2, seed, SIZE)
    return folder


@pytest.fixture(scope="module")
def faces(shards: Path) -> Faces:
    return load_faces(shards)


def test_the_same_seed_renders_the_same_people(shards: Path, tmp_path: Path):
    render_shard(tmp_path / "again.safetensors", 2, 1, SIZE)
    once, again = load_file(shards / "faces-1.safetensors"), load_file(tmp_path / "again.safetensors")
    assert once.keys() == again.keys()
    assert all(torch.equal(once[name], again[name]) for name in once)
    other = load_file(shards / "faces-2.safetensors")
    assert not torch.equal(once["vectors"][0], other["vectors"][0])


def test_a_pair_differs_in_its_attribute_and_comes_from_two_people(faces: Faces):
    without, with_it, attribute = faces.pairs.unbind(1)
    has = faces.attributes()
    rows = torch.arange(len(faces.pairs))
    assert not has[without][rows, attribute].any()
    assert has[with_it][rows, attribute].all()
    assert (faces.person[without] != faces.person[with_it]).all()


def test_whatever_a_pair_brings_looks_as_usual(faces: Faces):
    """Read off the style numbers that the shard keeps of the picture that training leads to."""
    wanted = torch.rand(200, len(faces.pairs), generator=torch.Generator().manual_seed(0)) < 0.65
    seen: set[str] = set()
    for draws in wanted:
        add = as_usual(draws, faces.pairs)
        for (without, with_it, index), adds in zip(faces.pairs.tolist(), add.tolist(), strict=True):
            if brings(ATTRIBUTES[index], value=adds):
                seen.add(ATTRIBUTES[index])
                numbers = faces.vectors[with_it if adds else without, len(ATTRIBUTES) :]
                for name, number in USUAL[ATTRIBUTES[index]].items():
                    assert numbers[STYLE.index(name)] == pytest.approx(number)
    assert seen


def test_faces_seen_smaller_keep_their_mean_and_their_labels(faces: Faces):
    small = faces.seen_at(SIZE // 4)
    assert small.images.shape[2:] == small.parsing.shape[1:] == (SIZE // 4, SIZE // 4)
    assert (small.images.float().mean((2, 3)) - faces.images.float().mean((2, 3))).abs().max() < 0.5
    assert set(small.parsing.unique().tolist()) <= set(faces.parsing.unique().tolist())
    assert faces.seen_at(SIZE) is faces


def test_pictures_of_one_person_share_their_vector(faces: Faces):
    for person in faces.person.unique():
        vectors = faces.vectors[faces.person == person]
        assert (vectors == vectors[0]).all()


def test_no_strength_is_no_augmentation(faces: Faces):
    x = faces.images[:4].float() / 127.5 - 1
    torch.testing.assert_close(photometric(x, torch.Generator().manual_seed(0), 0.0), x, atol=3e-3, rtol=0)
    assert torch.equal(occlude(x, torch.Generator().manual_seed(0), share=0.0), x)


def test_points_move_with_the_picture():
    x = torch.full((8, 3, 65, 65), -1.0)
    x[:, :, 20:23, 40:43] = 1.0
    points = torch.tensor([[41.5 / 65, 21.5 / 65]]).expand(8, 1, 2)
    moved, old_from_new = shift(x, torch.Generator().manual_seed(3), 0.04)
    weight = (moved[:, 0] + 1) / 2
    ys, xs = torch.meshgrid(torch.arange(65) + 0.5, torch.arange(65) + 0.5, indexing="ij")
    total = weight.sum((1, 2))
    centre = torch.stack([(weight * xs).sum((1, 2)), (weight * ys).sum((1, 2))], 1) / total[:, None] / 65
    torch.testing.assert_close(shift_points(points, old_from_new)[:, 0], centre, atol=0.006, rtol=0)


def test_margin_softmax_is_cross_entropy_with_the_right_cosine_lowered():
    z = nn.functional.normalize(torch.randn(5, 4), dim=1)
    centres, person = torch.randn(7, 4), torch.tensor([0, 3, 6, 3, 1])
    unit = centres / centres.norm(dim=1, keepdim=True)
    total = 0.0
    for row, right in zip(z, person.tolist(), strict=True):
        cosines = [float(row @ unit[k]) - (0.25 if k == right else 0.0) for k in range(7)]
        scores = torch.tensor([24 * c for c in cosines])
        total -= float(scores[right] - scores.logsumexp(0))
    assert float(margin_softmax(z, centres, person)) == pytest.approx(total / 5, rel=1e-4)


def test_person_means_average_over_the_person():
    z = torch.tensor([[1.0, 0], [3, 2], [5, 5]])
    torch.testing.assert_close(person_means(z, torch.tensor([0, 0, 1])), torch.tensor([[2.0, 1], [2, 1], [5, 5]]))


def test_the_direction_of_an_attribute_is_found_where_it_was_put(faces: Faces):
    rng = torch.Generator().manual_seed(0)
    hidden = torch.randn(len(ATTRIBUTES), 40, generator=rng)
    signs = (torch.rand(600, len(ATTRIBUTES), generator=rng) < 0.5).float()
    z = (2 * signs - 1) @ hidden + 0.5 * torch.randn(600, 40, generator=rng)
    vectors = torch.cat([2 * signs - 1, torch.zeros(600, 3)], 1)
    made = replace(faces, vectors=vectors, pairs=torch.tensor([[0, 1, 0]]))
    found = fit_directions(z, made)
    right = ((((z - found.mean) / found.std) @ found.directions.T + found.biases > 0) == (signs > 0.5)).float().mean()
    assert right > 0.97


def test_directions_that_cannot_be_read_are_no_reason_to_fit_others_silently(faces: Faces, tmp_path: Path):
    workshop = Workshop.open(faces, tmp_path)
    d = 5
    kept = Directions(torch.randn(26, d), torch.zeros(26), torch.zeros(d), torch.ones(d), torch.rand(26))
    keep_directions(workshop.directions, kept)
    assert torch.equal(directions(workshop).steps(), kept.steps())
    workshop.directions.write_bytes(workshop.directions.read_bytes()[:-9])
    with pytest.raises(ModelFilesError, match="delete it to fit them anew"):
        directions(workshop)


class Oracle(nn.Module):
    """Knows the clean picture: predicts v from it exactly."""

    def __init__(self, x0: Tensor) -> None:
        super().__init__()
        self.x0 = nn.Parameter(x0)
        self.alpha_bar = torch.from_numpy(NoiseSchedule().alpha_bar()).float()

    def forward(self, x: Tensor, t: Tensor, alpha_bar: Tensor, z_id: Tensor, z_lnd: Tensor) -> Tensor:
        self.seen = (x, t)
        a = self.alpha_bar[t][:, None, None, None]
        assert torch.equal(a, alpha_bar)
        return (a.sqrt() * x - self.x0) / (1 - a).sqrt()


def test_the_paper_loss_sees_one_picture_under_two_noises(faces: Faces):
    d = 5
    directions = Directions(torch.randn(26, d), torch.zeros(26), torch.zeros(d), torch.ones(d), torch.ones(26))
    z = torch.randn(len(faces.images), d)
    oracle = Oracle(torch.zeros(1))  # always answers with a grey picture
    known = Conditions(z, z, directions, torch.ones(len(faces.pairs)))
    with torch.no_grad():
        losses = denoiser_loss(oracle, faces, known, NoiseSchedule(), 16, torch.Generator().manual_seed(0))
    x, t = oracle.seen
    assert len(x) == 16
    assert torch.equal(t[:2], t[2:4])
    assert not torch.equal(x[:2], x[2:4])
    assert losses["reg"] == pytest.approx(0.0, abs=1e-4)  # it implies the same picture for both draws
    assert losses["simple"] > 0.05  # and it is wrong about it
    expected = losses["simple"] + 0.5 * losses["reg"] + losses["paired"] + SPILLED * losses["spilled"]
    assert float(losses["total"]) == pytest.approx(float(expected), rel=1e-6)


def test_an_edit_of_a_stranger_should_lead_to_what_the_network_sees_there_and_the_change(faces: Faces, monkeypatch):
    """A network that answers grey is wrong about a picture, and right about twins that do not differ."""
    directions = Directions(torch.randn(26, 5), torch.zeros(26), torch.zeros(5), torch.ones(5), torch.ones(26))
    z = torch.randn(len(faces.images), 5)
    known = Conditions(z, z, directions, torch.ones(len(faces.pairs)))
    alike = replace(faces, images=faces.images[:1].expand_as(faces.images))
    found: dict[float, float] = {}
    for share in (0.0, 1.0):
        monkeypatch.setattr("dva.model.training.batches.STRANGERS", share)
        rng = torch.Generator().manual_seed(0)
        with torch.no_grad():
            losses = denoiser_loss(Oracle(torch.zeros(1)), alike, known, NoiseSchedule(), 16, rng)
        found[share] = float(losses["paired"])
    assert found[0.0] > 0.05
    assert found[1.0] == pytest.approx(0, abs=1e-4)


def test_a_stranger_is_somebody_else_who_has_what_the_picture_has():
    """Told by the attributes' own classifiers, before z_id is brought back to its length."""
    d, people, rng = 40, 300, torch.Generator().manual_seed(0)
    directions = Directions(
        torch.randn(26, d, generator=rng), torch.zeros(26), torch.zeros(d), torch.ones(d), torch.ones(26)
    )
    z = torch.randn(people, d, generator=rng)
    attribute = torch.randint(26, (people,), generator=rng)
    known = Conditions(z, z, directions, torch.ones(1))
    found = strangers(known, z, attribute, rng)
    torch.testing.assert_close(found.norm(dim=1), z.norm(dim=1))
    said, says = ((each * directions.directions[attribute]).sum(1) for each in (z, found))
    assert torch.equal(said > 0, says > 0)  # lengths differ, signs do not
    cosine = nn.functional.cosine_similarity(found, z)
    assert cosine.median() < 0.9
    another = (attribute + 1) % 26
    said, says = ((each * directions.directions[another]).sum(1) > 0 for each in (z, found))
    assert 0.1 < float((said != says).float().mean()) < 0.5


def test_what_was_made_where_nothing_is_wanted_counts_by_its_own_area():
    """Twins differ in a quarter; x_t shows a smudge in another eighth: each area has its own mean error."""
    source = torch.zeros(2, 3, 8, 8)
    target, seen, error = source.clone(), source.clone(), source.clone()
    target[:, :, :4, :4] = 0.5
    seen[:, :, :4, :4] = 0.2  # on its way
    seen[1, :, 6:, 4:] = -0.3  # beside it
    error[:, :, :4, :4] = 0.6
    error[1, :, 6:, 4:] = 0.4
    nothing = torch.zeros(2, 1)
    paired, spilled = paired_losses(error, Batch(source, target, *5 * [nothing]), seen)
    assert float(spilled) == pytest.approx(0.4 / 2)
    assert float(paired) == pytest.approx(float(error.mean()) + 1.5 * 0.6)


def test_a_decoder_that_knows_the_target_goes_the_stated_part_of_the_way():
    """Second route: walk DDIM's own steps from START with the target as the implied picture at every one of them."""
    levels = NoiseSchedule().levels(200, START)
    source, target, noise = torch.randn(3, 1, 3, 4, 4, dtype=torch.float64)
    x = levels[-1].alpha_bar ** 0.5 * source + (1 - levels[-1].alpha_bar) ** 0.5 * noise
    alpha_bar = torch.from_numpy(NoiseSchedule().alpha_bar())
    for here, there in pairwise(reversed(levels[1:])):
        eps = (x - here.alpha_bar**0.5 * target) / (1 - here.alpha_bar) ** 0.5
        x = ddim_step(x, eps, here.alpha_bar, there.alpha_bar)
        seen = (x - (1 - there.alpha_bar) ** 0.5 * noise) / there.alpha_bar**0.5
        gone = way_gone(torch.tensor([there.t]), alpha_bar)
        torch.testing.assert_close(seen, source + gone * (target - source))


@pytest.mark.parametrize("strides", [1, 3])
def test_a_network_that_knows_the_target_walks_as_far_as_a_perfect_decoder(strides: int):
    """And one that finds what is there already and adds nothing stays where it is."""
    alpha_bar = torch.from_numpy(NoiseSchedule().alpha_bar())
    t = torch.tensor([3, 90, 400, START - 1, 900])
    wanted = torch.randn(5, 3, 4, 4, dtype=torch.float64)
    walked = walked_change(lambda made, now: wanted, t, alpha_bar, strides, wanted.shape)
    gone = way_gone(t, alpha_bar)
    torch.testing.assert_close(walked, gone[:, None, None, None] * wanted)
    assert gone[0] > gone[1] > gone[2] > gone[3] == gone[4] == 0
    still = walked_change(lambda made, now: made, t, alpha_bar, strides, wanted.shape)
    assert not still.any()


def test_a_pair_whose_change_is_hidden_is_drawn_seldom(faces: Faces):
    """A tenth as often as one of the same attribute that shows."""
    images = faces.images.clone()
    without, with_it, _ = faces.pairs[0]
    images[with_it] = ~images[without]
    shows = pair_weights(replace(faces, images=images))[0]
    images[with_it] = images[without]
    assert float(pair_weights(replace(faces, images=images))[0]) == pytest.approx(0.1 * float(shows))


def test_hard_pairs_are_drawn_more_often(faces: Faces):
    """Twins that differ everywhere weigh what their attribute says and nothing else."""
    images = faces.images.clone()
    images[faces.pairs[:, 1]] = ~images[faces.pairs[:, 0]]
    weights = pair_weights(replace(faces, images=images))
    for (_, _, index), weight in zip(faces.pairs.tolist(), weights.tolist(), strict=True):
        assert weight == HARD.get(ATTRIBUTES[index], 1.0)
