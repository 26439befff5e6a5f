"""Edit Identity by Text."""

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from ..dva_plugin.home import direction_folder
from ..dva_plugin.host import current_host
from ..model.code import ClipCode
from ..model.editing.attribute import MAX_STRENGTH
from ..model.editing.direction_file import TextDirection, direction_edit
from ..model.editing.text import cached_direction
from ..model.editing.text_settings import TextSettings
from ..model.encoders.clip import PACK_CLIP
from ..model.encoders.clip_cache import open_clip_model
from ..model.errors import Interrupted, UsageError
from ..model.packs.pack import Pack
from ..model.types import OnProgress, Progress
from .at_work import at_work
from .lists import each_run, readable, strengths
from .sockets import CATEGORY, CODE, CODE_INPUT, CURVE_INPUT, KEYFRAMES_INPUT, MODEL_INPUT, Inputs

NEUTRAL_TIP = "What is in the clip, in a few words of English, such as 'face'."
TARGET_TIP = "The same with the change, such as 'face with eyeglasses'."
STRENGTH_TIP = f"How far, -{MAX_STRENGTH:g} to {MAX_STRENGTH:g}: 1 as far as the search went, 0 edits nothing."
ITERATIONS_TIP = "Most steps of the search, 1 to 10000; it ends by itself when nothing gets better."
LAST_SEED = 2**64 - 1
SEED_TIP = f"Where the search begins, 0 to {LAST_SEED}; another seed finds another, similar edit."
CLIP_TIP = (
    f"Which network reads the words: '{PACK_CLIP}' is that of the pack, 'ViT-B-16/openai' the published one, where "
    "open_clip_torch is installed and `dva clip fetch` has fetched it."
)
KEEP_TIP = (
    "When the run is cancelled during the search, keep the best edit found so far: the next run of the same search "
    "uses it at once. Switched off again, the search begins anew."
)
ITERATIONS = TextSettings().iterations
SEED = {"default": 0, "min": 0, "max": LAST_SEED, "control_after_generate": False, "tooltip": SEED_TIP}
REQUIRED = {
    "model": MODEL_INPUT,
    "code": CODE_INPUT,
    "neutral": ("STRING", {"default": "face", "tooltip": NEUTRAL_TIP}),
    "target": ("STRING", {"default": "face with eyeglasses", "tooltip": TARGET_TIP}),
    "strength": (
        "FLOAT",
        {"default": 1.0, "min": -MAX_STRENGTH, "max": MAX_STRENGTH, "step": 0.05, "tooltip": STRENGTH_TIP},
    ),
    "keyframes": KEYFRAMES_INPUT,
    "iterations": ("INT", {"default": ITERATIONS, "min": 1, "max": 10_000, "tooltip": ITERATIONS_TIP}),
    "seed": ("INT", SEED),
}
OPTIONAL = {
    "curve": CURVE_INPUT,
    "clip": ("STRING", {"default": PACK_CLIP, "tooltip": CLIP_TIP}),
    "keep_best": ("BOOLEAN", {"default": False, "tooltip": KEEP_TIP}),
}


class EditByText:
    """One more edit of the clip's identity, by words."""

    CATEGORY = CATEGORY
    DESCRIPTION = "Finds the edit that turns one text into the other, once, and adds it to the code."
    RETURN_TYPES = (CODE, "STRING")
    RETURN_NAMES = ("code", "report")
    OUTPUT_TOOLTIPS = ("The code with one more edit.", "Which words the network does not know, if any.")
    FUNCTION = "edit"
    INPUT_IS_LIST = True
    OUTPUT_IS_LIST = (True, True)

    @classmethod
    def INPUT_TYPES(cls) -> Inputs:  # noqa: N802 - ComfyUI's name
        """What ComfyUI shows."""
        return {"required": REQUIRED, "optional": OPTIONAL}

    @classmethod
    def VALIDATE_INPUTS(cls, keyframes: Sequence[str | None] = ()) -> bool | str:  # noqa: N802 - ComfyUI's name
        """Refuse keyframes that cannot be read before the clip is encoded, and not after."""
        return readable(keyframes)

    def edit(  # noqa: PLR0913 - one a socket
        self,
        model: list[Pack],
        code: list[ClipCode],
        *,
        neutral: list[str],
        target: list[str],
        strength: list[float],
        keyframes: list[str],
        iterations: list[int],
        seed: list[int],
        curve: list[Any] | None = None,
        clip: list[str] | None = None,
        keep_best: list[bool] | None = None,
    ) -> tuple[list[ClipCode], list[str]]:
        """Find the edit, unless it was found before, and append it."""
        clips, keeps = clip or [PACK_CLIP], keep_best or [False]
        runs = each_run(model, code, neutral, target, iterations, seed, clips, keeps, strength, keyframes)
        edited = [_edited(_Run(*given), curve) for given in runs]
        return [code for code, _ in edited], [report for _, report in edited]


class _Run(NamedTuple):
    model: Pack
    code: ClipCode
    neutral: str
    target: str
    iterations: int
    seed: int
    clip: str
    keep_best: bool
    strength: float
    keyframes: str


def _edited(run: _Run, curve: list[Any] | None) -> tuple[ClipCode, str]:
    """The code with the edit, and what there is to say of its words."""
    run.code.check_pack(run.model)
    frames = len(run.code)
    values = strengths(run.strength, run.keyframes, curve, frames)
    direction = _found(run)
    report = "\n".join(direction.warnings) or "every word is known"
    return run.code.with_edit(direction_edit(direction, run.model, values, frames)), report


def _found(run: _Run) -> TextDirection:
    """The direction, from the folder of those found before, or by a search that takes minutes."""
    if not re.fullmatch(r"[\w-]+(/[\w-]+)?", run.clip):
        raise UsageError(f"clip must be '{PACK_CLIP}' or a published one such as 'ViT-B-16/openai', not {run.clip!r}")
    settings = TextSettings(iterations=run.iterations, seed=run.seed, keep_best=run.keep_best)
    texts, on_progress = (run.neutral, run.target), current_host().on_progress()
    told = _Cancelled(on_progress)
    with at_work(run.model) as networks:
        network = open_clip_model(run.clip, run.model, networks.device)
        watch = told if run.keep_best else on_progress
        direction = cached_direction(direction_folder(), networks, run.code, network, texts, settings, watch)
        if told.reason is not None:
            raise told.reason
        return direction


class _Cancelled:
    """The host's progress, whose cancellation reaches the search as one it knows and so keeps the best."""

    def __init__(self, on_progress: OnProgress) -> None:
        self._on_progress = on_progress
        self.reason: BaseException | None = None

    def __call__(self, progress: Progress) -> None:
        try:
            self._on_progress(progress)
        except BaseException as reason:
            self.reason = reason
            raise Interrupted("the search was cancelled") from reason
