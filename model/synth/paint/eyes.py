"""Eyes and brows, drawn on the front of the head."""

import math

from ..compiled import Vec3, compiled
from ..expression import brow, lids
from ..looks import Features, Look
from ..noise import bump, dot, mix, scale, smoothstep, value_noise
from ..parsing import IN_BROWS, IN_EYES
from .surface import Paint, Pose, Spot, cover, darken, relabel


@compiled
def paint_brow(paint: Paint, spot: Spot, look: Look, pose: Pose) -> Paint:
    x, y, _ = spot.at
    ax = abs(x)
    u = (ax - 0.105) / 0.40
    hair = look.facial_hair
    if u < -0.05 or u > 1.05:
        return paint
    middle, half = brow(u, look.features, pose.expression)
    if half < 0.001:
        return paint
    strands = value_noise(ax * 70 + y * 40 + look.texture, y * 22 - ax * 18, 5.5)
    edge = smoothstep(1.35, 0.45, abs(y - middle) / half + 0.8 * (strands - 0.5))
    share = min(hair.brow_density * edge * (0.65 + 0.5 * strands), 0.97)
    paint = cover(paint, hair.brows, share)
    return relabel(paint, IN_BROWS) if share > 0.35 else paint


@compiled
def paint_eye(paint: Paint, spot: Spot, look: Look, pose: Pose) -> Paint:
    x, y, _ = spot.at
    f = look.features
    along = (abs(x) - f.eye_x) / f.eye_w
    height = y - f.eye_tilt * (abs(x) - f.eye_x) + 0.005
    if abs(along) > 1.6 or abs(height) > 0.24:
        return paint
    upper, lower = lids(min(max(along, -1.0), 1.0), f, pose.expression)
    if abs(along) < 1 and lower < height < upper:
        return eyeball(spot, look, pose, (along, height), (upper, lower))
    paint = shade_lids(paint, look, (along, height), (upper, lower))
    # the corners belong to the eye, however thin the opening is there
    near = abs(along) < 1.02 and lower - 0.012 < height < upper + 0.012
    return relabel(paint, IN_EYES) if near else paint


@compiled
def eyeball(spot: Spot, look: Look, pose: Pose, place: tuple[float, float], opening: tuple[float, float]) -> Paint:
    """White, iris, pupil and glint; place is (along, height), opening the (upper, lower) lid."""
    along, height = place
    f, e = look.features, pose.expression
    side = 1.0 if spot.at[0] > 0 else -1.0
    gaze_x, gaze_y = e.gaze_x * 0.055 * side, e.gaze_y * 0.03 + 0.006
    radius = 0.0585 * (0.9 + 0.1 * f.eye_w / 0.148)
    dx, dy = along * f.eye_w - gaze_x, height - gaze_y
    lid_shadow = 0.45 + 0.55 * smoothstep(0.0, 0.045, opening[0] - height)
    shade = (1 - 0.50 * abs(along) ** 3) * lid_shadow * (0.75 + 0.25 * smoothstep(0.0, 0.02, height - opening[1]))
    colour = (0.60 * shade, 0.54 * shade, 0.51 * shade)
    if along < -0.80:
        colour = (0.62 * shade, 0.33 * shade, 0.30 * shade)
    r = math.sqrt(dx * dx + dy * dy) / radius
    if r < 1.06:
        ring = 0.65 + 0.6 * value_noise(math.atan2(dy, dx) * 6 + look.texture, r * 2, 9.0)
        ring *= (1 - 0.65 * smoothstep(0.72, 0.98, r)) * smoothstep(0.36, 0.46, r) * (0.4 + 0.6 * shade)
        colour = mix(colour, scale(look.iris, ring), 1 - smoothstep(0.94, 1.06, r))
    glint_x = side * (along * f.eye_w - gaze_x) - 0.020 * pose.light_side
    glint = smoothstep(0.021, 0.010, math.sqrt(glint_x * glint_x + (dy - 0.022) ** 2))
    normal = ball_normal(side * along * f.eye_w / 0.13, height / 0.13, pose)
    return Paint(colour, normal, 0.0, 18.0, (0.3, 0.3, 0.3), 0.5 * glint, IN_EYES)


@compiled
def ball_normal(x: float, y: float, pose: Pose) -> Vec3:
    local = (x, y, math.sqrt(max(1 - x * x - y * y, 0.05)))
    return dot(pose.row_x, local), dot(pose.row_y, local), dot(pose.row_z, local)


@compiled
def shade_lids(paint: Paint, look: Look, place: tuple[float, float], opening: tuple[float, float]) -> Paint:
    """Lashes, liner, crease and eye shadow around the opening."""
    along, height = place
    upper, lower = opening
    makeup, f = look.makeup, look.features
    open_upper = 0.060 * f.eye_h * max(1 - along * along, 0.0) ** 0.5
    paint = eye_shadow(paint, look, place, open_upper)
    if abs(along) > 1.12:
        return paint
    ends = smoothstep(1.12, 0.9, abs(along))
    wing = 0.006 + 0.013 * makeup.liner
    dark = 0.0
    if height > upper - 0.004:
        lash = smoothstep(wing * 2.0 + 0.004, 0.002, abs(height - upper - wing * 0.5))
        dark = lash * ends * (0.62 + 0.33 * makeup.liner)
    if height <= lower:
        dark = max(dark, smoothstep(0.014, 0.002, lower - height) * ends * (0.28 + 0.60 * makeup.liner))
    crease = bump(height - open_upper - 0.032 * (1 - 0.8 * f.hood), 0.013) * smoothstep(1.1, 0.7, abs(along))
    lid = smoothstep(open_upper + 0.05, open_upper, height) * smoothstep(lower, lower + 0.01, height) * ends
    rest = 1 - dark
    return darken(
        paint,
        rest * (1 - 0.36 * crease) * (1 - 0.06 * lid),
        rest * (1 - 0.40 * crease) * (1 - 0.14 * lid),
        rest * (1 - 0.40 * crease) * (1 - 0.12 * lid),
    )


@compiled
def eye_shadow(paint: Paint, look: Look, place: tuple[float, float], open_upper: float) -> Paint:
    """Coloured from the lashes to halfway up to the brow, drawn out at the outer corner."""
    along, height = place
    makeup = look.makeup
    if makeup.shadow_strength < 0.01 or height < -0.03:
        return paint
    above = smoothstep(open_upper + 0.125, open_upper + 0.035, height)
    sides = smoothstep(-1.25, -0.7, along) * smoothstep(1.55, 1.0, along)
    return cover(paint, makeup.shadow, makeup.shadow_strength * above * sides * smoothstep(-0.03, 0.01, height))


@compiled
def near_face_front(spot: Spot, f: Features) -> bool:
    """Whether anything can be drawn here at all: a quick test before the curves."""
    x, y, z = spot.at
    return z > 0.25 and abs(x) < f.eye_x + 0.30 and -1.35 < y < 0.55
