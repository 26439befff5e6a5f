import numpy as np
import pytest

from dva.model.editing.curve import Keyframe, curve_values, parse_keyframes
from dva.model.errors import UsageError


def test_a_ramp_rises_by_equal_steps_and_stays():
    curve = curve_values(parse_keyframes("0:0, 4:1"), 7)
    np.testing.assert_allclose(curve, [0, 0.25, 0.5, 0.75, 1, 1, 1])


def test_before_the_first_key_the_curve_has_its_value():
    np.testing.assert_allclose(curve_values(parse_keyframes("2:-0.5, 3:.5"), 5), [-0.5, -0.5, -0.5, 0.5, 0.5])


def test_the_order_and_the_spaces_of_the_text_do_not_matter():
    assert parse_keyframes("48 : +1\n 0:0,") == parse_keyframes("0:0,48:1") == (Keyframe(0, 0.0), Keyframe(48, 1.0))


def test_a_key_beyond_the_end_is_on_the_way():
    """The start of a long curve is the curve of a short clip: shots may share one text."""
    keys = parse_keyframes("0:0, 100:2, 10:1")
    np.testing.assert_array_equal(curve_values(keys, 5), curve_values(keys, 101)[:5])


@pytest.mark.parametrize("text", ["", "  \n "])
def test_without_keys_a_strength_is_left_alone(text: str):
    np.testing.assert_array_equal(0.7 * curve_values(parse_keyframes(text), 3), np.full(3, np.float32(0.7)))


@pytest.mark.parametrize("text", ["1", "0:0 4:1", "-1:0", "1.5:0", "0:nan", "0:1e9", "a:b", "0:0; 4:1"])
def test_what_is_no_pair_is_named(text: str):
    with pytest.raises(UsageError, match="pairs of frame:value"):
        parse_keyframes(text)


def test_a_frame_named_twice_is_refused():
    with pytest.raises(UsageError, match="frame 4 twice"):
        parse_keyframes("4:0, 4:1")
