import pytest
from toy_data import write_folders, write_npz

from training.config import preset, replaced
from training.data import load_dataset
from training.dataset import Dataset, HeldOut
from training.recipe import Wanted, choose, median_short_side
from training.transfer.starting_point import StartingPoint


@pytest.fixture(scope="module")
def pictures(tmp_path_factory) -> Dataset:
    """Of 32 px."""
    return load_dataset(write_npz(tmp_path_factory.mktemp("npz") / "toy.npz"), HeldOut())


@pytest.fixture(scope="module")
def photos(tmp_path_factory) -> Dataset:
    """Of 96 x 120 px."""
    root = write_folders(tmp_path_factory.mktemp("photos"), num_images=18)
    from PIL import Image

    for path in root.rglob("*.png"):
        with Image.open(path) as image:
            image.resize((120, 96)).save(path)
    return load_dataset(root, HeldOut())


def test_photos_start_from_a_network_that_knows_photos(photos):
    recipe = choose(photos, Wanted())
    assert replaced(recipe.config, {"epochs": 20}) == preset("photos")
    assert recipe.config.init == recipe.config.variant == "lite0"
    first, *others = recipe.lines()
    assert first == (
        "recipe: from lite0 (at 224 px), in 15 minutes or less, as the time allows: these are photos (the median of "
        "their short sides is 96 px); each of so few (12 to learn from) is seen up to 300 times"
    )
    assert [line.split()[1] for line in others] == ["--init", "--minutes", "--init"]


def test_small_pictures_are_learned_from_nothing(pictures):
    recipe = choose(pictures, Wanted(changes={"epochs": 3}))
    config = recipe.config
    assert (config.init, config.variant, config.width, config.image_px, config.epochs) == ("none", "20", 32, 32, 3)
    assert config.held_out == HeldOut()  # by which the data was opened
    assert "the pictures are small (32 px)" in recipe.reason


def test_what_was_asked_for_is_done_whatever_the_data(photos, pictures):
    assert choose(photos, Wanted(preset="smoke")).config == preset("smoke")
    assert replaced(choose(pictures, Wanted(preset="photos")).config, {"epochs": 20}) == preset("photos")
    assert choose(photos, Wanted(init="none")).config == preset("scratch")
    assert choose(photos, Wanted(preset="photos", init="none")).config == preset("scratch")
    assert choose(photos, Wanted(changes={"variant": "50"})).config.variant == "50"
    assert choose(photos, Wanted(changes={"variant": "50"})).config.init == "none"


def test_few_photos_are_learned_from_in_more_epochs(photos):
    assert choose(photos, Wanted()).config.epochs == 300  # of a step each, with all twelve
    assert choose(photos, Wanted(changes={"epochs": 2})).config.epochs == 2


def test_settings_of_the_network_that_it_starts_from_are_taken(photos):
    start = StartingPoint("pets:2", {"variant": "18", "image_px": 160})
    config = choose(photos, Wanted(init="pets:2", start=start, changes={"minutes": 5.0})).config
    assert (config.init, config.variant, config.image_px, config.minutes) == ("pets:2", "18", 160, 5.0)
    assert config.layer_decay == preset("photos").layer_decay


def test_network_that_is_not_that_of_the_weights_is_refused(photos):
    start = StartingPoint("lite0", {"variant": "lite0", "image_px": 224})
    with pytest.raises(ValueError, match=r"variant=50 is not the network of --init lite0: give --init none"):
        choose(photos, Wanted(init="lite0", start=start, changes={"variant": "50"}))


def test_size_is_that_of_most_images(photos, pictures):
    assert median_short_side(photos.train) == 96
    assert median_short_side(pictures.train) == 32
