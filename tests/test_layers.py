"""The arrows between the storeys: who may import whom."""

import sys
from pathlib import Path

import pytest
from sources import imported_by, own_sources

# folder or file -> what of ours it may import; the longest entry that fits a file counts
ARROWS = {
    "__init__.py": ("nodes",),
    "__main__.py": (),  # it loads dva_plugin.cli by name, after making the package
    "nodes": ("nodes", "model", "dva_plugin.host", "dva_plugin.home"),
    "dva_plugin": ("dva_plugin", "model"),
    "dva_plugin/graph.py": ("dva_plugin", "model", "nodes"),
    "model": ("model",),
    "benchmarks": ("benchmarks", "dva_plugin", "model"),
}
OUR_NAMES = {"benchmarks", "dva", "dva_plugin", "installer", "model", "nodes", "tests"}
FOREIGN_TO_MODEL = {"argparse", "comfy", "comfy_api", "folder_paths", "PySide6", "appdirs"}
COMFY = {"comfy", "comfy_api", "comfy_execution", "comfy_extras", "folder_paths", "execution", "server"}


def arrows_against(path: Path, text: str) -> list[str]:
    """The imports in a file at that path that no arrow allows."""
    rule = max((entry for entry in ARROWS if path.is_relative_to(entry)), key=len)
    wrong: list[str] = []
    for module, is_ours in imported_by(path, text):
        top = module.partition(".")[0]
        if is_ours:
            allowed = any(module == target or module.startswith(f"{target}.") for target in ARROWS[rule])
        else:
            is_name_of_ours = top in OUR_NAMES and path.parts[0] != "benchmarks"
            is_foreign = (path.parts[0] == "model" and top in FOREIGN_TO_MODEL) or (
                top in COMFY and path != Path("dva_plugin/host.py")
            )
            allowed = not (is_name_of_ours or is_foreign)
        if not allowed:
            wrong.append(module)
    return wrong


@pytest.mark.parametrize("path", own_sources("dva_plugin", "model", "nodes", "benchmarks"), ids=str)
def test_imports_follow_the_arrows(project: Path, path: Path) -> None:
    assert arrows_against(path, (project / path).read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("path", [Path("__init__.py"), Path("__main__.py")], ids=str)
def test_the_doors_follow_the_arrows(project: Path, path: Path) -> None:
    assert arrows_against(path, (project / path).read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("model/faces/align.py", "from ...dva_plugin import home"),
        ("model/unet.py", "from .. import nodes"),
        ("model/unet.py", "import argparse"),
        ("model/unet.py", "from dva.model import types"),
        ("model/packs/official.py", "import comfy.utils"),
        ("dva_plugin/cli.py", "from ..nodes import decode"),
        ("dva_plugin/cli.py", "import folder_paths"),
        ("nodes/decode.py", "from ..dva_plugin import cli"),
        ("nodes/decode.py", "import nodes"),
        ("__init__.py", "from .dva_plugin import cli"),
    ],
)
def test_an_import_against_an_arrow_is_seen(path: str, line: str) -> None:
    assert len(arrows_against(Path(path), line)) == 1


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("model/faces/align.py", "from ..types import FaceTrack"),
        ("nodes/decode.py", "from ..dva_plugin.host import current_host"),
        ("dva_plugin/graph.py", "from .. import nodes"),
        ("dva_plugin/host.py", "import comfy.model_management"),
    ],
)
def test_an_import_along_an_arrow_is_allowed(path: str, line: str) -> None:
    assert arrows_against(Path(path), line) == []


@pytest.mark.parametrize("path", own_sources("installer"), ids=str)
def test_installer_needs_the_standard_library_only(project: Path, path: Path) -> None:
    siblings = {file.stem for file in own_sources("installer")}
    for module, is_relative in imported_by(path, (project / path).read_text(encoding="utf-8")):
        top = module.partition(".")[0]
        assert not is_relative, f"{module}: the folder is a path entry when it runs, not a package"
        is_window = path.name == "window.py" and top == "PySide6"
        assert top in sys.stdlib_module_names or top in siblings or is_window


@pytest.mark.parametrize("path", own_sources("installer"), ids=str)
def test_no_installer_file_hides_a_standard_module(path: Path) -> None:
    assert path.stem == "__main__" or path.stem not in sys.stdlib_module_names
