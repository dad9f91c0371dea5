import io

from PIL import Image

from benchmarks.pictures import photo_like


def test_picture_is_a_jpeg_of_its_size_and_differs_by_its_seed():
    pictures = [photo_like((50, 40), seed) for seed in range(3)]
    assert len(set(pictures)) == 3
    with Image.open(io.BytesIO(pictures[0])) as image:
        assert (image.format, image.size, image.mode) == ("JPEG", (50, 40), "RGB")


def test_same_seed_gives_the_same_picture():
    assert photo_like((50, 40), 1) == photo_like((50, 40), 1)


def test_photo_has_as_many_bytes_as_a_real_one():
    assert 30_000 < len(photo_like((500, 375), 0)) < 60_000
