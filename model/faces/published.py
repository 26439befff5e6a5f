"""Crop and paste exactly as the published method does them, for comparison with it; nothing else uses these.

Source: Tzaban et al. 2022, which the published video autoencoder follows. Bilinear without regard to area, and a hard
square pasted back.
"""

import numpy as np
from PIL import Image

from ..types import ByteArray, FloatArray


def crop_quad(image: ByteArray, quad: FloatArray, size: int) -> ByteArray:
    """Cut the quad [4, 2] out of an image [H, W, 3]; black outside it. Returns [size, size, 3]."""
    corners = (quad + 0.5).ravel().tolist()  # Pillow counts from the pixel's outer corner
    crop = Image.fromarray(image).transform((size, size), Image.Transform.QUAD, corners, Image.Resampling.BILINEAR)
    return np.asarray(crop)


def paste_coefficients(quad: FloatArray, size: int) -> FloatArray:
    """Return [8] coefficients a..h of crop x = (ax + by + c) / (gx + hy + 1), y = (dx + ey + f) / (gx + hy + 1)."""
    crop_corners = np.array([[0, 0], [0, size], [size, size], [size, 0]], np.float64)
    rows: list[list[float]] = []
    for (x, y), (u, v) in zip(quad + 0.5, crop_corners, strict=True):
        rows.append([x, y, 1, 0, 0, 0, -u * x, -u * y])
        rows.append([0, 0, 0, x, y, 1, -v * x, -v * y])
    return np.linalg.solve(np.array(rows), crop_corners.ravel())


def paste_square(image: ByteArray, quad: FloatArray, patch: ByteArray) -> ByteArray:
    """Paste a crop [S, S, 3] over the quad of an image [H, W, 3], whole and with a hard edge."""
    frame = Image.fromarray(image)
    coefficients = paste_coefficients(quad, len(patch)).tolist()
    warped = (
        Image.fromarray(patch)
        .convert("RGBA")
        .transform(frame.size, Image.Transform.PERSPECTIVE, coefficients, Image.Resampling.BILINEAR)
    )
    frame.paste(warped, (0, 0), mask=warped)
    return np.asarray(frame)
