"""Editing by text: the step of the identity that moves the pictures as two sentences differ (paper, section 4.2).

A few steps lead the clip's frames up into the noise and, with their own identity, down again: the recovered chain. From
each picture of that chain one single step down is taken with the identity that is being optimised. CLIP looks at the
still noisy picture it leads to, beside the recovered one at the same level, and the step between their features should
point from the neutral text to the target text. Nothing is ever decoded to the end for the loss.

The result is one step of the identity, found once; how much of it each frame takes is free (direction_file.py).
"""

import copy
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import torch

from ..autoencoder import Autoencoder
from ..code import ClipCode
from ..encoders.clip import Clip
from ..types import OnProgress, ignore_progress
from .chain import anchor_rows
from .direction_file import TextDirection, digest, kept_direction
from .search import Search
from .text_settings import TextSettings


def find_direction(
    autoencoder: Autoencoder,
    code: ClipCode,
    clip: Clip,
    texts: tuple[str, str],
    settings: TextSettings | None = None,
    on_progress: OnProgress = ignore_progress,
) -> TextDirection:
    """Optimise one step of the identity from texts[0], the neutral one, to texts[1], the target.

    on_progress receives TextProgress once an iteration. Works under torch.inference_mode, as ComfyUI runs nodes. Raises
    UsageError for texts or settings that cannot be used, ModelFilesError when another pack made the code, InputError
    for a clip without a face.
    """
    settings = settings or TextSettings()
    settings.check()
    code.check_pack(autoencoder.pack)
    with _learning():
        text = clip.text_direction(*texts).clone()
        search = Search(_differentiable(autoencoder), code, clip, text, settings)
        step, losses, stopped = search.run(on_progress)
        region = search.region(step)
    return TextDirection(
        step=step.float().cpu(),
        region=region,
        neutral=texts[0],
        target=texts[1],
        pack_name=code.pack_name,
        pack_hash=code.pack_hash,
        clip_name=clip.name,
        clip_sha256=clip.sha256,
        settings=asdict(settings),
        losses=losses,
        stopped=stopped,
        warnings=clip.warnings(texts),
    )


def cached_direction(
    folder: Path,
    autoencoder: Autoencoder,
    code: ClipCode,
    clip: Clip,
    texts: tuple[str, str],
    settings: TextSettings | None = None,
    on_progress: OnProgress = ignore_progress,
) -> TextDirection:
    """As find_direction, but once for the same pictures, texts, settings and networks: the result stays in a folder.

    So does the best of a search that was stopped with settings.keep_best, for those who ask with keep_best again.
    """
    settings = settings or TextSettings()
    rows = anchor_rows(code, settings.anchors)
    key = {
        "texts": texts,
        "settings": asdict(settings) | {"keep_best": False},  # it says what a stop means, not what is found
        "pack": code.pack_hash,
        "clip": clip.sha256,
        "path": [code.solver, code.start],
        "pictures": digest(code.z_id, code.z_lnd[rows], code.crops[rows]),
    }
    return kept_direction(
        folder,
        key,
        lambda: find_direction(autoencoder, code, clip, texts, settings, on_progress),
        stopped=settings.keep_best,
    )


@contextmanager
def _learning() -> Generator[None, None, None]:
    """Gradients, also inside a host that switched them off for good (torch.inference_mode)."""
    with torch.inference_mode(mode=False), torch.enable_grad():
        yield


def _differentiable(autoencoder: Autoencoder) -> Autoencoder:
    """The autoencoder itself, or a copy where its weights were loaded under inference_mode and know no gradients."""
    if not any(p.is_inference() for p in autoencoder.networks.parameters()):
        return autoencoder
    return copy.deepcopy(autoencoder)
