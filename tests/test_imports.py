"""What an import brings along, seen from a fresh process."""

import json
import subprocess
import sys
from pathlib import Path

HEAVY = {"facenet_pytorch", "open_clip", "PySide6", "numba", "skimage", "face_alignment", "requests", "comfy"}
LIST_MODULES = "import json, sys; print(json.dumps(sorted(sys.modules)))"


def modules_after(statement: str, folder: Path) -> set[str]:
    output = subprocess.run(
        [sys.executable, "-c", f"{statement}\n{LIST_MODULES}"], cwd=folder, capture_output=True, text=True, check=True
    ).stdout
    return set(json.loads(output))


def test_importing_the_model_stays_light(tmp_path: Path) -> None:
    loaded = modules_after("import dva.model, dva.model.types, dva.model.errors", tmp_path)
    assert loaded.isdisjoint(HEAVY | {"torch", "av", "cv2", "dva.nodes", "dva.dva_plugin"})


def test_looking_for_packs_does_not_wait_for_torch(tmp_path: Path) -> None:
    loaded = modules_after("import dva.dva_plugin.home as home; home.installed_packs()", tmp_path)
    assert loaded.isdisjoint(HEAVY | {"torch"})


def test_comfyui_gets_its_three_names(tmp_path: Path) -> None:
    check = "import dva; assert all(hasattr(dva, name) for name in dva.__all__); assert not hasattr(dva, 'x')"
    assert "dva.nodes" in modules_after(check, tmp_path)


def test_the_pack_loads_under_comfyuis_kind_of_name(project: Path, tmp_path: Path) -> None:
    # ComfyUI names a node pack's module by its folder's path, with "." written as "_x_"
    script = f"""
import importlib.util, sys
name = {str(project).replace(".", "_x_")!r}
spec = importlib.util.spec_from_file_location(name, {str(project / "__init__.py")!r})
module = importlib.util.module_from_spec(spec)
sys.modules[name] = module
spec.loader.exec_module(module)
assert module.NODE_CLASS_MAPPINGS is not None and module.NODE_DISPLAY_NAME_MAPPINGS is not None
assert "dva" not in sys.modules
"""
    modules_after(script, tmp_path)
