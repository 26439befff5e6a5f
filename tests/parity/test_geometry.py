"""The published method's squares, crops and pasting.

geometry.json holds a few of the reference's own numbers, for machines that lack its arrays.
"""

import json
from pathlib import Path

import numpy as np
import pytest

from dva.model.faces import published
from dva.model.faces.align import quads_from_landmarks

SIZE = 64
WRITTEN = json.loads(Path(__file__).with_name("geometry.json").read_text(encoding="utf-8"))


def test_the_first_quads_and_a_pastes_coefficients() -> None:
    # The reference smoothed the whole clip; these sixteen faces are all that reaches its first four quads.
    quads = quads_from_landmarks(np.array(WRITTEN["landmarks5"]), sigma_centre=1, sigma_axes=3)
    np.testing.assert_allclose(quads[:4], WRITTEN["quads"], atol=1e-3)
    coefficients = published.paste_coefficients(np.array(WRITTEN["quad"]), SIZE)
    np.testing.assert_allclose(coefficients, WRITTEN["paste_coefficients"], atol=1e-9)


def test_quads(golden) -> None:
    quads = quads_from_landmarks(golden["landmarks5"], sigma_centre=1, sigma_axes=3)
    np.testing.assert_allclose(quads, golden["quads"], atol=1e-3)


@pytest.mark.parametrize(("quad", "crop"), [("quad", "crop"), ("quad_edge", "crop_edge")])
def test_crop(golden, quad: str, crop: str) -> None:
    made = published.crop_quad(golden["image"], golden[quad], SIZE)
    assert np.abs(made.astype(float) - golden[crop]).mean() <= 1


def test_paste(golden) -> None:
    coefficients = published.paste_coefficients(golden["quad"], SIZE)
    np.testing.assert_allclose(coefficients, golden["paste_coefficients"], atol=1e-9)
    pasted = published.paste_square(golden["image"], golden["quad"], golden["patch"])
    assert np.abs(pasted.astype(float) - golden["pasted"]).mean() <= 0.01
