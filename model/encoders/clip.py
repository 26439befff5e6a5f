"""CLIP: pictures and sentences in one space (Radford et al. 2021), by open_clip, from files that are already here.

open_clip is an extra and is imported only when a network is asked for. Nothing in this file reaches the network; the
one function that does is in clip_cache.py and belongs to a command of its own.
"""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from ..errors import ModelFilesError, UsageError
from ..packs.folder import file_sha256
from ..packs.pack import Pack, load_strict
from .vocabulary import word_tokenizer

CLIP_FACTS = "clip"
"""Key of the metadata of a file made here: its sizes, vocabulary and templates as JSON."""
FORMAT_VERSION = 1
PACK_CLIP = "pack"
"""Names the CLIP that lies in the pack."""
LONGEST_PROMPT = 1000
"""Letters; what no CLIP could read is refused before it is taken apart."""


@dataclass(frozen=True)
class Clip:
    """One loaded CLIP in float32 and eval mode, on one device."""

    name: str
    network: nn.Module
    """An open_clip model: encode_image and encode_text."""
    tokenize: Callable[[list[str]], Tensor]
    spell: Callable[[str], Sequence[int]]
    """A text's tokens, however many they are."""
    context: int
    """Most tokens that it reads, both end marks included."""
    side: int
    """Of the pictures that it sees."""
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    templates: tuple[str, ...]
    words: frozenset[str] | None
    """Every word that it has learned, in lower case; None for a network that was trained on the English web."""
    sha256: str
    """Of the weight file."""

    @property
    def device(self) -> torch.device:
        return next(self.network.parameters()).device

    def unknown_words(self, text: str) -> list[str]:
        """The words of a text that this CLIP has not learned; where they are not listed, those of another script."""
        found = dict.fromkeys(_words_of(text))
        return [w for w in found if (w not in self.words if self.words is not None else not w.isascii())]

    def warnings(self, texts: Sequence[str]) -> tuple[str, ...]:
        """A sentence that names every word of some texts that this CLIP has not learned, if there is one."""
        unknown = dict.fromkeys(word for text in texts for word in self.unknown_words(text))
        if not unknown:
            return ()
        words = ", ".join(unknown)
        return (f"the CLIP {self.name} has not learned {words}, so that part of the text says nothing to it",)

    def check_prompt(self, text: str) -> None:
        """UsageError for a text that says nothing to this CLIP: empty, too long, or without one word that it knows."""
        words = _words_of(text)
        if not words:
            raise UsageError(f"a prompt needs words, such as 'face with eyeglasses', but one reads {text[:40]!r}")
        if len(self.unknown_words(text)) == len(set(words)):
            known = f"it knows {', '.join(sorted(self.words))}" if self.words is not None else "write it in English"
            raise UsageError(f"the CLIP {self.name} knows no word of {text[:60]!r}; {known}")
        longest = max(self.templates, key=len)
        tokens = LONGEST_PROMPT if len(text) > LONGEST_PROMPT else len(self.spell(longest.format(text))) + 2
        if tokens > self.context:
            raise UsageError(
                f"a prompt of {len(text)} letters is too long for the CLIP {self.name}, which reads {self.context - 2} "
                f"words or pieces of words at once, template included; shorten {text[:30]!r}"
            )

    def text_features(self, text: str) -> Tensor:
        """[M, E] of length 1, one row a template. Raises UsageError where check_prompt does."""
        self.check_prompt(text)
        tokens = self.tokenize([template.format(text) for template in self.templates]).to(self.device)
        return F.normalize(self.network.encode_text(tokens).float(), dim=1)  # pyright: ignore[reportCallIssue]

    def text_direction(self, neutral: str, target: str) -> Tensor:
        """[E] of length 1: the mean over the templates of target minus neutral, of unit features each.

        UsageError where the two texts mean the same to this CLIP.
        """
        if _words_of(neutral) == _words_of(target):
            raise UsageError(f"neutral and target text are both {target[:60]!r}; the target must say what to change")
        step = (self.text_features(target) - self.text_features(neutral)).mean(0)
        if not float(step.norm()) > 1e-4:
            raise UsageError(f"{neutral[:40]!r} and {target[:40]!r} mean the same to the CLIP {self.name}; reword one")
        return F.normalize(step, dim=0)

    def image_features(self, x: Tensor) -> Tensor:
        """[B, E] of length 1 for pictures [B, 3, S, S] signed, noisy or not: nothing is clamped."""
        if x.shape[-1] != self.side:
            x = F.interpolate(x, size=(self.side, self.side), mode="bicubic", align_corners=False, antialias=True)
        mean, std = (torch.tensor(v, device=x.device)[:, None, None] for v in (self.mean, self.std))
        seen = ((x + 1) / 2 - mean) / std
        return F.normalize(self.network.encode_image(seen).float(), dim=1)  # pyright: ignore[reportCallIssue]


def load_clip(path: Path, device: torch.device, name: str = "") -> Clip:
    """Read a CLIP that was trained here: one safetensors file that names its own sizes, words and templates.

    Raises ModelFilesError, with the file and what to do, where it cannot be read or is another kind of file.
    """
    facts = clip_file_facts(path)
    try:
        with torch.inference_mode(mode=False):
            network = build_clip(facts["model"])
            load_strict(network, _read(path), path)
            text, vision = facts["model"]["text_cfg"], facts["model"]["vision_cfg"]
            tokenizer = word_tokenizer(facts["merges"], int(text["context_length"]))
            return Clip(
                name=name or path.name,
                network=ready(network, device),
                tokenize=tokenizer,
                spell=tokenizer.encode,
                context=int(text["context_length"]),
                side=int(vision["image_size"]),
                mean=_three(facts["mean"]),
                std=_three(facts["std"]),
                templates=tuple(str(t) for t in facts["templates"]),
                words=frozenset(str(w) for w in facts["words"]),
                sha256=file_sha256(path),
            )
    except (ArithmeticError, KeyError, RuntimeError, TypeError, ValueError) as error:
        raise ModelFilesError(f"{path} is malformed ({error!r}); install the pack again") from error


def clip_file_facts(path: Path) -> dict[str, Any]:
    """What a file of ours says about itself; ModelFilesError where it is missing or another kind of file."""
    try:
        with safe_open(path, framework="pt") as file:
            facts = json.loads((file.metadata() or {})[CLIP_FACTS])
            version = facts["format_version"]
    except KeyError as error:
        raise ModelFilesError(
            f"{path} does not say which CLIP it holds; name its architecture too, as in ViT-B-16={path}"
        ) from error
    except (OSError, SafetensorError, TypeError, ValueError) as error:
        raise ModelFilesError(f"{path} cannot be read as a CLIP ({error}); name another file") from error
    if version != FORMAT_VERSION:
        raise ModelFilesError(
            f"{path} has version {version}, this program reads {FORMAT_VERSION}; update the older one"
        )
    return facts


def pack_clip(pack: Pack, device: torch.device) -> Clip:
    """The CLIP that lies in a pack; ModelFilesError where there is none, or its file is not the recorded one."""
    path = pack.text_file
    if path is None:
        raise ModelFilesError(
            f"the pack {pack.spec.name} holds no CLIP; name one, such as ViT-B-16/openai, or use the pack mini"
        )
    wanted = str(pack.facts["files"][path.name]["sha256"])
    found = file_sha256(path) if path.is_file() else "missing"
    if found != wanted:
        raise ModelFilesError(f"{path} is damaged: its sha256 is {found[:12]}, not {wanted[:12]}; install it again")
    return load_clip(path, device, pack.spec.name)


def pack_words(pack: Pack) -> tuple[str, ...]:
    """The words that the pack's CLIP knows, in the order of the alphabet; none where the pack has no CLIP."""
    return () if pack.text_file is None else tuple(sorted(clip_file_facts(pack.text_file)["words"]))


def build_clip(sizes: dict[str, Any]) -> nn.Module:
    """An open_clip network of these sizes, with random weights; ModelFilesError where open_clip is not installed."""
    return open_clip().model.CLIP(**sizes)


def open_clip() -> Any:  # noqa: ANN401 - it comes without types
    """The library; ModelFilesError that says how to get it."""
    try:
        import open_clip as library  # noqa: PLC0415 - an extra, and slow to import
    except ImportError as error:
        raise ModelFilesError(
            f"editing by text needs open_clip, which cannot be loaded ({error}); pip install open_clip_torch"
        ) from error
    return library


def ready(network: nn.Module, device: torch.device) -> nn.Module:
    """For looking, not for learning."""
    return network.float().to(device).eval().requires_grad_(requires_grad=False)


def _read(path: Path) -> dict[str, Tensor]:
    with safe_open(path, framework="pt") as file:
        return {n: file.get_tensor(n).float() for n in file.keys()}  # noqa: SIM118 - not a mapping


def _words_of(text: str) -> list[str]:
    return re.findall(r"[^\W\d_]+", text.lower())


def _three(values: Sequence[float]) -> tuple[float, float, float]:
    red, green, blue = (float(v) for v in values)
    return red, green, blue
