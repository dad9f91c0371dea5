from benchmarks.coverage import labelled, row


def test_photos_have_the_label_of_their_folder(tmp_path):
    for name in ("val/n01/a.jpg", "val/rose/b.jpg", "train/rose/c.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    (tmp_path / "classes.json").write_text("{}")
    assert sorted(labelled(str(tmp_path), "val/", {"n01": "tench"})) == [
        ("rose", b"val/rose/b.jpg"),
        ("tench", b"val/n01/a.jpg"),
    ]


def test_sets_that_hold_the_right_label_are_counted():
    sets = [["rose"], ["tulip", "rose"], ["tulip"], ["rose", "daisy", "tulip"]]
    assert row(0.8, ["rose", "rose", "rose", "daisy"], sets) == (
        "coverage 0.8: 75.0 % (30.1 to 95.4) of 4 sets hold the right label; 1.75 labels on average, 3 at most"
    )
