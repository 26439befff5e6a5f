"""The sentences a CLIP learns from, and what its losses ask of pictures and sentences."""

import numpy as np
import pytest
import torch

from dva.model.synth import ATTRIBUTES, Identity, sample_identity, toggle
from dva.model.training.captions import (
    COLUMNS,
    TEMPLATES,
    Claim,
    truth_table,
    vocabulary,
    write_caption,
    write_sentence,
    write_step,
)
from dva.model.training.clip import Sentences, _agreement, _told_apart, clip_facts


def people(count: int, seed: int = 0) -> list[Identity]:
    rng = np.random.default_rng(seed)
    return [sample_identity(rng) for _ in range(count)]


def table(identities: list[Identity]) -> torch.Tensor:
    return truth_table(torch.from_numpy(np.stack([identity.vector() for identity in identities])))


def test_every_word_of_every_sentence_is_in_the_vocabulary():
    rng, words = np.random.default_rng(1), set(vocabulary())
    for _ in range(1500):
        columns = rng.choice(len(COLUMNS), int(rng.integers(0, 4)), replace=False)
        sentence = write_sentence(tuple(Claim(int(c), bool(rng.random() < 0.5)) for c in columns), rng)
        assert set(sentence.replace(",", " ").replace("-", " ").split()) <= words, sentence


@pytest.mark.parametrize("column", range(len(COLUMNS)))
@pytest.mark.parametrize("value", [True, False])
def test_every_claim_can_be_put_into_words_with_and_without_a_negation(column: int, value: bool):
    rng = np.random.default_rng(column)
    texts = {write_caption((Claim(column, value),), rng, "face").text for _ in range(40)}
    assert "face" not in texts
    if not value:
        assert any(word in text for text in texts for word in ("without", "with no", "not "))


def test_neutral_and_target_share_their_template_and_their_noun():
    rng = np.random.default_rng(2)
    for _ in range(100):
        neutral, target = write_step(Claim(COLUMNS.index("Eyeglasses"), True), rng)
        assert target.startswith(neutral)
        assert any(
            template.split("{}")[0] and neutral.startswith(template.split("{}")[0]) for template in TEMPLATES[1:]
        ) or (neutral.split()[0] in {"face", "person", "head", "human"})


def test_a_mustache_alone_is_no_beard_and_hair_without_a_colour_is_red():
    identities = people(300)
    truth = table(identities)
    for identity, row in zip(identities, truth, strict=True):
        colours = ("Black_Hair", "Blond_Hair", "Brown_Hair", "Gray_Hair", "Bald")
        assert bool(row[COLUMNS.index("Red_Hair")]) == (not any(identity.has(name) for name in colours))
        if identity.has("No_Beard"):
            assert not row[COLUMNS.index("Beard")]
    rng = np.random.default_rng(0)
    shaved = next(i for i in identities if i.has("Male") and i.has("No_Beard"))
    bearded = table([toggle(shaved, "No_Beard", False, rng), toggle(shaved, "Mustache", True, rng)])
    assert bearded[:, COLUMNS.index("Beard")].tolist() == [True, False]


def test_pictures_agree_with_a_caption_when_nothing_it_claims_is_wrong():
    truth = table(people(60))
    sentences = Sentences.write(truth, clip_facts()["merges"], np.random.default_rng(0), captions=200, steps=112)
    agree = _agreement(truth, sentences, torch.arange(200))
    for k in range(200):
        for i in range(60):
            says = [bool(truth[i, c]) for c in torch.nonzero(sentences.asserted[k])[:, 0]]
            denies = [not bool(truth[i, c]) for c in torch.nonzero(sentences.denied[k])[:, 0]]
            assert bool(agree[i, k]) == all(says + denies)
    assert agree.any(0).all()  # each caption was written about somebody
    assert len(ATTRIBUTES) == 26


def test_telling_apart_rewards_the_own_sentence_and_not_one_axis():
    """All steps on one axis have the best cosine with their own sentence, and yet nothing is told apart."""
    made = torch.eye(4)
    apart, one_axis = torch.eye(4), torch.ones(4, 4)
    assert _told_apart(apart, made) < 0.01
    assert float(_told_apart(one_axis, made)) == pytest.approx(np.log(4), rel=1e-5)
    both = torch.ones(4, 4)
    assert float(_told_apart(one_axis, both)) == pytest.approx(np.log(4), rel=1e-5)
