"""`dva packs`: listing, importing, verifying and removing."""

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from published_files import expect_small_network, small_networks, write_published
from tiny import write_tiny_pack

from dva.dva_plugin import home, packs, plain_host
from dva.dva_plugin.cli import main
from dva.dva_plugin.manifest import read_manifest
from dva.dva_plugin.packs import open_pack
from dva.model.packs.official import PublishedFiles


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where packs go; it does not exist yet."""
    expect_small_network(monkeypatch)
    monkeypatch.setenv("DVA_PACKS", str(tmp_path / "packs"))
    return tmp_path / "packs"


@pytest.fixture
def files(tmp_path: Path) -> PublishedFiles:
    return write_published(tmp_path / "files")


def importing(files: PublishedFiles, *more: str) -> int:
    named = {"--model": files.model, "--classifier": files.classifier, "--statistics": files.statistics}
    return main(["packs", "import", *(str(part) for pair in named.items() for part in pair), *more])


def know(monkeypatch: pytest.MonkeyPatch, name: str, **facts: object) -> None:
    """Let plugin.json state facts about a file of the published network."""
    manifest = read_manifest()
    pack = manifest.pack("dva-256")
    assert pack is not None
    files = tuple(replace(file, **facts) if file.name == name else file for file in pack.files)
    changed = replace(manifest, packs=(replace(pack, files=files),))
    monkeypatch.setattr(packs, "read_manifest", lambda: changed)


def test_an_imported_pack_opens_by_its_name(folder: Path, files: PublishedFiles, capsys: pytest.CaptureFixture[str]):
    assert importing(files, "--accept-licence") == 0
    assert str(folder / "dva-256") in capsys.readouterr().out
    networks = open_pack("dva-256").networks
    known = small_networks().state_dict()
    assert all(torch.equal(tensor, known[name].float()) for name, tensor in networks.state_dict().items())


def test_licences_are_shown_and_must_be_accepted(
    folder: Path, files: PublishedFiles, capsys: pytest.CaptureFixture[str]
):
    assert importing(files) == 2
    shown = capsys.readouterr()
    assert "--accept-licence" in shown.err
    assert "not these weights" in shown.out
    pack = read_manifest().pack("dva-256")
    assert pack is not None
    for file in pack.files[:3]:
        assert f"{file.name}: {file.licence}" in shown.out
    assert not folder.exists()


def test_licences_and_hashes_are_kept(folder: Path, files: PublishedFiles):
    assert importing(files, "--accept-licence") == 0
    kept = json.loads((folder / "dva-256" / "pack.json").read_text(encoding="utf-8"))
    assert kept["licence"] == packs.published_pack().licence
    sources = {source["name"]: source for source in kept["sources"]}
    assert list(sources) == ["model.ckpt", "classifier.ckpt", "latent.pkl"]
    for file in packs.published_pack().files[:3]:
        assert sources[file.name]["licences"] == {file.name: file.licence}
        assert sources[file.name]["trust"] == "trusted on first use"


def test_the_archives_licences_are_those_of_its_members(
    folder: Path, files: PublishedFiles, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    (tmp_path / "mine.zip").write_bytes(b"")
    assert importing(files, "--encoders", str(tmp_path / "mine.zip")) == 2
    shown = capsys.readouterr().out
    for member in packs.published_pack().files[3].members:
        assert f"{member.name}: {member.licence}" in shown


def test_a_later_import_of_other_files_is_refused_until_the_pack_is_removed(
    folder: Path, files: PublishedFiles, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    assert importing(files, "--accept-licence") == 0
    assert "nothing proves that the files are the authors'" in capsys.readouterr().out
    assert importing(files, "--accept-licence") == 0
    other = replace(files, model=write_published(tmp_path / "other", seed=1).model)
    before = (folder / "dva-256" / "pack.json").read_bytes()
    assert importing(other, "--accept-licence") == 3
    assert "dva packs remove dva-256" in capsys.readouterr().err
    assert (folder / "dva-256" / "pack.json").read_bytes() == before
    assert main(["packs", "remove", "dva-256"]) == 0
    assert importing(other, "--accept-licence") == 0


def test_a_damaged_pack_is_not_silently_replaced(
    folder: Path, files: PublishedFiles, capsys: pytest.CaptureFixture[str]
):
    (folder / "dva-256").mkdir(parents=True)
    (folder / "dva-256" / "pack.json").write_text("{")
    assert importing(files, "--accept-licence") == 3
    assert "dva packs remove dva-256" in capsys.readouterr().err
    assert main(["packs", "remove", "dva-256"]) == 0
    assert importing(files, "--accept-licence") == 0


def test_known_hashes_and_sizes_are_held_against_the_files(
    folder: Path, files: PublishedFiles, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    know(monkeypatch, "latent.pkl", sha256="0" * 64)
    assert importing(files, "--accept-licence") == 3
    assert "is not the published latent.pkl" in capsys.readouterr().err
    know(monkeypatch, "latent.pkl", bytes=5)
    assert importing(files, "--accept-licence") == 3
    assert "latent.pkl has 5" in capsys.readouterr().err
    assert not folder.exists()
    know(monkeypatch, "latent.pkl", sha256=packs.file_sha256(files.statistics))
    assert importing(files, "--accept-licence") == 0
    assert "as published" in capsys.readouterr().out


def test_files_of_another_kind_are_one_sentence(
    folder: Path, files: PublishedFiles, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    swapped = replace(files, model=files.classifier)
    assert importing(swapped, "--accept-licence") == 3
    absent = replace(files, model=tmp_path / "none.ckpt")
    assert importing(absent, "--accept-licence") == 3
    assert importing(files, "--accept-licence", "--encoders", str(files.model)) == 2
    assert importing(files, "--accept-licence", "--encoders", str(tmp_path / "some.pth")) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len([line for line in lines if line.startswith("dva: ")]) == 4
    assert not any("Traceback" in line for line in lines)
    assert not folder.exists()


def test_verifying_names_what_is_damaged(
    folder: Path, files: PublishedFiles, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    importing(files, "--accept-licence")
    assert main(["packs", "verify", "dva-256"]) == 0
    assert "trusted on first use" in capsys.readouterr().out
    path = folder / "dva-256" / "denoiser.safetensors"
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    (folder / "dva-256" / "attributes.safetensors").unlink()
    assert main(["packs", "verify"]) == 3
    problem = capsys.readouterr().err
    assert "denoiser.safetensors of dva-256: sha256" in problem
    assert "attributes.safetensors of dva-256: is missing" in problem
    assert "encoders.safetensors" not in problem


def test_verifying_holds_the_sources_against_hashes_learnt_later(
    folder: Path, files: PublishedFiles, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    importing(files, "--accept-licence")
    know(monkeypatch, "model.ckpt", sha256=packs.file_sha256(files.model))
    assert main(["packs", "verify", "dva-256"]) == 0
    assert "as published" in capsys.readouterr().out
    know(monkeypatch, "model.ckpt", sha256="0" * 64)
    assert main(["packs", "verify", "dva-256"]) == 3
    assert "model.ckpt of dva-256" in capsys.readouterr().err


@pytest.mark.parametrize(
    "facts", ["{", "[]", '{"files": 3}', '{"files": {}, "sources": [3]}', '{"files": {"../x": {"sha256": "a"}}}']
)
def test_a_damaged_pack_json_is_one_sentence(folder: Path, facts: str, capsys: pytest.CaptureFixture[str]):
    write_tiny_pack(folder / "tiny")
    (folder / "tiny" / "pack.json").write_text(facts)
    assert main(["packs", "verify", "tiny"]) == 3
    assert "Traceback" not in capsys.readouterr().err
    assert main(["packs", "list"]) == 0
    assert "tiny" in capsys.readouterr().out


def test_the_list_tells_what_is_there_and_how_to_get_the_rest(
    folder: Path, files: PublishedFiles, capsys: pytest.CaptureFixture[str]
):
    assert main(["packs", "list"]) == 0
    shown = capsys.readouterr().out
    assert "mini  128x128" in shown
    assert "dva-256  not installed" in shown
    assert "dva packs import --model" in shown
    for file in packs.published_pack().files:
        assert f"https://drive.google.com/file/d/{file.google_drive_id}/view" in shown
    importing(files, "--accept-licence")
    capsys.readouterr()
    assert main(["packs", "list"]) == 0
    shown = capsys.readouterr().out
    megabytes = sum(file.stat().st_size for file in (folder / "dva-256").iterdir()) / 1e6
    assert f"dva-256  16x16, {megabytes:.1f} MB, in {folder / 'dva-256'}" in shown
    assert "not installed" not in shown


def test_where_names_the_folders_in_the_order_they_are_searched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("DVA_PACKS", os.pathsep.join([str(tmp_path / "a"), str(tmp_path / "b")]))
    for name in ("b", "a"):
        write_tiny_pack(tmp_path / name / "tiny", seed=ord(name))
    (tmp_path / "c").mkdir()
    assert main(["packs", "where"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[0] for line in lines[1:]] == [str(tmp_path / "a"), str(tmp_path / "b")]
    assert "mini" in lines[0]
    assert open_pack("tiny").hash == open_pack(str(tmp_path / "a" / "tiny")).hash
    shutil.rmtree(tmp_path / "a")
    assert open_pack("tiny").hash == open_pack(str(tmp_path / "b" / "tiny")).hash


def test_a_pack_that_is_known_but_not_there_is_answered_with_the_way(folder: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["attributes", "--pack", "dva-256"]) == 3
    assert "dva packs list" in capsys.readouterr().err


def test_half_a_pack_is_no_pack(folder: Path):
    for name in ("a.part", "a.old", "a"):
        write_tiny_pack(folder / name)
    assert set(home.installed_packs()) == {"mini", "a"}


@pytest.mark.parametrize("name", ["mini", "../packs/tiny", "..", "tiny/", "a\\b", "C:tiny"])
def test_only_names_of_installed_packs_are_removed(folder: Path, name: str, capsys: pytest.CaptureFixture[str]):
    write_tiny_pack(folder / "tiny")
    assert main(["packs", "remove", name]) == 2
    assert (folder / "tiny" / "pack.json").exists()
    assert "mini" in home.installed_packs()


def test_a_link_out_of_the_pack_folders_is_not_followed(folder: Path, tmp_path: Path):
    outside = write_tiny_pack(tmp_path / "outside")
    folder.mkdir()
    try:
        (folder / "tiny").symlink_to(outside, target_is_directory=True)
    except OSError:
        pytest.skip("this system makes no links")
    assert main(["packs", "remove", "tiny"]) == 2
    assert (outside / "pack.json").exists()


def test_a_removed_pack_is_gone(folder: Path, capsys: pytest.CaptureFixture[str]):
    write_tiny_pack(folder / "tiny")
    write_tiny_pack(folder / "other")
    assert main(["packs", "remove", "tiny"]) == 0
    assert [path.name for path in folder.iterdir()] == ["other"]
    assert main(["packs", "remove", "tiny"]) == 3


def test_inside_comfyuis_custom_nodes_the_command_shares_its_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    plugin = tmp_path / "ComfyUI" / "custom_nodes" / "dva"
    monkeypatch.setattr(plain_host, "ROOT", plugin)
    assert plain_host.PlainHost().pack_folders() == ()
    plugin.mkdir(parents=True)
    (tmp_path / "ComfyUI" / "folder_paths.py").write_text("")
    monkeypatch.delenv("DVA_PACKS", raising=False)
    assert home.download_folder() == tmp_path / "ComfyUI" / "models" / "dva"
    assert len(home.pack_folders()) == 2
