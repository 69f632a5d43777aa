"""Photograph one car: pictures and masks of what is not there yet."""

import os
import tempfile
import time

import bpy
import numpy as np
from PIL import Image, ImageFilter

from .body import Body
from .camera import project
from .files import alpha_path, mask_path, missing_views, picture_path, save_alpha, save_mask, save_picture
from .mesh import Mesh, merge
from .parts import all_parts
from .room import add_camera, add_object, aim, build_room, car_pose, place_in
from .shaders import body_materials, flat_material, plain_materials
from .street import build_street

PICTURE_SAMPLES, LOCATION_SAMPLES, ROOM_SAMPLES, MASK_SAMPLES, ALPHA_SAMPLES = 5, 2, 12, 9, 64
#: Pixels around the car that are rendered, in a picture 480 wide: left, top, right, bottom
MASK_MARGIN, PICTURE_MARGIN, FEATHER, FEATHER_TOP = (3, 3, 3, 3), (36, 8, 36, 36), 28, 4


def photograph(car, folder, views, size, samples=0, report=None, alpha=False):
    """Render what is missing of one car.

    Parameters
    ----------
    car : Car
    folder : path of the data set
    views : iterable of int, 1 to 16
    size : (width, height)
    samples : light paths a pixel; 0 for the usual number
    report : called with (car, view, seconds) after each view
    alpha : also write how opaque the car is in each pixel
    """
    todo = missing_views(folder, car, views, alpha)
    if not todo:
        return
    with tempfile.TemporaryDirectory() as scratch:
        if car.shots:
            set_up = OnLocation(car, size, samples or LOCATION_SAMPLES, scratch)
        else:
            set_up = InStudio(car, size, samples or PICTURE_SAMPLES, scratch)
        for view in todo:
            start = time.time()
            picture, mask = set_up.shoot(view)
            save_mask(mask, mask_path(folder, car, view))
            if alpha:
                save_alpha(set_up.alpha(view), alpha_path(folder, car, view))
            save_picture(picture, picture_path(folder, car, view))
            if report:
                report(car, view, time.time() - start)


class Setup:
    """A car, a camera, and a Blender scene with the car alight in the dark, for masks."""

    def __init__(self, car, size, samples, scratch):
        bpy.ops.wm.read_factory_settings(use_empty=True)
        self.car, self.size, self.samples, self.scratch = car, size, samples, scratch
        self.root, self.collection, self.outline = build_car(car)
        self.first = bpy.context.scene
        self.camera = add_camera(car.studio, self.first.collection)
        self.mask = self._scene("mask")
        mask_settings(self.mask)

    def shoot(self, view):
        """Picture uint8 ``(h, w, 3)`` and mask bool ``(h, w)`` of one view."""
        settings = self.car.settings(view)
        turn, place = car_pose(settings, view)
        self.root.rotation_euler, self.root.location = (0, 0, turn), place
        aim(self.camera, settings)
        left, top, right, bottom = window = self._window(view, MASK_MARGIN)
        mask = np.zeros(self.size[::-1], bool)
        mask[top:bottom, left:right] = np.asarray(self._render(self.mask, window))[..., 3] > 127
        return develop(self._picture(view), settings, [self.car.seed, view]), mask

    def alpha(self, view):
        """Share of each pixel of the last picture that is car, uint8 ``(h, w)``: seen through its filter and lens."""
        scene = bpy.data.scenes.get("alpha") or self._scene("alpha")
        mask_settings(scene)
        scene.cycles.samples, scene.cycles.pixel_filter_type = ALPHA_SAMPLES, "BLACKMAN_HARRIS"  # as in the picture
        left, top, right, bottom = window = self._window(view, MASK_MARGIN)
        alpha = np.zeros(self.size[::-1], np.uint8)
        alpha[top:bottom, left:right] = np.asarray(self._render(scene, window))[..., 3]
        blur = ImageFilter.GaussianBlur(self.car.settings(view)["blur"])
        return np.asarray(Image.fromarray(alpha).filter(blur))

    def _scene(self, name):
        """A scene with the car and the camera."""
        scene = bpy.data.scenes.new(name)
        scene.collection.children.link(self.collection)
        scene.collection.objects.link(self.camera)
        scene.camera = self.camera
        basic_settings(scene, self.size)
        picture_settings(scene, self.samples)
        return scene

    def _colours(self, scene, window):
        """A window of a scene as float32 ``(h, w, 3)``, 0-255."""
        return np.asarray(self._render(scene, window).convert("RGB"), np.float32)

    def _window(self, view, margin):
        """Pixels (left, top, right, bottom) around the car in a view."""
        settings = self.car.settings(view)
        points = project(place_in(self.outline, settings, view).vertices, settings, self.size)
        margin = np.ceil(np.array(margin) * self.size[0] / 480)
        low = np.floor(points.min(0)) - margin[:2]
        high = np.ceil(points.max(0)) + margin[2:]
        return tuple(int(v) for v in (*np.clip(low, 0, self.size), *np.clip(high, 0, self.size)))

    def _render(self, scene, window):
        """Render a window of a scene."""
        path, (width, height) = os.path.join(self.scratch, scene.name + ".png"), self.size
        left, top, right, bottom = (v + 0.01 for v in window)
        render = scene.render
        render.filepath, render.use_border, render.use_crop_to_border = path, True, True
        render.border_min_x, render.border_max_x = left / width, right / width
        render.border_min_y, render.border_max_y = (
            (height - bottom + 0.02) / height,
            (height - top + 0.02) / height,
        )
        bpy.ops.render.render(write_still=True, scene=scene.name)
        with Image.open(path) as image:
            if image.size != (window[2] - window[0], window[3] - window[1]):
                raise RuntimeError(f"Blender rendered {image.size} for the window {window}")
            return image.copy()


class InStudio(Setup):
    """The sample's way: one camera for all views.

    The empty studio is rendered once; in each view only the surroundings of the car are, and blended into it.
    """

    def __init__(self, car, size, samples, scratch):
        super().__init__(car, size, samples, scratch)
        self.studio = self._scene("studio")
        self.studio.world = build_room(car.studio, self.studio.collection)
        self.collection.hide_render = True
        self.studio.cycles.samples = max(samples, ROOM_SAMPLES)
        self.empty = self._colours(self.studio, (0, 0, *size))
        self.collection.hide_render = False
        self.studio.cycles.samples = samples

    def _picture(self, view):
        window = self._window(view, PICTURE_MARGIN)
        return blend(self.empty, self._colours(self.studio, window), window)


class OnLocation(Setup):
    """Each view with a camera of its own: in the studio, or in a street built for this view."""

    def _picture(self, view):
        settings = self.car.settings(view)
        name = "studio" if settings.get("street") is None else f"street {view}"
        scene = bpy.data.scenes.get(name) or self._build(name, settings)
        return self._colours(scene, (0, 0, *self.size))

    def _build(self, name, settings):
        scene = self._scene(name)
        if settings.get("street") is None:
            scene.world = build_room(self.car.studio, scene.collection)
            scene.view_settings.exposure = self.car.studio["exposure"]
        else:
            scene.world = build_street(settings, scene)
            scene.cycles.denoising_input_passes = "RGB_ALBEDO"
        return scene


def blend(empty, near, window):
    """Lay the surroundings of the car over the empty studio, softly at edges inside the picture."""
    height, width = empty.shape[:2]
    left, top, right, bottom = window
    weight = np.ones(near.shape[:2], np.float32)
    side, above = (round(count * width / 480) for count in (FEATHER, FEATHER_TOP))
    ramp, short = (np.arange(1, count + 1) / (count + 1) for count in (side, above))
    if left > 0:
        weight[:, :side] *= ramp
    if right < width:
        weight[:, -side:] *= ramp[::-1]
    if bottom < height:
        weight[-side:] *= ramp[::-1, None]
    if top > 0:
        weight[:above] *= short[:, None]
    picture = empty.copy()
    picture[top:bottom, left:right] += weight[..., None] * (near - picture[top:bottom, left:right])
    return picture


def build_car(car):
    """The car as Blender objects: their common root, their collection, and points of its outline."""
    collection = bpy.data.collections.new("car")
    root = bpy.data.objects.new("car", None)
    collection.objects.link(root)
    body = Body(car)
    vertices, normals, faces = body.surface()
    shell = add_object(Mesh(vertices, faces.tolist()), "body", None, collection, root, normals=normals)
    for material in body_materials(body):
        shell.data.materials.append(material)
    shell.data.polygons.foreach_set("material_index", body.regions(vertices, normals, faces).astype(np.int32))
    materials, parts = plain_materials(car), all_parts(body)
    for name, mesh in parts.items():
        add_object(mesh, name, materials[name], collection, root, sharp=np.radians(38))
    points = [vertices[::20], *(mesh.vertices for mesh in parts.values())]
    return root, collection, Mesh(np.concatenate(points), [])


def car_mesh(car):
    """All of a car as one mesh, without Blender objects: for an independent projection."""
    body = Body(car)
    vertices, _, faces = body.surface()
    return merge([Mesh(vertices, faces.tolist()), *all_parts(body).values()])


def basic_settings(scene, size):
    """What both scenes share."""
    scene.render.engine = "CYCLES"
    scene.render.resolution_x, scene.render.resolution_y = size
    scene.render.resolution_percentage = 100
    scene.render.threads_mode, scene.render.threads = "FIXED", 1
    scene.render.use_persistent_data = True
    scene.render.image_settings.file_format = "PNG"
    scene.render.image_settings.color_mode = "RGBA"
    scene.render.image_settings.compression = 0
    scene.view_settings.view_transform = "Standard"
    scene.cycles.device = "CPU"
    scene.cycles.use_light_tree = False


def picture_settings(scene, samples):
    """Few samples, short paths, and a denoiser."""
    cycles = scene.cycles
    cycles.samples, cycles.use_adaptive_sampling = samples, False
    cycles.use_denoising, cycles.denoiser = True, "OPENIMAGEDENOISE"
    cycles.denoising_input_passes, cycles.denoising_quality = "RGB", "FAST"
    cycles.max_bounces, cycles.diffuse_bounces, cycles.glossy_bounces, cycles.transparent_max_bounces = (
        4,
        1,
        3,
        6,
    )
    cycles.min_light_bounces, cycles.min_transparent_bounces = 2, 6
    cycles.caustics_reflective = cycles.caustics_refractive = False
    cycles.sample_clamp_indirect = 4


def mask_settings(scene):
    """The car in white light on nothing: alpha is the share of a pixel that it covers."""
    cycles = scene.cycles
    cycles.samples, cycles.use_adaptive_sampling, cycles.use_denoising = MASK_SAMPLES, False, False
    cycles.max_bounces, cycles.pixel_filter_type = 0, "BOX"
    scene.render.film_transparent = True
    scene.view_layers[0].material_override = flat_material()


def develop(picture, settings, seed):
    """Lens and sensor: blur, vignette, colour cast, contrast, noise."""
    rng = np.random.default_rng(seed)
    image = Image.fromarray(picture.round().astype(np.uint8)).filter(ImageFilter.GaussianBlur(settings["blur"]))
    values = np.asarray(image, np.float32) / 255
    height, width = values.shape[:2]
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    values = values * (1 - settings["vignette"] * (x * x + y * y) / 2)[..., None]
    values = (values * np.float32(settings["cast"])) ** settings["gamma"]
    values = 255 * (values - np.float32(settings["contrast"]) * np.sin(2 * np.pi * values) / (2 * np.pi))
    grain = rng.normal(0, settings["noise"], values.shape[:2])[..., None] + rng.normal(
        0, 0.5 * settings["noise"], values.shape
    )
    return np.clip(values + grain, 0, 255).round().astype(np.uint8)
