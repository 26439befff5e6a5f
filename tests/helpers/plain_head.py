"""An ordinary man in an ordinary room, for tests of what is drawn."""

import numpy as np

from dva.model.synth import ATTRIBUTES, STYLE, Identity, Motion, Scene

STILL = Motion(yaw=0.1, jaw=0.3)
SCENE = Scene(background=3, grain=0.0)


def person(*attributes: str, **style: float) -> Identity:
    """Somebody with these attributes and no others, and with a style of zeros but for the numbers given."""
    flags = np.array([name in attributes for name in ATTRIBUTES])
    return Identity(flags, np.array([style.get(name, 0.0) for name in STYLE], np.float32))


PLAIN = person("Male", "Young", "Brown_Hair", "No_Beard")
