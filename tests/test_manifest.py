"""plugin.json, and the packs it leads to."""

import json
import re
from pathlib import Path

import pytest

from dva.dva_plugin import home
from dva.dva_plugin.manifest import read_manifest
from dva.model.errors import ModelFilesError, UsageError


def written(folder: Path, change: dict[str, object]) -> Path:
    path = folder / "plugin.json"
    path.write_text(json.dumps({"id": "x", "name": "x", "version": "1", "nodes": [], "packs": []} | change))
    return path


def put_pack(folder: Path, name: str) -> Path:
    (folder / name).mkdir(parents=True)
    (folder / name / "pack.json").write_text("{}")
    return folder / name


def test_ours_names_the_embedded_pack_and_the_published_one() -> None:
    manifest = read_manifest()
    mini, published = manifest.pack("mini"), manifest.pack("dva-256")
    assert mini is not None
    assert str(mini.folder) == "model/packs/mini"
    assert published is not None
    assert published.folder is None
    # the ids of Google Drive have 33 characters
    assert {len(file.google_drive_id) for file in published.files} == {33}


def test_the_version_is_the_same_everywhere(project: Path) -> None:
    version = read_manifest().version
    assert f'\nversion = "{version}"\n' in (project / "pyproject.toml").read_text(encoding="utf-8")
    headings = re.findall(r"^## (\S+)", (project / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert headings[0] == version


def test_the_nodes_are_those_that_are_registered() -> None:
    import dva

    assert set(read_manifest().nodes) == set(dva.NODE_CLASS_MAPPINGS) == set(dva.NODE_DISPLAY_NAME_MAPPINGS)


def test_every_fault_is_named_at_once(tmp_path: Path) -> None:
    file = {"name": "../a", "holds": "x", "google_drive_id": "x", "bytes": -1, "sha256": "beef"}
    pack = {"name": "p", "licence": "", "source": "x", "folder": "../outside", "files": [file]}
    path = written(tmp_path, {"packs": [pack, pack], "nodes": ["N", "N"]})
    with pytest.raises(ModelFilesError) as caught:
        read_manifest(path)
    for fault in ("bare file name", "bytes", "sha256", "licence", "below the plugin's folder", "'p'", "'N'"):
        assert fault in str(caught.value)


@pytest.mark.parametrize("name", ["a/b", "..", "a\\b", "C:a"])
def test_a_file_name_that_leads_elsewhere_on_any_system_is_a_fault(tmp_path: Path, name: str) -> None:
    file = {"name": name, "holds": "x", "google_drive_id": "x"}
    pack = {"name": "p", "licence": "x", "source": "x", "files": [file]}
    with pytest.raises(ModelFilesError, match="bare file name"):
        read_manifest(written(tmp_path, {"packs": [pack]}))


@pytest.mark.parametrize("text", ["", "[]", "{", '{"packs": 3}'])
def test_a_damaged_manifest_is_one_sentence(tmp_path: Path, text: str) -> None:
    path = tmp_path / "plugin.json"
    path.write_text(text)
    with pytest.raises(ModelFilesError, match="install the plugin again"):
        read_manifest(path)


def test_packs_are_found_where_the_variable_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = put_pack(tmp_path, "mine")
    monkeypatch.setenv("DVA_PACKS", str(tmp_path))
    assert home.find_pack("mine") == folder
    assert home.download_folder() == tmp_path


def test_no_pack_elsewhere_passes_for_an_embedded_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plugin, elsewhere = tmp_path / "plugin", tmp_path / "packs"
    embedded = put_pack(plugin / "model/packs", "mini")
    put_pack(elsewhere, "mini")
    monkeypatch.setattr(home, "ROOT", plugin)
    monkeypatch.setenv("DVA_PACKS", str(elsewhere))
    assert home.find_pack("mini") == embedded


def test_an_unknown_pack_is_answered_with_the_known_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_pack(tmp_path, "mine")
    monkeypatch.setenv("DVA_PACKS", str(tmp_path))
    with pytest.raises(ModelFilesError, match=r"'other'.*mine"):
        home.find_pack("other")


@pytest.mark.parametrize("name", ["../mini", "/etc", "", ".", "a/b", "a\\b", "mini\n"])
def test_a_name_cannot_leave_the_pack_folders(name: str) -> None:
    with pytest.raises(UsageError):
        home.find_pack(name)
