from pathlib import Path

import pytest
import torch
from judges import ATTRIBUTES, SIDE, write_tiny_judge
from torch import Tensor, nn

from dva.model.encoders.identity import IdentityEncoder
from dva.model.errors import ModelFilesError
from dva.model.metrics import recognise
from dva.model.metrics.judge import Judge, JudgeIdentity, load_judge
from dva.model.metrics.recognise import judge_recogniser, load_facenet

CPU = torch.device("cpu")


def test_a_judge_comes_back_from_its_folder(tmp_path: Path):
    judge = load_judge(write_tiny_judge(tmp_path))
    assert judge.attributes == ATTRIBUTES
    crops = 2 * torch.rand(3, 3, SIDE, SIDE) - 1
    torch.manual_seed(5)
    made = Judge(len(ATTRIBUTES)).half().float().eval()
    with torch.no_grad():
        torch.testing.assert_close(judge.probabilities(crops), torch.sigmoid(made(crops)))
    z = judge_recogniser(judge).embed(crops)
    torch.testing.assert_close(z.norm(dim=1), torch.ones(3))
    assert z.shape == (3, 6)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"format_version": 2}, "version 2"),
        ({"attributes": ["Eyeglasses"]}, "do not fit"),
        ({"identity": {"widths": [8]}}, "malformed"),
        ({"files": {"judge.safetensors": {"sha256": "0" * 64}}}, "damaged"),
    ],
)
def test_a_judge_that_is_not_whole_is_refused(tmp_path: Path, changes: dict[str, object], told: str):
    with pytest.raises(ModelFilesError, match=told):
        load_judge(write_tiny_judge(tmp_path, **changes))


def test_a_missing_judge_is_named(tmp_path: Path):
    with pytest.raises(ModelFilesError, match="no judge in"):
        load_judge(tmp_path)
    write_tiny_judge(tmp_path)
    (tmp_path / "judge.safetensors").unlink()
    with pytest.raises(ModelFilesError, match=r"judge\.safetensors cannot be read"):
        load_judge(tmp_path)


def test_both_networks_fit_into_eight_megabytes_in_half_precision():
    numbers = sum(t.numel() for net in (Judge(), JudgeIdentity(64)) for t in net.state_dict().values())
    assert 2 * numbers < 8e6


def test_the_judge_shares_no_kind_of_layer_arrangement_with_the_pack():
    """No weight of the pack's encoder would even fit into the judge's."""
    pack = {tuple(t.shape) for t in IdentityEncoder(64, (16, 40, 80, 128, 192), 192).state_dict().values()}
    judge = {tuple(t.shape) for t in JudgeIdentity(64).state_dict().values() if t.ndim > 1}
    assert pack.isdisjoint(judge)


def test_trained_judges_keep_their_parameter_names():
    names = [n for n in Judge().state_dict() if n.startswith(("blocks.0.", "out."))]
    parts = [f"blocks.0.{layer}.{kind}" for layer in ("first", "norm", "second", "skip") for kind in ("weight", "bias")]
    assert names == [*parts, "out.weight", "out.bias"]


class _Seen(nn.Module):
    """Stands in for InceptionResnetV1: keeps what it was given."""

    def __init__(self, classify: bool) -> None:
        super().__init__()
        assert not classify
        self.weight = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        self.seen = x
        return x.flatten(1)[:, :512]


def test_facenet_sees_the_middle_of_the_crop_in_its_own_range(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    assert load_facenet(CPU) is None
    made: list[_Seen] = []

    def build(classify: bool) -> _Seen:
        made.append(_Seen(classify))
        return made[-1]

    monkeypatch.setattr("facenet_pytorch.InceptionResnetV1", build)
    (tmp_path / "checkpoints").mkdir()
    path = tmp_path / "checkpoints" / "20180402-114759-vggface2.pt"
    torch.save({"weight": torch.ones(1), "logits.weight": torch.ones(3)}, path)
    facenet = load_facenet(CPU)
    assert facenet is not None
    crops = torch.full((1, 3, 256, 256), -1.0)
    cut = round(recognise.FACENET_MARGIN * 256)
    crops[:, :, cut:-cut, cut:-cut] = 1.0  # white where it should look: byte 255
    facenet.embed(crops)
    assert made[0].seen.shape == (1, 3, 160, 160)
    torch.testing.assert_close(made[0].seen, torch.full((1, 3, 160, 160), (255 - 127.5) / 128))
    path.write_bytes(b"half a download")
    with pytest.raises(ModelFilesError, match="does not hold FaceNet"):
        load_facenet(CPU)
