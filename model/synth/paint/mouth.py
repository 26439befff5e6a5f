"""Lips, teeth and what is behind them."""

import math

from ..compiled import compiled
from ..expression import Lips, lips
from ..looks import Look
from ..noise import mix, scale, smoothstep, value_noise
from ..parsing import IN_LIPS, IN_MOUTH
from .surface import Paint, Pose, Spot, darken

THIN = 0.004
"""A mouth that opens less than this is closed."""


@compiled
def paint_mouth(paint: Paint, spot: Spot, look: Look, pose: Pose) -> Paint:
    x, y, z = spot.at
    along = x / pose.mouth.corner_x
    if abs(along) > 1.06 or abs(y - pose.mouth.corner_y) > 0.45 or z < 0.4:
        return paint
    edges = lips(min(max(along, -1.0), 1.0), look.features, pose.mouth)
    if abs(along) < 1 and edges.lower_inner < y < edges.upper_inner and edges.upper_inner - edges.lower_inner > THIN:
        return inside_mouth(paint, spot, along, edges)
    if edges.lower_outer < y < edges.upper_outer:
        paint = paint_lip(paint, spot, look, along, edges)
    seam = min(abs(y - edges.upper_inner), abs(y - edges.lower_inner))
    rest = 1 - 0.62 * smoothstep(0.014, 0.002, seam) * smoothstep(1.06, 0.95, abs(along))
    return darken(paint, rest, rest, rest)


@compiled
def inside_mouth(paint: Paint, spot: Spot, along: float, edges: Lips) -> Paint:
    x, y, _ = spot.at
    light = 0.35 + 0.65 * smoothstep(1.0, 0.3, abs(along))
    colour = (0.10, 0.025, 0.022)
    below = edges.upper_inner - y
    if below < 0.062 * (1 - 0.35 * along * along) and abs(along) < 0.90:
        gaps = 0.74 + 0.26 * smoothstep(0.03, 0.28, abs(math.sin(x * 48.0)))
        tooth = (0.50 + 0.5 * smoothstep(0.0, 0.028, below)) * gaps
        colour = (0.66 * tooth, 0.60 * tooth, 0.51 * tooth)
    elif y < edges.lower_inner + 0.05 and edges.upper_inner - edges.lower_inner > 0.09:
        colour = (0.30, 0.085, 0.08)
    return Paint(scale(colour, light), paint.normal, 0.03, paint.sharpness, paint.wrap, 0.0, IN_MOUTH)


@compiled
def paint_lip(paint: Paint, spot: Spot, look: Look, along: float, edges: Lips) -> Paint:
    x, y, _ = spot.at
    upper = y >= edges.upper_inner
    share = smoothstep(0.0, 0.014, edges.upper_outer - y) if upper else smoothstep(0.0, 0.018, y - edges.lower_outer)
    share *= smoothstep(1.0, 0.86, abs(along))
    light = (0.86 + 0.2 * value_noise(x * 60 + look.texture, y * 8, 4.0)) * (0.82 if upper else 1.04)
    colour = mix(paint.colour, scale(look.makeup.lips, light), share)
    gloss = paint.gloss + look.makeup.lip_gloss * share
    return Paint(colour, paint.normal, gloss, paint.sharpness, paint.wrap, paint.glow, IN_LIPS)
