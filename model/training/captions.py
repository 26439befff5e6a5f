"""Sentences about faces made by code: what a small CLIP learns its words from.

A caption makes claims about a face, each of them true or false of every picture, so that a batch has not one match a
picture but the whole table of who agrees with what. Negations are claims like any other.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..synth import ATTRIBUTES, STYLE
from ..synth.identity import HAIR_COLOURS

COLUMNS = (*ATTRIBUTES, "Beard", "Red_Hair")
"""What a claim can be about: the attributes, and two words that the renderer has no attribute for."""

NOUN_PHRASES: dict[tuple[str, bool], tuple[str, ...]] = {
    ("Eyeglasses", True): ("eyeglasses", "glasses", "spectacles", "a pair of glasses"),
    ("No_Beard", True): ("no facial hair", "a shaved chin"),
    ("No_Beard", False): ("facial hair",),
    ("Beard", True): ("a beard", "a full beard", "beard"),
    ("Mustache", True): ("a mustache", "a moustache", "mustache"),
    ("Goatee", True): ("a goatee", "goatee", "a chin beard"),
    ("Black_Hair", True): ("black hair", "jet black hair", "raven hair"),
    ("Blond_Hair", True): ("blond hair", "blonde hair", "yellow hair", "golden hair"),
    ("Brown_Hair", True): ("brown hair", "brunette hair", "chestnut hair"),
    ("Gray_Hair", True): ("gray hair", "grey hair", "silver hair", "white hair"),
    ("Red_Hair", True): ("red hair", "ginger hair"),
    ("Bald", True): ("a bald head", "no hair", "a shaved head"),
    ("Bald", False): ("hair", "hair on the head"),
    ("Bangs", True): ("bangs", "a fringe", "hair over the forehead"),
    ("Wavy_Hair", True): ("wavy hair", "curly hair", "curls"),
    ("Wavy_Hair", False): ("straight hair",),
    ("Receding_Hairline", True): ("a receding hairline", "a high forehead", "a high hairline"),
    ("Wearing_Hat", True): ("a hat", "a cap", "hat"),
    ("Chubby", True): ("chubby cheeks", "a round face", "a double chin"),
    ("Chubby", False): ("a slim face", "a thin face"),
    ("Pale_Skin", True): ("pale skin", "white skin", "light skin"),
    ("Rosy_Cheeks", True): ("rosy cheeks", "red cheeks", "blush"),
    ("Wearing_Lipstick", True): ("lipstick", "red lips", "painted lips"),
    ("Heavy_Makeup", True): ("heavy makeup", "makeup", "a lot of makeup", "make-up", "eye shadow"),
    ("Bushy_Eyebrows", True): ("bushy eyebrows", "thick eyebrows", "heavy brows"),
    ("Bushy_Eyebrows", False): ("thin eyebrows",),
    ("Big_Nose", True): ("a big nose", "a large nose"),
    ("Big_Nose", False): ("a small nose",),
    ("Big_Lips", True): ("big lips", "full lips"),
    ("Big_Lips", False): ("thin lips",),
    ("Narrow_Eyes", True): ("narrow eyes", "small eyes"),
    ("Narrow_Eyes", False): ("big eyes", "wide eyes"),
    ("Bags_Under_Eyes", True): ("bags under the eyes", "eye bags", "tired eyes"),
    ("Long_Hair", True): ("long hair",),
    ("Long_Hair", False): ("short hair",),
}
"""What may stand after `with`; what is claimed with True may also stand after `without`, and then denies it."""

ADJECTIVES: dict[tuple[str, bool], tuple[str, ...]] = {
    ("No_Beard", True): ("clean-shaven", "shaved", "beardless"),
    ("Beard", True): ("bearded",),
    ("Black_Hair", True): ("black-haired",),
    ("Blond_Hair", True): ("blond", "blonde"),
    ("Brown_Hair", True): ("brown-haired", "brunette"),
    ("Gray_Hair", True): ("gray-haired", "grey-haired"),
    ("Red_Hair", True): ("red-haired",),
    ("Bald", True): ("bald", "hairless"),
    ("Young", True): ("young", "youthful"),
    ("Young", False): ("old", "elderly", "aged", "older"),
    ("Male", True): ("male", "masculine"),
    ("Male", False): ("female", "feminine"),
    ("Chubby", True): ("chubby", "fat", "plump"),
    ("Chubby", False): ("slim", "thin"),
    ("Pale_Skin", True): ("pale",),
    ("Long_Hair", True): ("long-haired",),
    ("Long_Hair", False): ("short-haired",),
}
NOUNS: dict[tuple[str, bool], tuple[str, ...]] = {
    ("Male", True): ("man", "guy", "gentleman"),
    ("Male", False): ("woman", "lady"),
}
PLAIN_NOUNS = ("face", "face", "face", "person", "head", "human face")
WITHOUT = ("without", "without", "with no", "not wearing")
WITH = ("with", "with", "with", "with", "wearing", "who has", "having")
TEMPLATES = (
    "{}", "a {}", "the {}", "a photo of a {}", "a picture of a {}", "a portrait of a {}", "a close-up of a {}",
    "a photo of the {}", "a rendering of a {}", "a video frame of a {}", "an image of a {}", "this is a {}",
)  # fmt: skip
"""Around a prompt; an edit takes the mean over all, as is usual for CLIP (Radford et al. 2021, section 3.1.4)."""


@dataclass(frozen=True)
class Claim:
    """One thing that a caption says."""

    column: int
    value: bool


@dataclass(frozen=True)
class Caption:
    """Words and what they claim."""

    text: str
    claims: tuple[Claim, ...]


def truth_table(vectors: Tensor) -> Tensor:
    """[N, C] bool in the order of COLUMNS, from the identities' vectors [N, 26 + K]."""
    on = vectors[:, : len(ATTRIBUTES)] > 0
    cover = vectors[:, len(ATTRIBUTES) + STYLE.index("beard_cover")]

    def has(name: str) -> Tensor:
        return on[:, ATTRIBUTES.index(name)]

    only_mustache = ~has("Goatee") & (cover < 0)
    beard = ~has("No_Beard") & ~only_mustache
    coloured = torch.stack([has(name) for name in (*HAIR_COLOURS, "Bald")]).any(0)
    return torch.cat([on, beard[:, None], ~coloured[:, None]], dim=1)


def write_caption(claims: tuple[Claim, ...], rng: np.random.Generator, noun: str = "") -> Caption:
    """Words that make these claims, each as a noun, an adjective, or something one has or lacks; none is a face.

    noun: for the person where no claim gives one; drawn where it is empty.
    """
    adjectives, having, lacking = list[str](), list[str](), list[str]()
    noun = noun or str(rng.choice(PLAIN_NOUNS))
    for claim in claims:
        words, kind = _words(claim, rng)
        match kind:
            case "noun":
                noun = words
            case "adjective":
                adjectives.append(words)
            case "with":
                having.append(words)
            case _:
                lacking.append(words)
    parts = [*adjectives, noun]
    if having:
        parts += [str(rng.choice(WITH)), _listed(having)]
    for words in lacking:
        how = str(rng.choice(WITHOUT))
        parts += [how, words.removeprefix("a ") if how == "with no" else words]
    return Caption(" ".join(parts), claims)


def write_step(claim: Claim, rng: np.random.Generator) -> tuple[str, str]:
    """(neutral, target): two sentences that differ by one claim, like the two texts of an edit."""
    noun, template = str(rng.choice(PLAIN_NOUNS)), str(rng.choice(TEMPLATES))
    return template.format(noun), template.format(write_caption((claim,), rng, noun).text)


def write_sentence(claims: tuple[Claim, ...], rng: np.random.Generator) -> str:
    """A caption inside one of the templates."""
    return str(rng.choice(TEMPLATES)).format(write_caption(claims, rng).text)


def vocabulary() -> tuple[str, ...]:
    """Every word that a caption can hold, in the order of the alphabet."""
    phrases = [p for table in (NOUN_PHRASES, ADJECTIVES, NOUNS) for texts in table.values() for p in texts]
    texts = [*phrases, *PLAIN_NOUNS, *WITHOUT, *WITH, *TEMPLATES, "and not"]
    return tuple(sorted({word for text in texts for word in text.replace("{}", "").replace("-", " ").split()}))


def _words(claim: Claim, rng: np.random.Generator) -> tuple[str, str]:
    """(words, how they are used) for one claim."""
    key, opposite = (COLUMNS[claim.column], claim.value), (COLUMNS[claim.column], not claim.value)
    choices = [(p, "with") for p in NOUN_PHRASES.get(key, ())]
    choices += [(p, "adjective") for p in ADJECTIVES.get(key, ())]
    choices += [(p, "noun") for p in NOUNS.get(key, ())] * 2
    if not claim.value:
        choices += [(p, "without") for p in NOUN_PHRASES.get(opposite, ())]
        choices += [(f"not {p}", "adjective") for p in ADJECTIVES.get(opposite, ())][:1]
    return choices[int(rng.integers(len(choices)))]


def _listed(items: list[str]) -> str:
    return items[0] if len(items) == 1 else ", ".join(items[:-1]) + " and " + items[-1]
