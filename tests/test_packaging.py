"""What pip would install, and what ComfyUI-Manager would."""

import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from sources import own_sources


def quoted_list(project: Path, key: str) -> list[str]:
    text = (project / "pyproject.toml").read_text(encoding="utf-8")  # tomllib came with Python 3.11 only
    found = re.search(rf"^{key} = \[\n(.*?)^\]", text, re.MULTILINE | re.DOTALL)
    assert found is not None
    return re.findall(r'^    "([^"]+)"', found[1], re.MULTILINE)


def requirement_name(line: str) -> str:
    return re.split(r"[<>=!~\[ ;]", line, maxsplit=1)[0].lower()


def test_every_package_is_listed(project: Path) -> None:
    folders = {path.parent for path in own_sources("dva_plugin", "model", "nodes")}
    modules = {".".join(("dva", *folder.parts)) for folder in folders}
    assert set(quoted_list(project, "packages")) == modules | {"dva"}


def test_the_wheel_holds_all_sources_and_the_data(project: Path, tmp_path: Path) -> None:
    copy = tmp_path / "plugin"
    ignored = shutil.ignore_patterns(".*", "__pycache__", "*.egg-info", "build", "dist", "tests", "runs")
    shutil.copytree(project, copy, ignore=ignored)
    build = "from setuptools import build_meta; build_meta.build_wheel('..')"
    subprocess.run([sys.executable, "-W", "ignore", "-c", build], cwd=copy, capture_output=True, check=True)
    [wheel] = tmp_path.glob("*.whl")
    held = set(zipfile.ZipFile(wheel).namelist())
    expected = {f"dva/{path.as_posix()}" for path in own_sources("dva_plugin", "model", "nodes")}
    mini = {f"dva/model/packs/mini/{file.name}" for file in (project / "model/packs/mini").glob("*")}
    clips = {f"dva/model/demo/{file.name}" for file in (project / "model/demo").glob("*.mp4")}
    data = [path for top in ("example_workflows", "locales", "web") for path in (project / top).rglob("*.*")]
    shown = {f"dva/{path.relative_to(project).as_posix()}" for path in data}
    assert expected | mini | clips | shown | {"dva/__init__.py", "dva/__main__.py", "dva/plugin.json"} <= held
    assert not any(name.startswith(("dva/tests", "dva/installer", "tests")) for name in held)


def test_comfyuis_torch_is_left_alone(project: Path) -> None:
    lines = (project / "requirements.txt").read_text(encoding="utf-8").splitlines()
    wanted = {requirement_name(line) for line in lines if line and not line.startswith("#")}
    assert wanted.isdisjoint({"torch", "torchvision", "torchaudio", "numba", "opencv-python-headless"})
    ours = {requirement_name(line) for line in quoted_list(project, "dependencies")}
    same_but = {"torch", "torchvision", "opencv-python-headless"}
    assert wanted == (ours - same_but) | {"opencv-python", "open_clip_torch"}


@pytest.mark.parametrize("file", ["pyproject.toml", "requirements.txt"])
def test_the_detector_does_not_downgrade_torch(project: Path, file: str) -> None:
    assert "facenet-pytorch==2.5.3" in (project / file).read_text(encoding="utf-8")
