from pathlib import Path

from small_artifacts import small_manifest

from optimize.next_steps import next_steps, on_device


def test_what_was_made_can_be_served_asked_and_compared():
    manifest = small_manifest()
    assert list(next_steps(manifest, Path("my models"), made_of="flowers:7", data="photos.zip")) == [
        "what to do next:",
        "  serve it:               make serve OPSIN_REPOSITORY='my models'",
        "  ask it:                 curl -F image=@photo.jpg 'http://127.0.0.1:5000/predict?model=flowers'",
        "  compare it:             python -m optimize report flowers:7 flowers:1 --data photos.zip "
        "--repository 'my models'",
    ]


def test_a_gpu_is_asked_for_where_the_file_is_for_one():
    assert list(on_device("cpu", Path("r")))[1:] == ["  serve it:               make serve OPSIN_REPOSITORY=r"]
    assert list(on_device("gpu", Path("r")))[1:] == [
        "  serve it:               OPSIN_DEVICE=gpu OPSIN_REPOSITORY=r python -m server"
    ]
