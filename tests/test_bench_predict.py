"""What is timed writes the same masks, and a difference is noticed."""

import numpy as np
import pytest
import shapes
from PIL import Image

from benchmarks import predict
from utils import CourseError, __main__, models


@pytest.fixture
def photos(tmp_path):
    (tmp_path / "source").mkdir()
    for number in range(3):
        Image.fromarray(shapes.draw(shapes.car_id(number), 1)[0]).save(tmp_path / "source" / f"car{number}.jpg")
    return predict.copy_photos(tmp_path / "source", tmp_path / "photos", copies=2)


def test_each_photo_is_copied_under_names_of_its_own(photos):
    assert [path.name for path in photos] == [f"car{car}_{copy}.jpg" for car in range(3) for copy in range(2)]
    contents = [path.read_bytes() for path in photos]
    assert contents[0] == contents[1] != contents[2]


@pytest.mark.slow
def test_masks_are_those_of_the_command_line(photos, tmp_path):
    model = models.unet(64, 2)
    model.save(tmp_path / "unet.keras")
    arguments = [*photos, "--model", tmp_path / "unet.keras", "--out", tmp_path / "cold"]
    assert __main__.main(["predict", *map(str, arguments)]) == 0
    (tmp_path / "warm").mkdir()
    predict.write_masks(model, photos, tmp_path / "warm")
    predict.check_same(tmp_path / "warm", tmp_path / "cold")
    assert len(list((tmp_path / "warm").iterdir())) == 6
    mask = np.array(Image.open(tmp_path / "warm" / "car1_0_mask.png"))
    mask[5, 7] ^= 255
    Image.fromarray(mask).save(tmp_path / "warm" / "car1_0_mask.png")
    with pytest.raises(CourseError, match="car1_0_mask.png differs"):
        predict.check_same(tmp_path / "warm", tmp_path / "cold")
    (tmp_path / "warm" / "car1_0_mask.png").unlink()
    with pytest.raises(CourseError, match="other photos"):
        predict.check_same(tmp_path / "warm", tmp_path / "cold")


def test_a_command_that_fails_is_not_timed(tmp_path):
    with pytest.raises(CourseError, match=r"(?s)gone.jpg failed.*gone.jpg does not exist"):
        predict.command("predict", tmp_path / "gone.jpg")
