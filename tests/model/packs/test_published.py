"""The published network as a pack: names, sizes and what is refused. No weight is needed: shapes live on meta."""

import hashlib
import json
from pathlib import Path

import pytest
import torch
from filled import empty_networks
from tiny import FACTS, write_tiny_pack
from torch import Tensor

from dva.model.encoders.parser import region_mask
from dva.model.encoders.published.parser import CLASSES, training_mask, video_mask
from dva.model.errors import ModelFilesError
from dva.model.packs.pack import FILES, load_pack, load_strict, spec_from_json
from dva.model.packs.published import ATTRIBUTES, published_facts, published_tensors
from dva.model.packs.published_names import published_layout
from dva.model.types import Region

NARROWER: dict[Region, Region] = {"face+hair": "face", "head": "face+hair"}


@pytest.fixture
def tensors() -> dict[str, Tensor]:
    return {n: torch.empty(s, device="meta") for n, s in published_layout(empty_networks()).shapes.items()}


@pytest.fixture
def classifier() -> dict[str, Tensor]:
    return {"classifier.weight": torch.arange(40.0 * 512).reshape(40, 512), "classifier.bias": torch.arange(40.0)}


@pytest.fixture
def statistics() -> dict[str, Tensor]:
    return {"conds": torch.zeros(3, 512), "conds_mean": torch.arange(512.0)[None], "conds_std": torch.ones(512)}


def test_the_network_has_the_sizes_that_the_authors_state():
    networks = empty_networks()
    millions = {n: sum(p.numel() for p in m.parameters()) / 1e6 for n, m in networks.named_children()}
    assert millions["unet"] == pytest.approx(190.6, abs=0.05)
    assert millions["identity"] == pytest.approx(43.8, abs=0.05)
    assert millions["face_code"] == pytest.approx((614 + 1) * 512 / 1e6)


def test_every_tensor_is_counted_once_and_ours_are_all_found():
    networks = empty_networks()
    layout = published_layout(networks)
    assert len(layout.shapes) == 1986
    assert len(set(layout.ours.values())) == len(layout.ours)
    assert networks.state_dict().keys() - set(layout.ours.values()) == {"face_code.mean", "face_code.std"}


def test_the_converted_tensors_load_strictly_and_the_table_is_the_classifiers(tensors, classifier, statistics):
    contents = published_tensors(tensors, classifier, statistics)
    denoiser, encoders, table = (contents[name] for name in FILES)
    load_strict(empty_networks(), denoiser | encoders, Path("here"))
    assert {n.partition(".")[0] for n in denoiser} == {"unet", "face_code"}
    assert not denoiser["face_code.mean"].any()
    assert bool((denoiser["face_code.std"] == 1).all())
    assert torch.equal(table["directions"][-1], classifier["classifier.weight"][-1])
    assert torch.equal(table["id_mean"], torch.arange(512.0))
    assert table["id_std"].shape == (512,)


def test_all_that_does_not_fit_is_named_at_once(tensors, classifier, statistics):
    del tensors["encoder.linear.bias"]
    tensors["out.2.weight"] = torch.empty(3, 64, 3, 3, device="meta")
    tensors["encoder.surplus"] = torch.empty(1)
    classifier["classifier.bias"] = torch.zeros(39)
    del statistics["conds_std"]
    with pytest.raises(ModelFilesError) as caught:
        published_tensors(tensors, classifier, statistics)
    for fault in (
        "missing in the network: encoder.linear.bias",
        "out.2.weight is [3, 64, 3, 3], not [3, 128, 3, 3]",
        "unexpected in the network: encoder.surplus",
        "classifier.bias is [39], not [40]",
        "missing in the statistics: conds_std",
    ):
        assert fault in str(caught.value)


def test_a_checkpoint_of_another_architecture_is_summed_up(classifier, statistics):
    with pytest.raises(ModelFilesError) as caught:
        published_tensors({"decoder.0.weight": torch.zeros(1)}, classifier, statistics)
    assert "unexpected in the network: decoder.0.weight" in str(caught.value)
    for part in ("encoder.idnet.* (397 tensors)", "encoder.lndnet.* (638 tensors)", "middle_block.*"):
        assert part in str(caught.value)
    assert len(str(caught.value)) < 1000


def test_a_half_precision_checkpoint_keeps_its_type_and_its_memory(tensors, classifier, statistics):
    given = {n: t.half() if t.is_floating_point() else t for n, t in tensors.items()}
    given["encoder.linear.weight"] = torch.rand(512, 614).half()
    made = published_tensors(given, classifier, statistics)["denoiser.safetensors"]["face_code.layers.0.weight"]
    assert made.dtype == torch.float16
    assert made.data_ptr() == given["encoder.linear.weight"].data_ptr()


def test_forty_attributes_in_alphabetical_order_as_celeba_lists_them():
    names = [a["name"] for a in published_facts()["attributes"]]
    assert len(names) == 40
    assert names == sorted(ATTRIBUTES, key=str.lower)
    assert spec_from_json(published_facts()).parser_classes == CLASSES


@pytest.mark.parametrize(
    ("encoders", "resolution", "message"),
    [
        ({"family": "borrowed"}, 256, "malformed.*family 'borrowed'"),
        ({"family": "published"}, 128, "malformed.*side 256, not 128"),
        ([], 16, "malformed"),
    ],
)
def test_encoders_that_do_not_exist_are_refused(tmp_path: Path, encoders: object, resolution: int, message: str):
    changes = {"encoders": encoders, "resolution": resolution}
    with pytest.raises(ModelFilesError, match=message):
        load_pack(write_tiny_pack(tmp_path / "tiny", **changes))


def test_a_pack_json_without_a_family_keeps_its_hash(tmp_path: Path):
    """The hash is over the files' digests and the sizes as they stand in pack.json: clip codes depend on it."""
    folder = write_tiny_pack(tmp_path / "tiny")
    core = {"files": {n: hashlib.sha256((folder / n).read_bytes()).hexdigest() for n in FILES}}
    core |= {key: FACTS[key] for key in ("resolution", "unet", "schedule", "encoders")}
    assert load_pack(folder).hash == hashlib.sha256(json.dumps(core, sort_keys=True).encode()).hexdigest()


@pytest.mark.parametrize("pack", ["published", "mini"])
def test_regions_grow_from_the_face_to_all_but_background_and_cloth(project: Path, pack: str):
    mini = json.loads((project / "model/packs/mini/pack.json").read_text(encoding="utf-8"))
    classes = CLASSES if pack == "published" else mini["encoders"]["parser_classes"]
    labels = torch.arange(len(classes))
    for wider, narrower in NARROWER.items():
        inner, outer = (region_mask(labels, classes, region) for region in (narrower, wider))
        assert bool((outer | ~inner).all())
        assert outer.sum() > inner.sum()
    beside = [name for name, inside in zip(classes, region_mask(labels, classes, "head"), strict=True) if not inside]
    assert beside == ["background", "cloth"]


@pytest.mark.parametrize("pack", ["published", "mini"])
def test_regions_of_one_colour_are_parts_of_the_larger_ones_and_apart_from_the_eyes(project: Path, pack: str):
    mini = json.loads((project / "model/packs/mini/pack.json").read_text(encoding="utf-8"))
    classes = CLASSES if pack == "published" else mini["encoders"]["parser_classes"]
    labels = torch.arange(len(classes))
    eyes = torch.tensor([name in {"eyes", "l_eye", "r_eye"} for name in classes])
    hair, lips, skin, face, head = (
        region_mask(labels, classes, region) for region in ("hair", "lips", "skin", "face", "head")
    )
    assert eyes.any()
    for part, whole in ((hair, head & ~face), (lips, face), (skin, head)):
        assert part.any()
        assert not (part & (~whole | eyes)).any()
    assert not (hair & (lips | skin)).any()
    assert torch.equal(region_mask(labels, classes, "hair", "lips"), hair | lips)


def test_a_band_of_the_face_lies_about_what_it_is_named_after():
    """In a crop that is all skin. Where a frontal face has eyes and mouth, by the alignment's own rule: the square's
    middle lies a tenth of the way from the eyes to the mouth, its half side is 1.8 times that way."""
    side = 64
    eyes, mouth = (round(side * (0.5 + way / 3.6)) for way in (-0.1, 0.9))
    nose = (2 * eyes + 3 * mouth) // 5
    all_skin = torch.full((side, side), CLASSES.index("skin"))
    jaw, band, crown = (region_mask(all_skin, CLASSES, region)[:, 0] for region in ("jaw", "eyes", "crown"))
    assert jaw[mouth]
    assert jaw[-1]
    assert not jaw[eyes]
    assert band[eyes]
    assert not band[mouth]
    assert not band[0]
    assert crown[0]
    assert not crown[nose]
    assert bool(region_mask(all_skin, CLASSES, "jaw", "eyes", "crown").all())


def test_the_published_masks_leave_out_the_classes_with_the_published_numbers():
    labels = torch.arange(len(CLASSES))
    assert labels[~training_mask(labels)].tolist() == [0, 16, 18]
    assert labels[~video_mask(labels)].tolist() == [0, 7, 8, 14, 16, 17, 18]
