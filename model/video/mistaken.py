"""What a file is that was taken for a video: its first bytes tell, where libavformat only says that it knows it not."""

from codecs import getincrementaldecoder
from pathlib import Path

KINDS = {
    b"PK\x03\x04": "a ZIP archive", b"7z\xbc\xaf": "a 7-Zip archive", b"Rar!": "a RAR archive",
    b"\x1f\x8b": "a gzip file", b"%PDF": "a PDF", b"<svg": "a drawing (SVG)", b"8BPS": "a Photoshop picture",
    b"II*\0": "a TIFF picture", b"MM\0*": "a TIFF picture", b"ID3": "sound", b"fLaC": "sound",
}  # fmt: skip
RIFF = {b"WAVE": "sound", b"WEBP": "a WebP picture"}
HEAD = 4096
"""Bytes that are looked at."""


def what_else(path: Path) -> str:
    """The rest of a sentence that begins with the file's name; empty where the first bytes tell nothing."""
    with path.open("rb") as file:
        head = file.read(HEAD)
    if head[4:8] == b"ftyp" and not _has_index(path):
        return "is cut short: it lacks the index (moov), which most mp4 and mov files end with; copy or record it again"
    kind = next((kind for magic, kind in KINDS.items() if head.startswith(magic)), None)
    if head.startswith(b"RIFF"):
        kind = RIFF.get(head[8:12])
    if kind is None and _is_text(head):
        kind = "a text"
    return f"is {kind} and no video; give a video file, or a folder of numbered pictures" if kind else ""


def _has_index(path: Path) -> bool:
    """Say whether the outermost boxes of an mp4 or mov file hold a "moov" (ISO/IEC 14496-12, 4.2)."""
    end = path.stat().st_size
    with path.open("rb") as file:
        at = 0
        while at + 8 <= end:
            file.seek(at)
            size, kind = int.from_bytes(file.read(4), "big"), file.read(4)
            if kind == b"moov":
                return True
            if size == 1:  # the true size stands behind
                size = int.from_bytes(file.read(8), "big")
            if size < 8:
                return False
            at += size
    return False


def _is_text(head: bytes) -> bool:
    try:
        text = getincrementaldecoder("utf-8")().decode(head)  # which forgives a letter that is cut at the end
    except UnicodeDecodeError:
        return False
    return all(letter.isprintable() or letter.isspace() or letter == "\ufeff" for letter in text)
