"""What `python -m training` makes of its arguments, up to where something would be trained."""

from pathlib import Path

import pytest
from PIL import Image
from toy_data import write_folders

from training.__main__ import main


@pytest.fixture
def photos(tmp_path) -> Path:
    root = write_folders(tmp_path / "photos", num_images=12)
    for path in root.rglob("*.png"):
        with Image.open(path) as image:
            image.resize((96, 96)).save(path)
    return root


def refused(photos: Path, capsys: pytest.CaptureFixture[str], *options: str) -> str:
    """Return the one line on standard error."""
    assert main(["--data", str(photos), "--workdir", str(photos.parent / "run"), *options]) == 2
    assert not (photos.parent / "run").exists()
    return capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--init", "lite9"], "--init must be lite0, lite2, resnet50v2, none, NAME:VERSION"),
        (["--init", "lite0", "--set", "variant=50"], "variant=50 is not the network of --init lite0: give --init none"),
        (["--init", "lite0", "--teacher", "runs/pets"], "--start-from and --teacher are of a training from nothing"),
        (
            ["--old", "photos"],
            "--old is what a network has learned from: give --init NAME:VERSION, or the folder of its run",
        ),
        (["--minutes", "0"], "minutes must be in (0, inf), got 0"),
        (["--preset", "imagenet"], "preset must be one of photos, scratch, cifar10, smoke, got 'imagenet'"),
    ],
)
def test_what_does_not_go_together_is_refused_in_a_line(photos, capsys, options, message):
    assert message in refused(photos, capsys, *options)


def test_run_to_start_from_is_not_forgotten_for_photos(photos, capsys):
    # The recipe for photos alone would start from another network.
    assert "nowhere holds no training run" in refused(photos, capsys, "--start-from", "nowhere")
