"""The program that renders the sample: parts that need no Blender, then, where bpy is there, a render."""

import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("scipy")
pytest.importorskip("skimage.measure", reason="the studio needs scikit-image")
from data.studio import __main__ as command  # noqa: E402
from data.studio import dataset, files, fleet  # noqa: E402
from data.studio.body import Body  # noqa: E402


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


@pytest.mark.slow
@pytest.mark.parametrize("kind", fleet.KINDS)
def test_bodies_are_closed_and_of_the_size_asked_for(kind):
    body = Body(fleet.draw_car(1, 2, kind))
    vertices, normals, faces = body.surface()
    low, high = vertices.min(0), vertices.max(0)
    assert np.abs(high - low - [body.length, body.width, body.height - low[2]]).max() < 0.12
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
