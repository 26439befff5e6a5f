"""A head, a motion and a scene to a picture with its parsing map and landmarks."""

import math
import zlib
from dataclasses import astuple, dataclass

import cv2
import numpy as np

from ..types import ByteArray, FloatArray
from .build import Head
from .compiled import compiled
from .expression import deform_all, open_mouth
from .landmarks import landmarks_on_head
from .light import set_lights
from .motion import Motion
from .occluders import draw_held, held
from .paint.surface import Pose
from .parsing import IN_EYEGLASSES
from .raster import Buffers, empty_buffers, rasterise, vertex_normals
from .scene import Scene, draw_background
from .shade import Picture, Posed, shade

PIVOT = np.array([0.0, -0.75, -0.15])
"""The head turns around the top of the neck."""
WAIST = np.array([0.0, -1.9, -0.15])
FACE_HEIGHT = 1.80
"""From chin to hairline, in head units."""


@dataclass(frozen=True, eq=False)
class Rendering:
    """One picture of a head."""

    image: ByteArray
    """[H, W, 3] RGB."""
    parsing: ByteArray
    """[H, W] indices into PARSING."""
    landmarks: FloatArray
    """[68, 2] float32 in iBUG order, in fractions of width and height: x right, y down, (0, 0) the picture's corner.

    May leave [0, 1] where the head does.
    """


@dataclass(frozen=True)
class Camera:
    """Perspective, then a similarity to the picture."""

    distance: float
    linear: FloatArray
    """[2, 2]"""
    offset: FloatArray
    """[2], in fractions of the picture's width like `linear`."""
    height: int
    width: int

    def project(self, points: FloatArray) -> FloatArray:
        """[N, 3] before the camera to [N, 2] in fractions of the picture's width."""
        return on_plane(points, self.distance) @ self.linear.T + self.offset

    def screen(self, placed: FloatArray) -> FloatArray:
        """[V, 3] pixel coordinates and depth of a mesh."""
        pixels = np.empty_like(placed)
        to_screen(placed, self.distance, self.linear * self.width, self.offset * self.width, pixels)
        return pixels

    def pixels_per_unit(self) -> float:
        return float(self.width * math.sqrt(abs(np.linalg.det(self.linear))))


@compiled
def to_screen(placed: FloatArray, distance: float, linear: FloatArray, offset: FloatArray, screen: FloatArray) -> None:
    """Camera.project for whole meshes, in pixels and with the depth kept."""
    for i in range(placed.shape[0]):
        factor = distance / (distance - placed[i, 2])
        x, y = placed[i, 0] * factor, -placed[i, 1] * factor
        screen[i, 0] = linear[0, 0] * x + linear[0, 1] * y + offset[0]
        screen[i, 1] = linear[1, 0] * x + linear[1, 1] * y + offset[1]
        screen[i, 2] = placed[i, 2]


def on_plane(points: FloatArray, distance: float) -> FloatArray:
    """[N, 2] perspective picture of [N, 3], y down, true to scale at z = 0."""
    factor = distance / (distance - points[:, 2])
    return np.stack([points[:, 0] * factor, -points[:, 1] * factor], 1)


def render(
    head: Head, motion: Motion, scene: Scene, size: int = 64, supersample: int = 2, crop_of: Head | None = None
) -> Rendering:
    """Draw a square crop, aligned on the eyes and the mouth as in FFHQ.

    size: side in pixels. supersample: rays per pixel and axis. crop_of: take the crop that this other head would get,
    so that a toggled attribute moves nothing but itself.
    """
    posed, landmarks = pose_head(head, motion)
    aligned = landmarks if crop_of is None else pose_head(crop_of, motion)[1]
    camera = crop_camera(on_plane(aligned, scene.distance), scene, size * supersample)
    return _draw(head, motion, scene, (posed, landmarks), (camera, supersample))


def render_frame(head: Head, motion: Motion, scene: Scene, height: int, width: int, face_height: float) -> Rendering:
    """Draw a portrait as a fixed camera would see it; the crop jitter of the scene moves the camera.

    face_height: from chin to hairline, in pixels.
    """
    supersample = 2
    posed, landmarks = pose_head(head, motion)
    per_unit = face_height / FACE_HEIGHT / width * scene.zoom
    offset = np.array([0.5 - 0.2 * scene.shift_x, (0.44 - 0.2 * scene.shift_y) * height / width - 0.25 * per_unit])
    camera = Camera(scene.distance, np.eye(2) * per_unit, offset, height * supersample, width * supersample)
    return _draw(head, motion, scene, (posed, landmarks), (camera, supersample))


def pose_head(head: Head, motion: Motion) -> tuple[Posed, FloatArray]:
    """The mesh and its 68 landmarks [68, 3], moved and placed before the camera."""
    expression, features = motion.expression(), head.look.features
    local = head.mesh.vertices.copy()
    deform_all(head.mesh.vertices[: head.face_count], features, expression, local)
    landmarks = landmarks_on_head(local[: head.face_count], head.jaw, features, expression)
    rotation = motion.rotation()
    placed = (local - PIVOT) @ rotation.T + PIVOT
    body = local[head.rigid_count :]
    lean = Motion(yaw=0.35 * motion.yaw, roll=0.15 * motion.roll).rotation()
    neck = np.clip((body[:, 1:2] + 1.35) / 0.7, 0, 1)
    placed[head.rigid_count :] = placed[head.rigid_count :] * neck + ((body - WAIST) @ lean.T + WAIST) * (1 - neck)
    normals = vertex_normals(placed, head.mesh.triangles)
    return Posed(local, placed, normals), (landmarks - PIVOT) @ rotation.T + PIVOT


def crop_camera(landmarks: FloatArray, scene: Scene, side: int) -> Camera:
    """The FFHQ crop around landmarks [68, 2] on the plane, moved by the scene's jitter."""
    left_eye, right_eye = landmarks[36:42].mean(0), landmarks[42:48].mean(0)
    eyes, between_eyes = (left_eye + right_eye) / 2, right_eye - left_eye
    to_mouth = (landmarks[48] + landmarks[54]) / 2 - eyes
    x = between_eyes - np.array([-to_mouth[1], to_mouth[0]])
    x *= max(np.hypot(*between_eyes) * 2.0, np.hypot(*to_mouth) * 1.8) / np.hypot(*x)
    c, s = math.cos(scene.tilt), math.sin(scene.tilt)
    x = scene.zoom * np.array([c * x[0] - s * x[1], s * x[0] + c * x[1]])
    y = np.array([-x[1], x[0]])
    centre = eyes + to_mouth * 0.1 + x * scene.shift_x + y * scene.shift_y
    linear = np.stack([x, y]) / (2 * (x @ x))  # half a side is |x|
    return Camera(scene.distance, linear, 0.5 - linear @ centre, side, side)


def _draw(
    head: Head, motion: Motion, scene: Scene, posed_head: tuple[Posed, FloatArray], view: tuple[Camera, int]
) -> Rendering:
    (posed, landmarks), (camera, supersample) = posed_head, view
    buffers = empty_buffers(camera.height, camera.width)
    rasterise(camera.screen(posed.placed), head.mesh, head.look.texture, 1.0, buffers)
    background = draw_background(scene.background, camera.height, camera.width)
    light = set_lights(scene, head.mesh, posed.placed, head.look, background.mean((0, 1)))
    labels = np.zeros((camera.height, camera.width), np.uint8)
    picture = Picture(background.astype(np.float64), labels, camera.pixels_per_unit())
    expression = motion.expression()
    rows = [(float(row[0]), float(row[1]), float(row[2])) for row in motion.rotation()]
    mouth = open_mouth(head.look.features, expression)
    pose = Pose(expression, mouth, rows[0], rows[1], rows[2], 1.0 if scene.light_azimuth > 0 else -1.0)
    shade(buffers, head.mesh, posed, head.look, pose, light, picture)
    for lens in head.lenses:
        _draw_lens((lens - PIVOT) @ motion.rotation().T + PIVOT, head.lens_tint, scene, camera, (buffers, picture))
    things = held(scene.held, landmarks, head.look.skin.colour)
    draw_held(things, lambda p: camera.project(p) * camera.width, light, picture)
    points = camera.project(landmarks) * np.array([1.0, camera.width / camera.height])
    image = develop(picture.image, scene, motion, supersample)
    parsing = np.ascontiguousarray(labels[supersample // 2 :: supersample, supersample // 2 :: supersample])
    return Rendering(image, parsing, points.astype(np.float32))


def _draw_lens(outline: FloatArray, tint: float, scene: Scene, camera: Camera, target: tuple[Buffers, Picture]) -> None:
    """Lay a lens [49, 3] over what lies behind it: a little dark, with a slanted glint, or sunglasses."""
    buffers, picture = target
    corners = camera.project(outline) * camera.width
    mask = np.zeros(picture.labels.shape, np.uint8)
    cv2.fillPoly(mask, [np.round((corners - 0.5) * 16).astype(np.int32)], (1,), shift=4)
    inside = (mask > 0) & (buffers.depth < outline[:, 2].max() + 0.02) & (picture.labels != IN_EYEGLASSES)
    rows, columns = np.nonzero(inside)
    low, span = corners.min(0), np.ptp(corners, axis=0) + 1e-6
    x, y = (columns - low[0]) / span[0], (rows - low[1]) / span[1]
    glint = np.clip(1 - np.abs(x + 0.6 * y - 0.55 - 0.4 * scene.light_azimuth) * 5, 0, 1) * 0.08 * scene.key
    through = (1 - 0.93 * tint * np.clip(1.05 - 0.35 * y, 0, 1)) * (0.94 + 0.06 * tint)
    picture.image[inside] = picture.image[inside] * through[:, None] + glint[:, None] + 0.012 * tint
    if tint > 0.5:
        picture.labels[inside] = IN_EYEGLASSES


def develop(light: FloatArray, scene: Scene, motion: Motion, supersample: int) -> ByteArray:
    """Linear light [H, W, 3] to an sRGB picture: exposure, a film curve, lens blur, sensor noise."""
    exposed = light * (0.92 * scene.exposure)
    film = exposed * (1 + exposed * 0.10) / (1 + exposed * 0.42) * 1.02
    image = np.clip(film, 0, 1) ** (1 / 2.2)
    image = np.clip((image - 0.45) * scene.contrast + 0.45, 0, 1).astype(np.float32)
    height, width = image.shape[0] // supersample, image.shape[1] // supersample
    image = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    if scene.blur * min(height, width) > 0.15:
        image = cv2.GaussianBlur(image, (0, 0), scene.blur * min(height, width))
    # two pictures of one clip have different noise, the same picture twice has the same
    moment = zlib.crc32(np.array(astuple(motion)).tobytes())
    noise = np.random.default_rng([scene.background, moment]).normal(size=image.shape).astype(np.float32)
    return (np.clip(image + scene.grain * noise, 0, 1) * 255 + 0.5).astype(np.uint8)
