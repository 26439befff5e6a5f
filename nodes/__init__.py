"""The nodes ComfyUI registers: id -> class, and id -> the name it shows."""

NODE_CLASS_MAPPINGS: dict[str, type] = {}
NODE_DISPLAY_NAME_MAPPINGS: dict[str, str] = {}
