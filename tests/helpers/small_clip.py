"""A CLIP small enough for tests: open_clip's own classes, random weights, thirteen words."""

import json
from pathlib import Path
from typing import Any

import torch

from dva.model.encoders.clip import CLIP_FACTS, build_clip
from dva.model.encoders.vocabulary import vocabulary_size, word_merges
from dva.model.files import write_tensor_file

WORDS = ("a", "and", "beard", "eyeglasses", "face", "gray", "hair", "man", "of", "photo", "the", "with", "without")


def small_clip_facts() -> dict[str, Any]:
    merges = word_merges(WORDS)
    vision = {"image_size": 16, "layers": 1, "width": 16, "head_width": 8, "patch_size": 4}
    text = {"context_length": 16, "vocab_size": vocabulary_size(merges), "width": 16, "heads": 2, "layers": 1}
    return {
        "format_version": 1,
        "model": {"embed_dim": 8, "vision_cfg": vision, "text_cfg": text, "init_logit_bias": 0.0},
        "mean": [0.5, 0.5, 0.5],
        "std": [0.5, 0.5, 0.5],
        "merges": merges,
        "words": list(WORDS),
        "templates": ["a photo of a {}", "the {}"],
    }


def write_small_clip(path: Path, seed: int = 0, **changes: Any) -> Path:
    """Write a file as `dva forge train clip` does; changes replace facts after the weights are made."""
    torch.manual_seed(seed)
    facts = small_clip_facts()
    network = build_clip(facts["model"])
    network.visual.conv1.weight.data *= 30  # open_clip's own start hardly sees the picture beside its positions
    state = {n: t.contiguous() for n, t in network.state_dict().items()}
    write_tensor_file(path, state, {CLIP_FACTS: json.dumps(facts | changes)})
    return path
