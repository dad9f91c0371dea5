from pathlib import Path

from training.next_steps import next_steps


def test_what_most_want_comes_first(tmp_path):
    workdir = tmp_path / "my pets"
    workdir.mkdir()
    (workdir / "report.html").touch()
    assert list(next_steps(workdir, Path("repository"), teaches=True)) == [
        "what to do next:",
        "  serve it:               make serve OPSIN_REPOSITORY=repository",
        f"  see what went wrong:    open '{workdir}/report.html' in a browser",
        f"  make it int8, smaller:  make quantize WORKDIR='{workdir}'",
        f"  teach a ResNet-v2:      python -m training teach --teacher '{workdir}' --workdir '{workdir}-resnet'",
    ]


def test_a_resnet_is_made_faster_instead(tmp_path):
    assert list(next_steps(tmp_path, Path("repository"), teaches=False))[-1] == (
        f"  make it faster:         make optimize WORKDIR={tmp_path}"
    )
