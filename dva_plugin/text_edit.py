"""Edits by text for a whole job: texts and kept directions in, identity edits out."""

import signal
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

import torch
from PIL import Image

from ..model.autoencoder import Autoencoder
from ..model.code import ClipCode
from ..model.editing.attribute import IdentityEdit, checked_strength
from ..model.editing.curve import curve_values, parse_keyframes
from ..model.editing.direction_file import TextDirection, direction_edit, load_direction, save_direction
from ..model.editing.search import TextProgress
from ..model.editing.text import cached_direction
from ..model.editing.text_settings import TextSettings
from ..model.encoders.clip_cache import open_clip_model
from ..model.errors import InputError, Interrupted
from ..model.packs.pack import Pack
from ..model.types import OnProgress, Progress
from .console import say

WATCH_EVERY = 10
"""Iterations from one written preview to the next."""


@dataclass(frozen=True)
class TextRequest:
    """What was asked for in words, and in directions kept from earlier searches."""

    targets: tuple[tuple[str, float], ...]
    """(target text, signed strength)."""
    directions: tuple[tuple[Path, float], ...]
    """(direction file, signed strength)."""
    cache: Path
    """Folder in which directions stay, so that no search is made twice."""
    neutral: str = "face"
    curve: str = ""
    """Keyframes that multiply the strengths of all of these."""
    clip: str = "pack"
    settings: TextSettings = field(default_factory=TextSettings)
    keep: Path | None = None
    """Where to write the direction of the last text."""
    watch: Path | None = None
    """Folder for losses.csv and preview.png while a search runs."""


class TextEditing:
    """A request whose texts, files and numbers have been checked, before a frame is read."""

    def __init__(self, request: TextRequest, pack: Pack, device: torch.device) -> None:
        """Raises UsageError or ModelFilesError for a text, a number or a file that cannot be used."""
        self._request, self._pack = request, pack
        self._keyframes = parse_keyframes(request.curve)
        request.settings.check()
        self._kept = [(load_direction(path), strength) for path, strength in request.directions]
        for direction, strength in self._kept:
            direction_edit(direction, pack, strength, 1)
        self._clip = open_clip_model(request.clip, pack, device) if request.targets else None
        for target, strength in request.targets:
            checked_strength(target, strength, 1)
            assert self._clip is not None
            self._clip.text_direction(request.neutral, target)
            for sentence in self._clip.warnings((request.neutral, target)):
                say(sentence)  # now, and not after a long search
        self.told = [sentence for direction, _ in self._kept for sentence in direction.warnings]
        """Sentences for the user, once the edits are found."""

    def edits(self, autoencoder: Autoencoder, code: ClipCode, on_progress: OnProgress) -> list[IdentityEdit]:
        """One edit for each text and each direction."""
        found = list(self._kept)
        for target, strength in self._request.targets:
            found.append((self._search(autoencoder, code, target, on_progress), strength))
        if self._request.keep is not None and self._request.targets:
            save_direction(found[-1][0], self._request.keep)
        curve = curve_values(self._keyframes, len(code))
        return [direction_edit(direction, self._pack, strength * curve, len(code)) for direction, strength in found]

    def _search(self, autoencoder: Autoencoder, code: ClipCode, target: str, on_progress: OnProgress) -> TextDirection:
        request, clip = self._request, self._clip
        assert clip is not None
        texts = (request.neutral, target)
        with _stop_on_request(on_progress, wanted=request.settings.keep_best) as look:
            watch = look if request.watch is None else _Watched(request.watch, look)
            return cached_direction(request.cache, autoencoder, code, clip, texts, request.settings, watch)


class _Watched:
    """Writes what a search has come to into a folder, while it runs."""

    def __init__(self, folder: Path, on_progress: OnProgress) -> None:
        self._folder, self._on_progress = folder, on_progress
        self._lines: list[str] = []

    def __call__(self, progress: Progress) -> None:
        if isinstance(progress, TextProgress):
            self._lines = self._lines or [",".join(["iteration", *(name for name, _ in progress.losses)])]
            self._lines.append(",".join([str(progress.done), *(f"{value:.5f}" for _, value in progress.losses)]))
            self._write(progress)
        self._on_progress(progress)

    def _write(self, progress: TextProgress) -> None:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            (self._folder / "losses.csv").write_text("\n".join(self._lines) + "\n", encoding="utf-8")
            if progress.preview is not None and progress.done % WATCH_EVERY == 0:
                picture = (progress.preview() * 255).round().byte().permute(1, 2, 0).numpy()
                Image.fromarray(picture).save(self._folder / "preview.png")
        except OSError as error:
            raise InputError(f"cannot write to {self._folder} ({error}); choose another folder") from error


@contextmanager
def _stop_on_request(on_progress: OnProgress, *, wanted: bool) -> Generator[OnProgress, None, None]:
    """While it lasts, Ctrl-C ends a search at its next iteration instead of ending the program."""
    if not wanted:
        yield on_progress
        return
    asked = False

    def remember(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        asked = True

    def look(progress: Progress) -> None:
        on_progress(progress)
        if asked:
            raise Interrupted("the search was asked to stop")

    before = signal.signal(signal.SIGINT, remember)
    try:
        yield look
    finally:
        signal.signal(signal.SIGINT, before)
