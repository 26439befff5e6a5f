"""Skin: mottling, blood, folds, wrinkles, and the shaved or hairy part of it."""

import math

from ..compiled import Vec3, compiled
from ..looks import Features, Look, Skin
from ..mesh import BODY, EAR, SKIN
from ..noise import bump, bump2, mix, smoothstep, value_noise
from ..parsing import IN_BEARD, IN_EARS, IN_HAIR, IN_NECK, IN_SKIN
from .surface import Paint, Pose, Spot, cover, relabel


@compiled
def paint_skin(spot: Spot, normal: Vec3, material: int, look: Look, pose: Pose) -> Paint:
    """Face, ear or neck without features: eyes, brows and lips are laid over it."""
    x, y, z = spot.rest
    o = look.texture
    large = value_noise(x * 5 + o, y * 5, z * 5) - 0.5
    small = value_noise(x * 16 + o, y * 16, z * 16) - 0.5
    fine = value_noise(x * 55 + o, y * 55, z * 55) - 0.5
    shade = 1 + 0.10 * large + 0.06 * small + 0.06 * fine
    blood = 0.06 * large + 0.05 * small
    label = IN_SKIN
    if material == EAR:
        blood += 0.10
        shade *= 0.94 * (0.62 + 0.38 * smoothstep(0.10, 0.75, spot.u * spot.u + spot.v * spot.v))
        label = IN_EARS
    elif material == BODY:
        shade *= 0.92
        label = IN_NECK
    else:
        blood += flush(abs(x), y, z, look)
        shade *= folds(spot, look, pose) * wrinkles(spot, look, small)
    c = look.skin.colour
    colour = (
        c[0] * shade * (1 + 0.3 * blood),
        c[1] * shade * (1 - 0.7 * blood),
        c[2] * shade * (1 - 0.75 * blood),
    )
    relief = value_noise(x * 30 + o, y * 30 + 9.1, z * 30) - 0.5
    rough = (normal[0] + 0.05 * small + 0.04 * fine, normal[1] + 0.10 * relief, normal[2])
    paint = Paint(colour, rough, 0.10 * look.skin.shine, 18.0, (0.42, 0.22, 0.16), 0.0, label)
    if material == SKIN:
        paint = grow_beard(paint, spot, look, pose, large + small)
        return show_scalp(paint, spot, look)
    if material == BODY and look.facial_hair.beard > 0.3 and look.facial_hair.chin_only < 0.5:
        share = look.facial_hair.beard * smoothstep(-1.32, -1.12, y) * smoothstep(0.0, 0.25, z)
        return grow_strands(paint, spot, look, share)
    return paint


@compiled
def flush(ax: float, y: float, z: float, look: Look) -> float:
    """Blood under cheeks, nose and eye sockets."""
    f = look.features
    cheeks = bump2(ax - 0.38, 0.042, y + 0.33, 0.036)
    nose = bump2(ax, 0.02, y - f.nose_y - 0.04, 0.012)
    sockets = bump2(ax - f.eye_x, 0.035, y + 0.01, 0.012)
    strength = (0.05 + 0.44 * look.skin.rosy) * cheeks + 0.12 * nose + 0.04 * sockets
    return strength * smoothstep(0.2, 0.5, z)


@compiled
def folds(spot: Spot, look: Look, pose: Pose) -> float:
    """Shade of what every face has: sockets, the folds beside nose and mouth, nostrils."""
    x, y, z = spot.rest
    ax, f, skin = abs(x), look.features, look.skin
    front = smoothstep(0.2, 0.5, z)
    shade = 1 - 0.16 * front * bump2(ax - f.eye_x, 0.035, y + 0.01, 0.012)
    shade *= bags(ax, y, front, f, skin)
    reach = (0.10 + 0.05 * pose.expression.smile) * smoothstep(f.nose_y + 0.06, f.mouth_y, y)
    fold = bump(ax - 0.165 * f.nose_w - reach - 0.012, 0.022 + 0.020 * skin.age) * front
    fold *= smoothstep(f.mouth_y - 0.06, f.mouth_y + 0.06, y) * smoothstep(f.nose_y + 0.12, f.nose_y - 0.02, y)
    shade *= 1 - fold * min(0.08 + 0.52 * skin.age + 0.22 * max(pose.expression.smile, 0.0), 0.66)
    wing = math.sqrt((ax - 0.105 * f.nose_w) ** 2 + (y - f.nose_y - 0.055) ** 2) - 0.075 * f.nose_w
    shade *= 1 - 0.22 * bump(wing, 0.012) * smoothstep(0.10, 0.15, ax) * front
    if z > 0.72:
        nostril = ((ax - 0.060 * f.nose_w) / (0.036 * f.nose_w)) ** 2 + ((y - f.nose_y - 0.004) / 0.020) ** 2
        shade *= 1 - 0.80 * smoothstep(1.5, 0.5, nostril)
    shade *= 1 - 0.22 * bump(y - f.nose_y + 0.02, 0.03) * smoothstep(0.16, 0.08, ax) * front
    mouth = pose.mouth
    mx, my = abs(spot.at[0]), spot.at[1]
    shade *= 1 - 0.18 * front * bump2(mx - mouth.corner_x - 0.01, 0.0010, my - mouth.corner_y, 0.0012)
    below = bump(my - (mouth.lower - f.lip_lower - 0.035), 0.03)
    return shade * (1 - 0.10 * below * smoothstep(0.2, 0.08, mx) * front)


@compiled
def bags(ax: float, y: float, front: float, f: Features, skin: Skin) -> float:
    """Shade of the lower lids: a dark hollow with a sharp lower edge, below a swelling."""
    arc = y + 0.118 - 0.45 * (ax - f.eye_x) ** 2
    hollow = bump2(ax - f.eye_x + 0.02, 0.020, arc, 0.0016) * front
    edge = bump2(ax - f.eye_x + 0.01, 0.020, arc + 0.028, 0.0003) * front
    return (1 - (0.05 + 0.46 * skin.bags) * hollow) * (1 - 0.34 * skin.bags * edge)


@compiled
def wrinkles(spot: Spot, look: Look, small: float) -> float:
    """Shade of age and freckles."""
    x, y, z = spot.rest
    ax, age, f, o = abs(x), look.skin.age, look.features, look.texture
    front = smoothstep(0.2, 0.5, z)
    shade = 1.0
    if look.skin.freckles > 0.02:
        spots = smoothstep(0.70, 0.82, value_noise(x * 34 + o, y * 34, z * 34))
        shade *= 1 - 0.28 * look.skin.freckles * spots * front * math.exp(-((y + 0.28) ** 2) / 0.04)
    if age > 0.02:
        wave = math.sin(y * 27 + 1.4 * value_noise(x * 3 + o, y * 3, 7.7) + x * x * 6)
        area = smoothstep(0.24, 0.33, y) * smoothstep(0.70, 0.56, y) * smoothstep(0.5, 0.3, ax)
        shade *= 1 - 0.58 * age * max(wave, 0.0) ** 2 * area
        crow = bump2(ax - f.eye_x - f.eye_w - 0.10, 0.008, y + 0.02, 0.020)
        fan = math.sin((y + (0.4 if y > -0.02 else -0.4) * (ax - 0.5)) * 46)
        shade *= 1 - 0.58 * age * crow * max(fan, 0.0) ** 2
        shade *= 1 - 0.24 * age * abs(small)
        cheek = bump(ax - (0.44 - 0.45 * (y + 0.28)), 0.075) * smoothstep(-0.78, -0.6, y) * smoothstep(-0.22, -0.34, y)
        shade *= 1 - 0.40 * age * cheek * front
        jowl = bump(ax - (f.mouth_w + 0.05 + 0.10 * (f.mouth_y - y)), 0.048) * front
        jowl *= smoothstep(f.mouth_y - 0.30, f.mouth_y - 0.18, y) * smoothstep(f.mouth_y + 0.02, f.mouth_y - 0.05, y)
        shade *= 1 - 0.58 * age * jowl
    return shade


@compiled
def beard_area(spot: Spot, look: Look, pose: Pose, wobble: float) -> float:
    """0 to 1: how much of a full beard or goatee grows here; never on the lips."""
    x, y, z = spot.rest
    around = math.atan2(abs(x), z)
    line = min(-0.10 - (1.25 - around) * 0.62, -0.12)
    if abs(x) < 0.34:
        line = min(line, look.features.mouth_y + 0.04)
    area = smoothstep(line + 0.06, line - 0.06, y + 0.10 * wobble) * smoothstep(1.55, 1.40, around)
    if look.facial_hair.chin_only > 0.5:
        area *= smoothstep(0.30, 0.22, abs(x) + 0.10 * wobble)
    mouth = pose.mouth
    half = 0.105 + 0.5 * (mouth.upper - mouth.lower)
    middle = 0.5 * (mouth.upper + mouth.lower)
    return area * smoothstep(
        0.9, 1.25, (spot.at[0] / (mouth.corner_x * 1.12)) ** 2 + ((spot.at[1] - middle) / half) ** 2
    )


@compiled
def mustache_area(spot: Spot, look: Look, pose: Pose) -> float:
    """0 to 1 between nose and upper lip."""
    x, y, z = spot.rest
    f, mouth = look.features, pose.mouth
    ax = abs(x)
    edge = mouth.upper + f.lip_upper * 0.45 * (1 - min(abs(spot.at[0]) / mouth.corner_x, 1.0))
    if spot.at[1] < edge and abs(spot.at[0]) < mouth.corner_x:
        return 0.0
    spine = f.mouth_y + 0.115 - (0.30 + 0.6 * look.facial_hair.droop) * max(ax - 0.06, 0.0)
    area = bump(y - spine, 0.056) * smoothstep(0.36, 0.26, ax)
    return min(1.35 * area, 1.0) * smoothstep(f.nose_y - 0.005, f.nose_y - 0.04, y) * smoothstep(0.2, 0.5, z)


@compiled
def grow_beard(paint: Paint, spot: Spot, look: Look, pose: Pose, wobble: float) -> Paint:
    hair = look.facial_hair
    if max(hair.beard, hair.mustache, hair.stubble) < 0.01:
        return paint
    area = beard_area(spot, look, pose, wobble)
    lip = mustache_area(spot, look, pose)
    x, y, z = spot.rest
    stubble = hair.stubble * max(area, 0.8 * lip)
    stubble *= 0.6 + 0.5 * value_noise(x * 110 + look.texture, y * 35, z * 90)
    c = paint.colour
    shaved = (c[0] * (1 - 0.42 * stubble), c[1] * (1 - 0.36 * stubble), c[2] * (1 - 0.28 * stubble))
    paint = Paint(shaved, paint.normal, paint.gloss, paint.sharpness, paint.wrap, paint.glow, paint.label)
    return grow_strands(paint, spot, look, max(area * hair.beard, lip * hair.mustache))


@compiled
def grow_strands(paint: Paint, spot: Spot, look: Look, share: float) -> Paint:
    """Cover the skin with short hair."""
    if share < 0.01:
        return paint
    x, y, z = spot.rest
    coarse = value_noise(x * 60 + look.texture, y * 18, z * 40)
    fine = value_noise(x * 110 + look.texture, y * 35, z * 90)
    covered = min(share * (0.75 + 0.6 * coarse), 1.0)
    light = 0.55 + 0.7 * coarse * fine + 0.25 * fine
    c = look.facial_hair.colour
    colour = mix(paint.colour, (c[0] * light, c[1] * light, c[2] * light), covered)
    n = paint.normal
    normal = (n[0] + covered * 0.7 * (coarse - 0.5), n[1] + covered * 0.5 * (fine - 0.5), n[2])
    label = IN_BEARD if covered > 0.5 else paint.label
    return Paint(colour, normal, paint.gloss * (1 - 0.8 * covered), paint.sharpness, paint.wrap, paint.glow, label)


@compiled
def show_scalp(paint: Paint, spot: Spot, look: Look) -> Paint:
    """Let the hair begin softly: short strands on the skin along the hairline."""
    if spot.clip < -0.12:
        return paint
    strands = value_noise(spot.rest[0] * 70 + look.texture, spot.rest[1] * 14, spot.rest[2] * 70)
    share = 0.92 * smoothstep(-0.055, 0.05, spot.clip + 0.06 * (strands - 0.5))
    if share < 0.01:
        return paint
    light = 0.45 + 0.35 * strands
    c = look.hair.colour
    paint = cover(paint, (c[0] * light, c[1] * light, c[2] * light), share)
    return relabel(paint, IN_HAIR) if share > 0.5 else paint
