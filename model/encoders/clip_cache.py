"""Any open_clip network, from a local file or from a cache that is already filled; and the command that fills it."""

import logging
import pickle
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError

from ..errors import InputError, ModelFilesError, UsageError
from ..packs.folder import file_sha256
from ..packs.pack import Pack
from .clip import PACK_CLIP, Clip, load_clip, open_clip, pack_clip, ready

PUBLISHED_CLIP = "ViT-B-16/openai"
"""What the paper used."""


def open_clip_model(name: str, pack: Pack, device: torch.device) -> Clip:
    """The CLIP of that name, without reaching for the network.

    name: "pack" for the one in the pack; "ARCHITECTURE/TAG" such as ViT-B-16/openai from open_clip's cache;
    "ARCHITECTURE=FILE" for weights of one's own; "FILE.safetensors" for a CLIP trained by `dva forge train clip`.
    Raises UsageError for a name that is none of these, ModelFilesError for files that are missing or do not fit.
    """
    if name == PACK_CLIP:
        return pack_clip(pack, device)
    architecture, given, file = name.partition("=")
    if given:
        return _foreign(architecture, Path(file).expanduser(), name, {}, device)
    if name.endswith(".safetensors"):
        return load_clip(Path(name).expanduser(), device)
    facts = _published(name)
    path = cached_weights(facts)
    if path is None:
        raise ModelFilesError(
            f"the CLIP {name} is not on this computer; `dva clip fetch {name}` gets it where the network is open"
        )
    return _foreign(name.partition("/")[0], path, name, facts, device)


def fetch_clip(name: str) -> Path:
    """Download the weights of "ARCHITECTURE/TAG" into open_clip's cache: the only function that uses the network.

    Raises UsageError for an unknown name, InputError where they cannot be had.
    """
    facts = _published(name)
    try:
        found = open_clip().pretrained.download_pretrained(facts)
    except (OSError, RuntimeError, ValueError) as error:
        raise InputError(f"the weights of {name} cannot be fetched ({error}); is the network open?") from error
    return Path(found)


def cached_weights(facts: dict[str, Any]) -> Path | None:
    """The file that open_clip's cache already holds for one of its published weights, or None."""
    from huggingface_hub import try_to_load_from_cache  # noqa: PLC0415 - it comes with open_clip

    if hub := str(facts.get("hf_hub") or ""):
        repository, _, file = hub.rpartition("/")
        names = [file] if file else ["open_clip_model.safetensors", "open_clip_pytorch_model.bin"]
        if file and Path(file).suffix in {".bin", ".pth"}:
            names.insert(0, str(Path(file).with_suffix(".safetensors")))
        for candidate in names:
            found = try_to_load_from_cache(repository, candidate)
            if isinstance(found, str):
                return Path(found)
    if url := str(facts.get("url") or ""):
        path = Path("~/.cache/clip").expanduser() / url.rpartition("/")[2]
        return path if path.is_file() else None
    return None


def _published(name: str) -> dict[str, Any]:
    """What open_clip says of "ARCHITECTURE/TAG"; UsageError with the tags that there are."""
    library = open_clip()
    architecture, _, tag = name.partition("/")
    _sizes(architecture)
    facts = library.get_pretrained_cfg(architecture, tag) if tag else None
    if not facts:
        known = ", ".join(library.list_pretrained_tags_by_model(architecture)) or "none"
        raise UsageError(f"open_clip has no weights {tag!r} of {architecture}; it has {known}, as in {PUBLISHED_CLIP}")
    return dict(facts)


def _sizes(architecture: str) -> dict[str, Any]:
    sizes = open_clip().get_model_config(architecture)
    if sizes is None:
        raise UsageError(f"open_clip has no architecture {architecture!r}; name one of its own, as in {PUBLISHED_CLIP}")
    text = sizes["text_cfg"]
    if text.get("hf_model_name") or text.get("hf_tokenizer_name") or sizes["vision_cfg"].get("timm_model_name"):
        raise UsageError(
            f"the CLIP {architecture} takes its text or image tower from another library; use one of open_clip's own, "
            f"such as {PUBLISHED_CLIP}"
        )
    return sizes


def _foreign(architecture: str, path: Path, name: str, facts: dict[str, Any], device: torch.device) -> Clip:
    """Published weights, loaded strictly; a pickle is read for its tensors alone (weights_only)."""
    library = open_clip()
    sizes = _sizes(architecture)
    if not path.is_file():
        raise ModelFilesError(f"there is no file {path}; name the weights of {architecture}")
    with torch.inference_mode(mode=False):
        quick = {"force_quick_gelu": True} if facts.get("quick_gelu") else {}
        with _quiet():  # open_clip would warn of random weights, which are replaced at once
            network = library.create_model(architecture, pretrained=None, pretrained_text=False, **quick)
        try:
            library.load_checkpoint(network, str(path), strict=True, weights_only=True)
        except (AttributeError, KeyError, OSError, RuntimeError, SafetensorError, TypeError, ValueError) as error:
            raise _does_not_fit(path, architecture, error) from error
        except (EOFError, pickle.UnpicklingError) as error:
            raise _does_not_fit(path, architecture, error) from error
        tokenizer = library.get_tokenizer(architecture)
        constants, templates = library.constants, library.OPENAI_IMAGENET_TEMPLATES
        mean, std = (facts.get(k) or getattr(constants, f"OPENAI_DATASET_{k.upper()}") for k in ("mean", "std"))
        return Clip(
            name=name,
            network=ready(network, device),
            tokenize=tokenizer,
            spell=tokenizer.encode,
            context=int(tokenizer.context_length),
            side=int(sizes["vision_cfg"]["image_size"]),
            mean=(float(mean[0]), float(mean[1]), float(mean[2])),
            std=(float(std[0]), float(std[1]), float(std[2])),
            templates=tuple(template("{}") for template in templates),
            words=None,
            sha256=file_sha256(path),
        )


def _does_not_fit(path: Path, architecture: str, error: Exception) -> ModelFilesError:
    """Where a loader fell over another file's names, its own words would say nothing."""
    told = isinstance(error, (AttributeError, KeyError, TypeError))
    reason = "its tensors have other names" if told else " ".join(str(error).split())[:200]
    return ModelFilesError(
        f"{path} does not hold the weights of {architecture} ({reason}); name the right architecture"
    )


@contextmanager
def _quiet() -> Generator[None, None, None]:
    """Without the log's warnings, which open_clip writes for whoever calls it."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
