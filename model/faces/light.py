"""Mixing two pictures as light would."""

import numpy as np
from numpy.typing import NDArray

FloatImage = NDArray[np.float32]

DISPLAY_GAMMA = 2.4
"""ITU-R BT.1886: light from code, for all video whose tag does not say otherwise."""
LINEAR, PQ, HLG = 8, 16, 18
"""ITU-T H.273's numbers of the transfer curves that this power is not near; their codes are mixed as they are."""


def mixed_change(picture: FloatImage, change: FloatImage, strength: FloatImage, transfer: int) -> FloatImage:
    """[h, w, 3] what is to be added to a picture so that it becomes its mixture with picture + change.

    picture, change: [h, w, 3] in units of [0, 1] RGB. strength: [h, w] in [0, 1], the second picture's part. A pixel
    that is half hair, half wall sends the mean of their light and not of their codes, which is darker: that is the
    fringe round many a paste. Where strength or change is 0 the result is exactly 0, and where strength is 1 it is
    the change itself.
    """
    delta = change * strength[..., None]
    if transfer in (LINEAR, PQ, HLG):
        return delta
    partly = (strength > 0) & (strength < 1) & (change != 0).any(axis=-1)
    before, part = picture[partly], strength[partly][:, None]
    after = np.clip(before + change[partly], 0, 1)
    light = (1 - part) * before**DISPLAY_GAMMA + part * after**DISPLAY_GAMMA
    delta[partly] = (light ** (1 / DISPLAY_GAMMA) - before) * (change[partly] != 0)
    return delta
