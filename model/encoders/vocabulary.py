"""A vocabulary of whole words for open_clip's own tokenizer."""

import gzip
import io
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

END = "</w>"
BYTES = 256


def word_merges(words: Sequence[str]) -> list[str]:
    """Byte-pair merges after which each of the words is one token (Sennrich et al. 2016), most frequent pair first.

    words: lower-case letters a to z. What is not among them is spelt in pieces, as in any byte-pair vocabulary.
    """
    spelt = [[*word[:-1], word[-1] + END] for word in words]
    merges: list[str] = []
    while any(len(pieces) > 1 for pieces in spelt):
        pairs = Counter(pair for pieces in spelt for pair in pairwise(pieces))
        best = max(pairs, key=lambda pair: (pairs[pair], pair))
        merges.append(" ".join(best))
        spelt = [_merged(pieces, best) for pieces in spelt]
    return merges


def vocabulary_size(merges: Sequence[str]) -> int:
    """Bytes within a word and at its end, merges, and the two marks for start and end of a text."""
    return 2 * BYTES + len(merges) + 2


def word_tokenizer(merges: Sequence[str], context: int) -> Any:  # noqa: ANN401 - open_clip comes without types
    """open_clip's SimpleTokenizer with these merges instead of its own."""
    from open_clip.tokenizer import SimpleTokenizer  # noqa: PLC0415 - an extra, and slow to import

    # it takes what gzip.open takes, and skips the file's first line
    table = io.BytesIO(gzip.compress("\n".join(["merges", *merges]).encode()))
    return SimpleTokenizer(bpe_path=table, context_length=context)  # pyright: ignore[reportArgumentType]


def _merged(pieces: list[str], pair: tuple[str, str]) -> list[str]:
    out: list[str] = []
    for piece in pieces:
        if out and (out[-1], piece) == pair:
            out[-1] += piece
        else:
            out.append(piece)
    return out
