"""Load Clip Code."""

from ..dva_plugin.host import current_host
from ..model.code import ClipCode, load_code
from ..model.packs.pack import Pack
from .convert import chosen_file
from .sockets import CATEGORY, CODE, MODEL_INPUT, TRACK, Inputs, Track

FILE_TIP = "A .dva file in the input folder, or, marked [output], one that Save Clip Code wrote."


class LoadClipCode:
    """An encoded clip from a file."""

    CATEGORY = CATEGORY
    DESCRIPTION = "Reads a clip that was encoded before, with its track, so that neither has to be computed again."
    RETURN_TYPES = (CODE, TRACK)
    RETURN_NAMES = ("code", "track")
    OUTPUT_TOOLTIPS = ("The encoded clip, with the edits it was saved with.", "Where the face is in each frame.")
    FUNCTION = "load"

    @classmethod
    def INPUT_TYPES(cls) -> Inputs:  # noqa: N802 - ComfyUI's name
        """What ComfyUI shows."""
        files = (list(current_host().code_files()), {"tooltip": FILE_TIP})
        return {"required": {"model": MODEL_INPUT, "code_file": files}}

    @classmethod
    def IS_CHANGED(cls, model: object, code_file: str) -> tuple[int, int]:  # noqa: N802 - ComfyUI's name
        """Tell one state of the file from another."""
        facts = chosen_file(code_file).stat()
        return facts.st_mtime_ns, facts.st_size

    def load(self, model: Pack, code_file: str) -> tuple[ClipCode, Track]:
        """Read and check the file."""
        code = load_code(chosen_file(code_file))
        code.check_pack(model)
        return code, Track(code.track, model)
