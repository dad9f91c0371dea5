from benchmarks.own_photos import drawn, line


def test_photos_are_drawn_by_class_and_test_photos_stay(tmp_path):
    for part, count in (("train", 6), ("test", 2)):
        for name in ("rose", "tulip"):
            (tmp_path / "whole" / part / name).mkdir(parents=True)
            for index in range(count):
                (tmp_path / "whole" / part / name / f"{index}.jpg").write_bytes(f"{part}{name}{index}".encode())
    chosen = [drawn(tmp_path / "whole", tmp_path / str(seed), 8, seed) for seed in (0, 1)]
    for folder in chosen:
        assert sorted(path.name for path in folder.iterdir()) == ["test", "train"]
        assert [len(list((folder / "train" / name).iterdir())) for name in ("rose", "tulip")] == [4, 4]
        assert len(list((folder / "test" / "rose").iterdir())) == 2
    first, second = (sorted(path.name for path in (folder / "train" / "rose").iterdir()) for folder in chosen)
    assert first != second


def test_line_has_times_and_the_accuracy_with_its_interval():
    row = {"photos": None, "minutes": 15.0, "seed": 1, "taught": True, "training_s": 800.4, "quantizing_s": 30.0}
    assert line({**row, "num_right": 345, "num_test": 375}) == (
        "| all | 15 | 1 | ResNet-v2, taught | 800 s | 30 s | 92.0 % of 375 test photos (88.8 to 94.3) |\n"
    )
