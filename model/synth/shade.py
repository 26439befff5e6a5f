"""Deferred shading: each pixel that a triangle won is painted and lit once."""

from typing import NamedTuple

from ..types import ByteArray, FloatArray
from .compiled import Vec3, compiled
from .light import Light, Lit, hair_shine, illuminate, openness, reach
from .looks import Look
from .mesh import BODY, FRAME, HAIR, HAT, SKIN, IntArray, Mesh
from .noise import scale
from .paint.eyes import near_face_front, paint_brow, paint_eye
from .paint.mouth import paint_mouth
from .paint.skin import paint_skin
from .paint.surface import Paint, Pose, Spot
from .paint.things import paint_cloth, paint_frame, paint_hair, paint_hat, strand_tone
from .raster import Buffers, corner_mean


class Posed(NamedTuple):
    """A mesh at one moment, [V, 3] each: deformed in head space, placed before the camera, and its normals there."""

    local: FloatArray
    placed: FloatArray
    normals: FloatArray


class Picture(NamedTuple):
    """Where the result goes."""

    image: FloatArray
    """[H, W, 3] linear light; holds the background before."""
    labels: ByteArray
    """[H, W] PARSING values."""
    pixels_per_unit: float


@compiled
def interpolate(values: FloatArray, triangles: IntArray, t: int, weights: Vec3) -> Vec3:
    """The first three columns of values [V, C] inside triangle t."""
    return (
        corner_mean(values, 0, triangles, t, weights),
        corner_mean(values, 1, triangles, t, weights),
        corner_mean(values, 2, triangles, t, weights),
    )


@compiled
def spot_at(mesh: Mesh, local: FloatArray, t: int, weights: Vec3) -> Spot:
    return Spot(
        interpolate(local, mesh.triangles, t, weights),
        interpolate(mesh.texture, mesh.triangles, t, weights),
        corner_mean(mesh.texture, 3, mesh.triangles, t, weights),
        corner_mean(mesh.texture, 4, mesh.triangles, t, weights),
        corner_mean(mesh.texture, 5, mesh.triangles, t, weights),
    )


@compiled
def paint_spot(spot: Spot, normal: Vec3, material: int, look: Look, pose: Pose) -> Paint:
    if material == HAIR:
        return paint_hair(spot, normal, look)
    if material == BODY and spot.clip < 0:
        return paint_cloth(spot, normal, look)
    if material == FRAME:
        return paint_frame(normal, look)
    if material == HAT:
        return paint_hat(spot, normal, look)
    paint = paint_skin(spot, normal, material, look, pose)
    if material == SKIN and near_face_front(spot, look.features):
        paint = paint_brow(paint, spot, look, pose)
        paint = paint_eye(paint, spot, look, pose)
        paint = paint_mouth(paint, spot, look, pose)
    return paint


@compiled
def towards_viewer(paint: Paint, material: int) -> Paint:
    """Thin surfaces are seen from both sides; the lit one is the one that shows."""
    if paint.normal[2] < 0 and material != SKIN:
        normal = scale(paint.normal, -1.0)
        return Paint(paint.colour, normal, paint.gloss, paint.sharpness, paint.wrap, paint.glow, paint.label)
    return paint


@compiled
def shade(buffers: Buffers, mesh: Mesh, posed: Posed, look: Look, pose: Pose, light: Light, picture: Picture) -> None:
    """Paint and light every pixel that shows the head; the others keep the background."""
    height, width = buffers.triangle.shape
    for j in range(height):
        for i in range(width):
            t = buffers.triangle[j, i]
            if t < 0:
                continue
            w1, w2 = buffers.weights[j, i, 0], buffers.weights[j, i, 1]
            weights = (1 - w1 - w2, w1, w2)
            material = int(mesh.materials[t])
            spot = spot_at(mesh, posed.local, t, weights)
            normal = interpolate(posed.normals, mesh.triangles, t, weights)
            paint = towards_viewer(paint_spot(spot, normal, material, look, pose), material)
            direct = reach(material, interpolate(posed.placed, mesh.triangles, t, weights), light)
            red, green, blue = illuminate(paint, light, Lit(direct, openness(buffers, j, i, picture.pixels_per_unit)))
            if material == HAIR:
                shine = hair_shine(paint.normal, light, direct, look, strand_tone(spot, look.texture))
                red, green, blue = red + shine[0], green + shine[1], blue + shine[2]
            picture.image[j, i, 0], picture.image[j, i, 1], picture.image[j, i, 2] = red, green, blue
            picture.labels[j, i] = paint.label
