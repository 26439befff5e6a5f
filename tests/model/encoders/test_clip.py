from pathlib import Path

import pytest
import torch
from small_clip import WORDS, write_small_clip
from tiny import tiny_pack
from torch.nn import functional as F  # noqa: N812

from dva.model.encoders.clip import load_clip
from dva.model.encoders.clip_cache import open_clip_model
from dva.model.encoders.vocabulary import vocabulary_size, word_merges, word_tokenizer
from dva.model.errors import DvaError, ModelFilesError, UsageError

CPU = torch.device("cpu")
pytest.importorskip("open_clip")


@pytest.fixture(scope="module")
def clip_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_small_clip(tmp_path_factory.mktemp("clip") / "small.safetensors")


def test_every_word_is_one_token_and_others_are_spelt():
    tokenizer = word_tokenizer(word_merges(WORDS), 16)
    assert tokenizer.vocab_size == vocabulary_size(word_merges(WORDS))
    spelt = {word: tokenizer.encode(word) for word in WORDS}
    assert all(len(tokens) == 1 for tokens in spelt.values())
    assert len({tokens[0] for tokens in spelt.values()}) == len(WORDS)
    assert len(tokenizer.encode("moustache")) > 1
    assert tokenizer.decode(tokenizer.encode("Face WITH moustache")) == "face with moustache "


def test_the_text_direction_is_the_mean_over_templates_of_unit_differences(clip_file: Path):
    clip = load_clip(clip_file, CPU)
    tokens = [word_tokenizer(word_merges(WORDS), 16)([t.format(s) for s in ("face", "face with eyeglasses")])
              for t in ("a photo of a {}", "the {}")]  # fmt: skip
    total = torch.zeros(8)
    for pair in tokens:
        neutral, target = (clip.network.encode_text(row[None])[0] for row in pair)
        total += target / target.norm() - neutral / neutral.norm()
    torch.testing.assert_close(clip.text_direction("face", "face with eyeglasses"), total / total.norm())


def test_pictures_of_another_size_are_resized_as_clip_does_it(clip_file: Path):
    clip = load_clip(clip_file, CPU)
    x = torch.rand(1, 3, 40, 40) * 2 - 1
    seen = F.interpolate(x, size=(16, 16), mode="bicubic", antialias=True, align_corners=False)
    by_hand = clip.network.encode_image(seen)  # mean and spread of one half make [0, 1] signed again
    torch.testing.assert_close(clip.image_features(x), by_hand / by_hand.norm())


@pytest.mark.parametrize(
    ("neutral", "target", "words"),
    [
        ("face", "", "needs words"),
        ("   ", "face", "needs words"),
        ("face", "?!", "needs words"),
        ("face", "Face", "the target must say what to change"),
        ("face", "beard " * 2000, "too long"),
        ("face", "face with eyeglasses and gray hair and a beard and eyeglasses and a beard", "too long"),
        ("face", "лицо в очках", "knows no word"),
        ("face", "顔", "knows no word"),
        ("face", "zebra", "it knows a, and, beard"),
    ],
)
def test_a_text_that_says_nothing_is_refused_in_one_sentence(clip_file: Path, neutral: str, target: str, words: str):
    with pytest.raises(UsageError, match=words) as caught:
        load_clip(clip_file, CPU).text_direction(neutral, target)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


def test_unknown_words_are_named_once_each(clip_file: Path):
    assert load_clip(clip_file, CPU).unknown_words("Zebra face, with a zebra's monocle") == ["zebra", "s", "monocle"]


@pytest.mark.parametrize(
    ("name", "error", "words"),
    [
        ("pack", ModelFilesError, "the pack tiny holds no CLIP"),
        ("ViT-B-17/openai", UsageError, "no architecture 'ViT-B-17'"),
        ("ViT-B-16/opanai", UsageError, "it has .*openai"),
        ("ViT-B-16", UsageError, "no weights ''"),
        ("xlm-roberta-base-ViT-B-32/laion5b_s13b_b90k", UsageError, "from another library"),
        ("ViT-B-16=/nowhere/clip.pt", ModelFilesError, "there is no file"),
        ("/nowhere/clip.safetensors", ModelFilesError, "cannot be read as a CLIP"),
    ],
)
def test_a_clip_that_is_not_there_is_one_sentence(tmp_path: Path, name: str, error: type[DvaError], words: str):
    with pytest.raises(error, match=words):
        open_clip_model(name, tiny_pack(tmp_path / "tiny"), CPU)


def test_published_weights_that_are_not_in_the_cache_are_not_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.try_to_load_from_cache", lambda *_: None)
    monkeypatch.setattr("open_clip.pretrained.download_pretrained", lambda *_: pytest.fail("reached for the network"))
    with pytest.raises(ModelFilesError, match="dva clip fetch ViT-B-16/openai"):
        open_clip_model("ViT-B-16/openai", tiny_pack(tmp_path / "tiny"), CPU)


def test_the_weights_of_another_architecture_do_not_load(tmp_path: Path, clip_file: Path, small_architecture: str):
    pack = tiny_pack(tmp_path / "tiny")
    with pytest.raises(ModelFilesError, match="does not hold the weights of small-test"):
        open_clip_model(f"{small_architecture}={clip_file}", pack, CPU)
    (tmp_path / "not.pt").write_bytes(b"not a checkpoint")
    with pytest.raises(ModelFilesError, match="does not hold the weights of small-test"):
        open_clip_model(f"{small_architecture}={tmp_path / 'not.pt'}", pack, CPU)


def test_weights_of_ones_own_load_by_their_architecture(
    tmp_path: Path, small_architecture: str, caplog: pytest.LogCaptureFixture
):
    import open_clip

    torch.manual_seed(5)
    network = open_clip.create_model(small_architecture)
    torch.save(network.state_dict(), tmp_path / "own.pt")
    caplog.clear()
    clip = open_clip_model(f"{small_architecture}={tmp_path / 'own.pt'}", tiny_pack(tmp_path / "tiny"), CPU)
    assert not caplog.records  # open_clip warns of random weights before ours are in
    assert len(clip.templates) == 80
    assert clip.words is None
    assert clip.unknown_words("face with очки") == ["очки"]
    x = torch.rand(1, 3, 16, 16) * 2 - 1
    mean, std = (torch.tensor(v)[:, None, None] for v in (clip.mean, clip.std))
    by_hand = network.eval().encode_image(((x + 1) / 2 - mean) / std)
    torch.testing.assert_close(clip.image_features(x), by_hand / by_hand.norm())


@pytest.fixture
def small_architecture(tmp_path: Path) -> str:
    """An architecture that open_clip finds under a name, small enough to make."""
    import json

    import open_clip

    sizes = {
        "embed_dim": 12,
        "vision_cfg": {"image_size": 16, "layers": 1, "width": 16, "head_width": 8, "patch_size": 8},
        "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 8, "heads": 2, "layers": 1},
    }
    (tmp_path / "small-test.json").write_text(json.dumps(sizes))
    open_clip.add_model_config(tmp_path / "small-test.json")
    return "small-test"
