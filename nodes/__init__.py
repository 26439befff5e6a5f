"""The nodes ComfyUI registers: id -> class, and id -> the name it shows.

The ids, and the names, order, types and defaults of the inputs, are permanent: saved graphs hold them
(tests/nodes/contract.json). New inputs go to the end.
"""

from .align_faces import AlignFaces
from .decode import Decode
from .demo_clip import DemoClip
from .edit_by_attribute import EditByAttribute
from .edit_by_text import EditByText
from .encode_video import EncodeVideo
from .load_clip_code import LoadClipCode
from .load_model import LoadModel
from .paste_back import PasteBack
from .save_clip_code import SaveClipCode
from .save_video import SaveVideo
from .swap_features import SwapFeatures
from .track_mask import TrackMask
from .track_preview import TrackPreview

NODE_CLASS_MAPPINGS: dict[str, type] = {
    "DVA_LoadModel": LoadModel,
    "DVA_AlignFaces": AlignFaces,
    "DVA_TrackMask": TrackMask,
    "DVA_EncodeVideo": EncodeVideo,
    "DVA_EditByAttribute": EditByAttribute,
    "DVA_Decode": Decode,
    "DVA_PasteBack": PasteBack,
    "DVA_LoadClipCode": LoadClipCode,
    "DVA_SaveClipCode": SaveClipCode,
    "DVA_DemoClip": DemoClip,
    "DVA_SwapFeatures": SwapFeatures,
    "DVA_SaveVideo": SaveVideo,
    "DVA_TrackPreview": TrackPreview,
    "DVA_EditByText": EditByText,
}
NODE_DISPLAY_NAME_MAPPINGS: dict[str, str] = {
    "DVA_LoadModel": "Load DVA Model",
    "DVA_AlignFaces": "Align Faces",
    "DVA_TrackMask": "Track Mask",
    "DVA_EncodeVideo": "Encode Video",
    "DVA_EditByAttribute": "Edit Identity by Attribute",
    "DVA_Decode": "Decode",
    "DVA_PasteBack": "Paste Back",
    "DVA_LoadClipCode": "Load Clip Code",
    "DVA_SaveClipCode": "Save Clip Code",
    "DVA_DemoClip": "Demo Clip",
    "DVA_SwapFeatures": "Swap Features",
    "DVA_SaveVideo": "Save Video (DVA)",
    "DVA_TrackPreview": "Track Preview",
    "DVA_EditByText": "Edit Identity by Text",
}
