"""The program that renders the sample: parts that need no Blender, then, where bpy is there, a render."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

pytest.importorskip("scipy")
pytest.importorskip("skimage.measure", reason="the studio needs scikit-image")
from data.studio import __main__ as command  # noqa: E402
from data.studio import dataset, files, fleet, large  # noqa: E402
from data.studio.body import Body  # noqa: E402

DATA = Path(__file__).parents[1] / "data"


def every_car(arguments=("--fleet", "large")):
    """What a command photographs: (folder, car, views)."""
    return command.shoots(command.parse(list(arguments)))


def test_same_seed_same_fleet():
    assert fleet.fleet(8, 7) == fleet.fleet(8, 7)
    assert fleet.fleet(8, 7) == fleet.fleet(16, 7)[:8]
    assert fleet.fleet(8, 7) != fleet.fleet(8, 8)


def test_fleet_of_64():
    cars = fleet.fleet(64, 7)
    assert len({car.id for car in cars}) == 64
    train, test = ([car for car in cars if car.part == part] for part in ("train", "test"))
    assert (len(train), len(test)) == (48, 16)
    kinds = {car.kind for car in train}
    assert kinds == set(fleet.KINDS) - {"van"}
    assert {car.usage for car in test if car.kind == "van"} == {"private"}
    assert {car.usage for car in test} == {"public", "private"}
    assert all(car.kind in kinds for car in test if car.usage == "public")


def test_sample_is_the_fleet_of_its_command():
    """data/sample stays as it is: the program of today still describes its cars."""
    rows = pd.read_csv(DATA / "sample" / "metadata.csv", dtype=str, keep_default_na=False)
    cars = {car.id: car for car in fleet.fleet(64, 7)}
    assert {row[0]: row[1:] for row in rows.itertuples(index=False, name=None)} == {
        name: car.metadata for name, car in cars.items()
    }
    assert {car.id for car in cars.values() if car.part == "test"} == {
        path.name[:12] for path in (DATA / "sample" / "test").iterdir()
    }


@pytest.mark.parametrize("draw", [large.studio_cars, large.street_cars])
def test_large_fleet_follows_from_its_seed(draw):
    assert draw(4, 5) == draw(9, 5)[:4]
    assert draw(4, 5) != draw(4, 6)


def test_large_fleet_is_large_and_its_checksum_is_on_record():
    every = every_car()
    cars = [car for _, car, _ in every]
    studio = [(car, views) for folder, car, views in every if folder.endswith("studio")]
    assert len(studio) >= 400 and sum(len(views) for _, views in studio) >= 3000
    assert {car.kind for car in cars} == set(fleet.KINDS) and {car.part for car in cars} == {"train"}
    recorded = re.search(r"checksum of the list of cars: `([0-9a-f]{12})`", (DATA / "README.md").read_text())
    assert recorded and recorded[1] == large.checksum(cars)
    assert large.checksum(cars) != large.checksum(cars[:-1])


def test_studio_and_streets_take_turns():
    assert [Path(folder).name for folder, _, _ in every_car()[:4]] == ["studio", "street"] * 2


def test_no_car_is_in_two_sets():
    sets = [every_car(["--fleet", name]) for name in command.FLEETS]
    names = [car.id for one in sets for _, car, _ in one]
    assert len(names) == len(set(names)) == 64 + 24 + 840


def test_every_car_of_the_large_fleet_has_standard_views_and_free_cameras():
    for car in large.studio_cars(40, 1):
        standard = [view for view in car.shots if view in large.STANDARD]
        assert len(standard) == 4 and np.ptp(standard) == 12 and set(car.shots) - set(standard) == set(large.FREE)
        assert all(car.settings(view) == car.studio for view in standard)


def in_frame(car, settings):
    """Shares of the car's bounding box that lie in the picture, across and up: a pinhole camera, written anew."""
    turn = np.radians(270 - (settings["direction"] - 1) * 22.5) + settings["heading"]
    corners = np.array([[x, y, z] for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (0, 1)])
    x, y, z = (corners * [car.shape.length, car.shape.width, car.shape.height]).T
    ahead = x * np.sin(turn) + y * np.cos(turn) + settings["distance"]
    aside = x * np.cos(turn) - y * np.sin(turn)
    u = 0.5 + settings["lens"] / 36 * (aside / ahead + settings["pan"])
    v = settings["horizon"] + settings["lens"] / 24 * (settings["camera_height"] - z) / ahead
    return [(min(w.max(), 1) - max(w.min(), 0)) / np.ptp(w) for w in (u, v)]


@pytest.mark.parametrize(
    "draw, heights, distances",
    [(large.studio_cars, (0.9, 3.0), (5.0, 9.8)), (large.street_cars, (0.7, 2.1), (3.8, 18))],
)
def test_free_cameras_look_at_the_car_and_some_cut_it_off(draw, heights, distances):
    shots = [(car, car.settings(view)) for car in draw(120, 3) for view in car.shots if car.shots[view]]
    for _, settings in shots:
        assert heights[0] <= settings["camera_height"] <= heights[1]
        assert distances[0] <= settings["distance"] <= distances[1] and 17 <= settings["lens"] <= 120
    shares = np.array([in_frame(*shot) for shot in shots])
    assert shares.min() > 0.1
    assert 0.1 < (shares.min(1) < 0.97).mean() < 0.6


def test_the_cars_of_one_part_alone():
    every = every_car(["--cars", "32", "--part", "test", "--views", "3"])
    assert len(every) == 8 and {car.part for _, car, _ in every} == {"test"}
    assert {car.id for _, car, _ in every} <= {car.id for _, car, _ in every_car(["--cars", "64"])}


def test_a_picture_without_its_opacity_is_missing_where_that_is_wanted(tmp_path):
    car = fleet.fleet(1, 3)[0]
    files.save_picture(np.zeros((20, 30, 3), np.uint8), files.picture_path(tmp_path, car, 1))
    files.save_mask(np.zeros((20, 30), bool), files.mask_path(tmp_path, car, 1))
    assert files.missing_views(tmp_path, car, [1, 2]) == [2]
    assert files.missing_views(tmp_path, car, [1, 2], alpha=True) == [1, 2]
    alpha = np.arange(600, dtype=np.uint16).reshape(20, 30).astype(np.uint8)
    files.save_alpha(alpha, files.alpha_path(tmp_path, car, 1))
    assert files.missing_views(tmp_path, car, [1, 2], alpha=True) == [2]
    with Image.open(files.alpha_path(tmp_path, car, 1)) as image:
        assert np.array_equal(np.array(image), alpha)


def test_nothing_in_a_street_stands_nearer_than_the_car_reaches():
    for car in large.street_cars(40, 3):
        for view in car.shots:
            settings = car.settings(view)
            turn = np.radians((settings["direction"] - 1) * 22.5)
            reach = (abs(np.cos(turn)) * car.shape.length + abs(np.sin(turn)) * car.shape.width) / 2
            assert settings["depth"] > reach + 0.25


@pytest.mark.slow
@pytest.mark.parametrize(
    "car, room",
    [(fleet.draw_car(1, 2, kind), 0.12) for kind in fleet.KINDS] + [(car, 0.2) for car in large.studio_cars(12, 1)],
    ids=lambda value: getattr(value, "kind", None),
)
def test_bodies_are_closed_and_of_the_size_asked_for(car, room):
    body = Body(car)
    vertices, normals, faces = body.surface()
    low, high = vertices.min(0), vertices.max(0)
    assert np.abs(high - low - [body.length, body.width, body.height - low[2]]).max() < room
    edges = np.sort(np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]), axis=1)
    _, counts = np.unique(edges, axis=0, return_counts=True)
    assert (counts % 2 == 0).all()
    corners = vertices[faces]
    outward = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    assert ((outward * normals[faces[:, 0]]).sum(1) > -1e-6).mean() > 0.995


def test_body_is_symmetric():
    body = Body(fleet.draw_car(1, 2, "sedan"))
    x, y, z = np.random.default_rng(0).uniform([-2, 0, 0.2], [2, 0.9, 1.4], (200, 3)).T
    assert np.allclose(body.distance(x, y, z), body.distance(x, -y, z))


def test_run_lengths():
    assert dataset.run_lengths(np.array([[0, 1, 1], [1, 0, 1]])) == "2 3 6 1"
    assert dataset.run_lengths(np.zeros((2, 2))) == ""


def test_masks_are_written_whole(tmp_path):
    mask = np.random.default_rng(0).random((20, 30)) > 0.5
    path = tmp_path / "masks" / "a_mask.gif"
    files.save_mask(mask, path)
    assert np.array_equal(dataset.read_mask(path), mask)
    assert [item.name for item in path.parent.iterdir()] == ["a_mask.gif"]


@pytest.mark.parametrize("text, views", [("1-3", [1, 2, 3]), ("5", [5]), ("9,1,1", [1, 9])])
def test_views(text, views):
    assert command.parse_views(text) == views


@pytest.mark.parametrize(
    "arguments",
    [
        ["--views", "0"],
        ["--views", "x"],
        ["--size", "big"],
        ["--size", "300x300"],
        ["--cars", "0"],
        ["--cars", "2", "--only", "2"],
    ],
)
def test_mistakes_have_messages(arguments):
    with pytest.raises(command.Mistake):
        command.parse(arguments)


def test_renders_what_the_mesh_projects_to(tmp_path):
    """Pictures, masks and tables of one car; its masks agree with an independent projection of its mesh."""
    pytest.importorskip("bpy", reason="rendering needs Blender's module (data/studio/requirements.txt)")
    line = [
        sys.executable,
        "-m",
        "data.studio",
        "--out",
        str(tmp_path),
        "--cars",
        "1",
        "--views",
        "1,4,8",
        "--seed",
        "3",
    ]
    assert "1 cars to train on" in subprocess.run(line, capture_output=True, text=True, check=True).stdout
    code = (
        "import sys, numpy as np\n"
        "from data.studio import camera, dataset, files, fleet, render\n"
        "car = fleet.fleet(1, 3)[0]\nmesh = render.car_mesh(car)\n"
        "for view in (1, 4, 8):\n"
        "    mask = dataset.read_mask(files.mask_path(sys.argv[1], car, view)).astype(bool)\n"
        "    drawn = camera.silhouette(mesh, car.studio, view, (480, 320))\n"
        "    print(2 * (mask & drawn).sum() / (mask.sum() + drawn.sum()))\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    scores = [float(word) for word in done.stdout.split()[-3:]]
    assert min(scores) > 0.995, scores
    before = {path: path.stat().st_mtime for path in tmp_path.rglob("*.jpg")}
    subprocess.run(line, capture_output=True, check=True)
    assert before == {path: path.stat().st_mtime for path in tmp_path.rglob("*.jpg")}


def test_the_opacity_is_that_of_the_mesh(tmp_path):
    """Soft at the edge, the mask at one half, and in sum the area that the mesh projects to."""
    pytest.importorskip("bpy", reason="rendering needs Blender's module (data/studio/requirements.txt)")
    line = [sys.executable, "-m", "data.studio", "--out", str(tmp_path), "--cars", "1", "--views", "4", "--seed", "3"]
    subprocess.run([*line, "--samples", "1", "--alpha"], capture_output=True, check=True)
    code = (
        "import sys, numpy as np\n"
        "from PIL import Image\n"
        "from data.studio import camera, dataset, files, fleet, render\n"
        "car = fleet.fleet(1, 3)[0]\n"
        "mask = dataset.read_mask(files.mask_path(sys.argv[1], car, 4)).astype(bool)\n"
        "alpha = np.asarray(Image.open(files.alpha_path(sys.argv[1], car, 4))) / 255\n"
        "drawn = camera.silhouette(render.car_mesh(car), car.studio, 4, (480, 320))\n"
        "soft = (alpha > 0) & (alpha < 1)\n"
        "print(((alpha > 0.5) != mask).mean(), alpha.sum() / drawn.sum(), soft.mean())\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    differ, area, soft = (float(word) for word in done.stdout.split()[-3:])
    assert differ < 0.003 and abs(area - 1) < 0.01 and 0.002 < soft < 0.03


def test_a_run_stopped_at_any_moment_goes_on(tmp_path):
    """Both parts of the large fleet, stopped half-way and taken up again; masks agree with the meshes."""
    pytest.importorskip("bpy", reason="rendering needs Blender's module (data/studio/requirements.txt)")
    line = [sys.executable, "-m", "data.studio", "--fleet", "large", "--out", str(tmp_path), "--only", "0"]
    line += ["--size", "240x160", "--samples", "1", "--seed", "3"]
    first = subprocess.Popen(line, stdout=subprocess.DEVNULL, start_new_session=True)
    while first.poll() is None and len(list(tmp_path.rglob("*.jpg"))) < 3:
        time.sleep(0.2)
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    early = {path: path.read_bytes() for path in tmp_path.rglob("*_[0-9][0-9]*.*") if path.suffix != ".part"}
    assert 3 <= len(early) < 22
    for path in early:
        with Image.open(path) as image:
            image.load()
            assert image.size == (240, 160)
    subprocess.run(line, capture_output=True, check=True)
    assert {path: path.read_bytes() for path in early} == early
    code = (
        "import sys, numpy as np\n"
        "from data.studio import __main__ as command, camera, dataset, files, render\n"
        "for folder, car, views in command.shoots(command.parse(sys.argv[1:])):\n"
        "    mesh = render.car_mesh(car)\n"
        "    for view in views:\n"
        "        mask = dataset.read_mask(files.mask_path(folder, car, view)).astype(bool)\n"
        "        drawn = camera.silhouette(mesh, car.settings(view), view, (240, 160))\n"
        "        print(2 * (mask & drawn).sum() / (mask.sum() + drawn.sum()))\n"
    )
    done = subprocess.run([sys.executable, "-c", code, *line[3:]], capture_output=True, text=True, check=True)
    scores = [float(word) for word in done.stdout.split()[-11:]]
    assert min(scores) > 0.99, scores
    names = pd.read_csv(tmp_path / "street" / "train_masks.csv").img
    assert len(names) == 3 and all((tmp_path / "street" / "train" / name).exists() for name in names)


HIDDEN = """
import sys, bpy, numpy as np
from data.studio import large, render, street
from data.studio.room import add_object, aim, car_pose

def alpha(setup, objects=()):
    for item in objects:
        item.is_holdout = True
        setup.mask.collection.objects.link(item)
    image = np.asarray(setup._render(setup.mask, (0, 0, 240, 160)))[..., 3] > 127
    for item in objects:
        setup.mask.collection.objects.unlink(item)
    return image

for car in large.street_cars(4, 99):
    setup = render.OnLocation(car, (240, 160), 1, sys.argv[1])
    for view in car.shots:
        settings, scene = car.settings(view), setup._scene(f"street {view}")
        turn, place = car_pose(settings, view)
        setup.root.rotation_euler, setup.root.location = (0, 0, turn), place
        aim(setup.camera, settings)
        street.build_street(settings, scene)
        things = [item for item in scene.collection.objects if item.type == "MESH"]
        print("hidden", (alpha(setup) & ~alpha(setup, things)).sum())
wall = add_object(street.block((-9, -3, 0), (9, -2.9, 9)), "wall", None, scene.collection)
print("hidden", (alpha(setup) & ~alpha(setup, [wall])).sum())
"""


def test_nothing_in_a_street_hides_the_car(tmp_path):
    """The mask with all things of the street cut out of it is the mask; a wall before the car would show."""
    pytest.importorskip("bpy", reason="rendering needs Blender's module (data/studio/requirements.txt)")
    line = [sys.executable, "-c", HIDDEN, str(tmp_path)]
    done = subprocess.run(line, capture_output=True, text=True, check=True)
    hidden = [int(row.split()[1]) for row in done.stdout.splitlines() if row.startswith("hidden")]
    assert hidden[:-1] == [0] * 12 and hidden[-1] > 1000
