"""Published checkpoints into a pack folder: all of it or nothing."""

import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from published_files import expect_small_network, small_networks, write_published
from torch import Tensor

from dva.model.errors import DvaError, InputError, ModelFilesError, UsageError
from dva.model.packs import folder as folder_module
from dva.model.packs import official
from dva.model.packs.folder import write_pack
from dva.model.packs.official import ENCODERS, PublishedFiles, import_published
from dva.model.packs.pack import load_pack

IDENTITY, LANDMARKS, PARSER = ENCODERS
TOLD = {"licence": "ask", "sources": []}


@pytest.fixture
def small_network(monkeypatch: pytest.MonkeyPatch) -> None:
    expect_small_network(monkeypatch)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.mark.usefixtures("small_network")
def test_the_pack_holds_the_moving_averages(tmp_path: Path):
    files = write_published(tmp_path / "files")
    import_published(files, tmp_path / "packs" / "dva-256", TOLD)
    pack = load_pack(tmp_path / "packs" / "dva-256")
    assert pack.facts["licence"] == "ask"
    known = small_networks().state_dict()
    assert all(torch.equal(tensor, known[name].float()) for name, tensor in pack.networks.state_dict().items())
    rows = torch.load(files.statistics, weights_only=True)
    assert torch.equal(pack.id_mean, rows["conds_mean"][0])
    assert sorted(p.name for p in (tmp_path / "packs").iterdir()) == ["dva-256"]


@pytest.mark.usefixtures("small_network")
def test_averages_that_share_memory_are_written_apart(tmp_path: Path):
    shared = torch.rand(2, 8)
    names = ("unet.norm_out.weight", "unet.norm_out.bias", "unet.conv_in.bias")
    files = write_published(tmp_path / "files", 0, **dict(zip(names, (shared[0], shared[1], shared[0]), strict=True)))
    import_published(files, tmp_path / "dva-256", TOLD)
    state = load_pack(tmp_path / "dva-256").networks.state_dict()
    assert [torch.equal(state[name], row) for name, row in zip(names, shared[[0, 1, 0]], strict=True)] == [True] * 3


def test_another_network_is_refused_with_all_that_differs(tmp_path: Path):
    """The published network's own list of names speaks here."""
    with pytest.raises(ModelFilesError) as caught:
        import_published(write_published(tmp_path / "files"), tmp_path / "packs" / "dva-256", TOLD)
    for fault in ("missing", "unexpected", "classifier.weight"):
        assert fault in str(caught.value)
    assert not (tmp_path / "packs").exists()


@pytest.mark.usefixtures("small_network")
@pytest.mark.parametrize("change", [None, torch.zeros(3)], ids=["missing", "misshapen"])
def test_a_tensor_that_does_not_fit_leaves_the_earlier_pack(tmp_path: Path, change: Tensor | None):
    target = tmp_path / "packs" / "dva-256"
    import_published(write_published(tmp_path / "files"), target, TOLD)
    before = contents(tmp_path / "packs")
    with pytest.raises(ModelFilesError, match=r"unet\.conv_in\.weight"):
        import_published(write_published(tmp_path / "others", 1, **{"unet.conv_in.weight": change}), target, TOLD)
    assert contents(tmp_path / "packs") == before


@pytest.mark.usefixtures("small_network")
@pytest.mark.parametrize("name", ["model", "classifier", "statistics"])
def test_any_of_the_files_cut_short_is_named(tmp_path: Path, name: str):
    files = write_published(tmp_path / "files")
    path: Path = getattr(files, name)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ModelFilesError, match=path.name):
        import_published(files, tmp_path / "packs" / "dva-256", TOLD)
    assert not (tmp_path / "packs").exists()


@pytest.mark.usefixtures("small_network")
def test_a_disk_without_room_is_seen_before_anything_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=20_000))
    with pytest.raises(InputError, match="free"):
        import_published(write_published(tmp_path / "files"), tmp_path / "packs" / "dva-256", TOLD)
    assert not (tmp_path / "packs").exists()


@pytest.mark.usefixtures("small_network")
def test_a_disk_that_fills_up_half_way_leaves_the_earlier_pack(tmp_path: Path):
    """The system itself refuses to let a file grow."""
    resource = pytest.importorskip("resource")
    target = tmp_path / "packs" / "dva-256"
    files = write_published(tmp_path / "files")
    import_published(files, target, TOLD)
    before = contents(tmp_path / "packs")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (min(len(data) for data in before.values()) + 1000, hard))
    try:
        with pytest.raises(InputError, match="cannot be written"):
            import_published(files, target, TOLD)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert contents(tmp_path / "packs") == before


def fail_at(call: int, function: Callable[..., object]) -> Callable[..., object]:
    """The function, interrupted at its nth call."""
    calls = []

    def failing(*arguments: object) -> object:
        calls.append(arguments)
        if len(calls) == call:
            raise KeyboardInterrupt
        return function(*arguments)

    return failing


def test_an_interrupted_writing_leaves_the_earlier_pack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for when in ("earlier", "now"):
        if when == "now":
            before = contents(tmp_path)
            monkeypatch.setattr(folder_module, "write_tensor_file", fail_at(2, folder_module.write_tensor_file))
            with pytest.raises(KeyboardInterrupt):
                write_pack(tmp_path / "pack", {"when": when}, {"a": {"x": torch.ones(2)}, "b": {"x": torch.ones(2)}})
            assert contents(tmp_path) == before
        else:
            write_pack(tmp_path / "pack", {"when": when}, {"a": {"x": torch.zeros(2)}})
    assert sorted(p.name for p in tmp_path.iterdir()) == ["pack"]


def test_a_pack_that_cannot_take_its_place_leaves_the_earlier_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """As on Windows, where a program that reads the old files can hold them."""
    write_pack(tmp_path / "pack", {"when": "earlier"}, {"a": {"x": torch.zeros(2)}})
    before, replace = contents(tmp_path), Path.replace

    def refuse_new(self: Path, target: Path) -> Path:
        if self.name == "pack.part":
            raise PermissionError("in use")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", refuse_new)
    with pytest.raises(InputError, match="in use"):
        write_pack(tmp_path / "pack", {"when": "now"}, {"a": {"x": torch.ones(2)}})
    assert contents(tmp_path) == before


def test_the_written_facts_are_those_of_the_files(tmp_path: Path):
    write_pack(tmp_path / "pack", {"name": "x"}, {"a": {"x": torch.zeros(2)}})
    facts = json.loads((tmp_path / "pack" / "pack.json").read_text(encoding="utf-8"))
    assert facts["name"] == "x"
    assert facts["files"]["a"]["bytes"] == (tmp_path / "pack" / "a").stat().st_size
    assert list(facts["files"]) == ["a"]


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Tensor]]:
    """What reaches the mapping of names; nothing goes further."""
    found: list[dict[str, Tensor]] = []

    def take(tensors: dict[str, Tensor], *_: object) -> None:
        found.append(tensors)
        raise UsageError("enough")

    monkeypatch.setattr(official, "published_tensors", take)
    return found


def write_encoders(folder: Path) -> PublishedFiles:
    """A checkpoint with three encoders of zeros, and the encoders' own files with ones."""
    folder.mkdir()
    layers = ("body.weight", "body.num_batches_tracked", "head.weight")
    state = {f"ema_model.{p}{layer}": torch.zeros(2) for p, _ in ENCODERS.values() for layer in layers}
    torch.save({"state_dict": state | {"ema_model.out.weight": torch.zeros(2)}}, folder / "model.ckpt")
    torch.save({"x": torch.ones(1)}, folder / "other.ckpt")
    for name, (_, outside) in ENCODERS.items():
        own = {f"{outside}{layer}": torch.ones(2) for layer in ("body.weight", "head.weight")}
        whole = {"state_dict": own, "arch": "x"} if outside else own
        torch.save(whole, folder / name, _use_new_zipfile_serialization=False)
    return PublishedFiles(folder / "model.ckpt", folder / "other.ckpt", folder / "other.ckpt")


def with_encoders(files: PublishedFiles, *paths: Path) -> None:
    import_published(PublishedFiles(files.model, files.classifier, files.statistics, paths), Path("none"), TOLD)


def zipped(path: Path, members: dict[str, Path]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, file in members.items():
            archive.write(file, name)
    return path


def test_encoder_files_replace_the_copies_in_the_checkpoint(tmp_path: Path, seen: list[dict[str, Tensor]]):
    files = write_encoders(tmp_path / "files")
    every = [tmp_path / "files" / name for name in ENCODERS]
    archive = zipped(tmp_path / "encoders.ZIP", {f"pretrained_models/{path.name}": path for path in every})
    for given in ((), every[:1], every, [archive]):
        with pytest.raises(UsageError, match="enough"):
            with_encoders(files, *given)
    plain, one, three, packed = seen
    names = plain.keys()
    assert all(found.keys() == names for found in seen)
    assert three.keys() == packed.keys()
    fresh = {n for n in names if n.startswith("encoder.") and not n.endswith("tracked")}
    assert {n for n in names if three[n].all()} == {n for n in names if packed[n].all()} == fresh
    assert {n for n in names if one[n].all()} == {n for n in fresh if ".idnet." in n}
    assert not any(plain[n].any() for n in names)


def test_what_an_encoder_file_lacks_is_not_filled_up(tmp_path: Path, seen: list[dict[str, Tensor]]):
    files = write_encoders(tmp_path / "files")
    path = tmp_path / "files" / PARSER
    torch.save({"body.weight": torch.ones(2)}, path)
    with pytest.raises(UsageError, match="enough"):
        with_encoders(files, path)
    assert "encoder.bgnet.backbone.head.weight" not in seen[0]
    assert "encoder.idnet.backbone.head.weight" in seen[0]


def test_an_archive_unpacks_nothing_but_the_encoders(tmp_path: Path, seen: list, monkeypatch: pytest.MonkeyPatch):
    files = write_encoders(tmp_path / "files")
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    own = tmp_path / "files" / IDENTITY
    archive = zipped(
        tmp_path / "a.zip", {f"../../{IDENTITY}": own, "/evil.pth": own, "..\\evil.pth": own, "b/../c": own}
    )
    before = set(tmp_path.rglob("*"))
    with pytest.raises(UsageError, match="enough"):
        with_encoders(files, archive)
    assert seen[0]["encoder.idnet.backbone.head.weight"].all()
    assert set(tmp_path.rglob("*")) == before
    assert not (tmp_path.parent / IDENTITY).exists()


def bomb(folder: Path) -> Path:
    (folder / "big").write_bytes(bytes(300_000))
    return zipped(folder / "a.zip", {IDENTITY: folder / "big"})


def twice(folder: Path) -> Path:
    return zipped(
        folder / "a.zip", {IDENTITY: folder / "files" / IDENTITY, f"x/{IDENTITY}": folder / "files" / IDENTITY}
    )


def empty(folder: Path) -> Path:
    return zipped(folder / "a.zip", {"readme": folder / "files" / IDENTITY})


def no_zip(folder: Path) -> Path:
    return Path(shutil.copy(folder / "files" / IDENTITY, folder / "a.zip"))


def broken(folder: Path) -> Path:
    path = zipped(folder / "a.zip", {IDENTITY: folder / "files" / IDENTITY})
    data = bytearray(path.read_bytes())
    data[200] ^= 255
    path.write_bytes(data)
    return path


def unknown(folder: Path) -> Path:
    return Path(shutil.copy(folder / "files" / IDENTITY, folder / "renamed.pth"))


def absent(folder: Path) -> Path:
    return folder / IDENTITY


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (bomb, "300000 bytes"),
        (twice, "once each"),
        (empty, "holds none"),
        (no_zip, "cannot be unpacked"),
        (broken, "cannot be unpacked"),
        (unknown, "no encoder file"),
        (absent, "there is no file"),
    ],
)
def test_encoders_of_another_kind_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[[Path], Path], message: str
):
    monkeypatch.setattr(official, "LARGEST_ENCODER", 200_000)
    files = write_encoders(tmp_path / "files")
    path = make(tmp_path)
    before = set(tmp_path.rglob("*"))
    with pytest.raises(DvaError, match=message):
        with_encoders(files, path)
    assert set(tmp_path.rglob("*")) == before
