from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import tiny_pack

from dva.model.editing.attribute import attribute_edit, edited_identity, total_step
from dva.model.errors import UsageError

D = 6


def test_an_edit_moves_the_normalised_identity_along_the_classifier_and_keeps_its_length(tmp_path: Path):
    pack = tiny_pack(tmp_path / "tiny")
    edit = attribute_edit(pack, "Eyeglasses", 1.0, 2)
    weights = pack.directions[0]
    torch.testing.assert_close(edit.step, 0.5 * D**0.5 * weights / weights.norm())
    z_id = 0.8 * torch.nn.functional.normalize(torch.randn(D), dim=0)
    moved = edited_identity(z_id, total_step([edit], slice(0, 2)), pack.id_mean, pack.id_std)
    torch.testing.assert_close(moved.norm(dim=1), z_id.norm().expand(2))
    before = edited_identity(z_id, torch.zeros(1, D), pack.id_mean, pack.id_std)[0]
    torch.testing.assert_close(before, z_id)
    # Without normalising: the mean cancels out, and the step is as long in each number as that number's spread.
    expected = z_id + edit.step * pack.id_std
    torch.testing.assert_close(moved[0] / z_id.norm(), expected / expected.norm())


@pytest.mark.parametrize(
    ("name", "strength", "message"),
    [
        ("Moustache", 1.0, "no attribute 'Moustache'"),
        ("Eyeglasses", float("nan"), "must lie within"),
        ("Eyeglasses", 11.0, "must lie within"),
        ("Eyeglasses", np.zeros(3, np.float32), "3 numbers for a clip of 2 frames"),
    ],
)
def test_bad_requests_are_refused_in_a_sentence(tmp_path: Path, name: str, strength: float, message: str):
    with pytest.raises(UsageError, match=message):
        attribute_edit(tiny_pack(tmp_path / "tiny"), name, strength, 2)
