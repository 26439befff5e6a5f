"""Save Video."""

from typing import Any

from ..dva_plugin.host import current_host
from ..model.video.encoding import Codec
from .convert import rate_of, source_of, suffix_for, write_frames
from .sockets import CATEGORY, FRAMES_INPUT, RATE_INPUT, Clip, Inputs

PREFIX_TIP = "Name of the file in the output folder, without number and suffix; 'shots/a' puts it into a folder there."
CODECS: list[Codec] = ["ffv1", "h264", "hevc", "prores", "png16", "png8"]
CODEC_TIP = (
    "ffv1 (.mkv) keeps every sample as it is; h264 (.mp4, or .mov for uncompressed sound) plays everywhere; hevc is "
    "smaller; prores (.mov) is what editors work with; png16 and png8 make a folder of pictures of 16 or 8 bits."
)


class SaveVideo:
    """A clip into a file of a kind that ComfyUI does not write itself."""

    CATEGORY = CATEGORY
    DESCRIPTION = (
        "Writes a clip frame by frame, with the source's sound, frame rate and samples, into the output folder."
    )
    RETURN_TYPES = ("STRING",)
    RETURN_NAMES = ("file",)
    OUTPUT_TOOLTIPS = ("The file, or the folder of pictures, that was written.",)
    OUTPUT_NODE = True
    FUNCTION = "save"

    @classmethod
    def INPUT_TYPES(cls) -> Inputs:  # noqa: N802 - ComfyUI's name
        """What ComfyUI shows."""
        return {
            "required": {
                "frames": FRAMES_INPUT,
                "filename_prefix": ("STRING", {"default": "dva/video", "tooltip": PREFIX_TIP}),
                "codec": (CODECS, {"default": "ffv1", "tooltip": CODEC_TIP}),
                "frame_rate": RATE_INPUT,
            },
            "hidden": {"prompt": "PROMPT", "extra_pnginfo": "EXTRA_PNGINFO"},
        }

    def save(
        self,
        frames: Clip,
        filename_prefix: str,
        codec: Codec,
        frame_rate: float,
        prompt: Any = None,  # noqa: ANN401 - ComfyUI's own
        extra_pnginfo: Any = None,  # noqa: ANN401
    ) -> dict[str, Any]:
        """Write under the next free number, with the graph in the file's metadata where ComfyUI gives it."""
        host, clip = current_host(), source_of(frames, rate_of(frame_rate))
        path = host.new_output_file(filename_prefix, suffix_for(codec, clip))
        write_frames(path, clip, codec, host.graph_notes(prompt, extra_pnginfo))
        return {"ui": host.shown_file(path), "result": (str(path),)}
