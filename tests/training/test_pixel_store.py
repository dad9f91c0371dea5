import errno
import os
import threading

import numpy as np
import pytest

from training.pixel_store import NUM_DECODED_AT_ONCE, PixelStore, write_pixels

RNG = np.random.default_rng(0)
SIZES = [(5, 7), (9, 4), (5, 7), (1, 1)]
RAGGED = [RNG.integers(0, 256, (*size, 3), np.uint8) for size in SIZES]
EQUAL = RNG.integers(0, 256, (2 * NUM_DECODED_AT_ONCE + 3, 4, 6, 3), np.uint8)


def stored(path, images) -> PixelStore:
    write_pixels(path, len(images), images.__getitem__)
    return PixelStore(path)


def test_images_of_any_sizes_come_back_row_by_row(tmp_path):
    store = stored(tmp_path / "train", RAGGED)
    assert len(store) == 4
    np.testing.assert_array_equal(store.sizes, SIZES)
    for index, image in enumerate(RAGGED):
        np.testing.assert_array_equal(store.rows(index, 0, len(image)), image)
    np.testing.assert_array_equal(store.rows(1, 2, 5), RAGGED[1][2:5])
    with pytest.raises(ValueError, match="the images are of several sizes"):
        _ = store.shape


def test_images_of_one_size_come_back_by_index_in_slices_and_all(tmp_path):
    store = stored(tmp_path / "validation", EQUAL)
    assert store.shape == EQUAL.shape
    np.testing.assert_array_equal(store[np.array([500, 3, 3])], EQUAL[[500, 3, 3]])
    np.testing.assert_array_equal(store[510:600], EQUAL[510:600])
    np.testing.assert_array_equal(np.asarray(store), EQUAL)


def test_threads_read_at_once(tmp_path):
    store, wrong = stored(tmp_path / "train", EQUAL), []

    def read(seed: int) -> None:
        for index in np.random.default_rng(seed).integers(len(EQUAL), size=200):
            if (store.rows(int(index), 0, 4) != EQUAL[index]).any():
                wrong.append(index)

    threads = [threading.Thread(target=read, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
def test_what_is_not_whole_is_not_there(tmp_path, error):
    def decode(index: int) -> np.ndarray:
        if index == 2:
            raise error
        return RAGGED[index]

    with pytest.raises(type(error)):
        write_pixels(tmp_path / "train", 4, decode)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"123", b"\x05" + bytes(7), bytes(100)])
def test_another_file_is_refused(tmp_path, content):
    (tmp_path / "train").write_bytes(content)
    with pytest.raises(ValueError, match="is not a file of decoded pixels: delete it"):
        PixelStore(tmp_path / "train")


def test_what_a_killed_writer_left_is_removed_after_an_hour(tmp_path):
    old, new = tmp_path / ".tmp-old", tmp_path / ".tmp-new"
    for path in (old, new):
        path.write_bytes(b"half")
    os.utime(old, (0, 0))
    stored(tmp_path / "pixels", [])
    assert sorted(path.name for path in tmp_path.iterdir()) == [".tmp-new", "pixels"]
