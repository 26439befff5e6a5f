"""The encoders of the published network, each with its own preprocessing, in the shapes its weights ask for.

Every one takes signed crops [B, 3, 256, 256], as the embedded pack's encoders take theirs.
"""

RESOLUTION = 256
"""Side of the crops: the windows that the encoders look at are counted in its pixels."""
