import re

import pytest

from training.run import RunError, load_model, publications, read_run


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ('{"run_id": "x"', "run.json is broken (Expecting"),
        ("", "run.json is broken (Expecting"),
        ("[]", "run.json is no record of a run, or one of another version of this program"),
        ('{"run_id": "x"}', "run.json is no record of a run, or one of another version of this program ('config')"),
        ('{"config": {"augmentation": {"from_tomorrow": 1}}}', "is no record of a run, or one of another version"),
    ],
)
def test_record_that_cannot_be_read_is_named(tmp_path, content, line):
    (tmp_path / "run.json").write_text(content)
    with pytest.raises(RunError, match=f"^{re.escape(str(tmp_path))}.*{re.escape(line)}"):
        read_run(tmp_path)


def test_broken_figures_are_named(tmp_path):
    (tmp_path / "metrics.json").write_text('{"float32": ')
    with pytest.raises(RunError, match=r"metrics\.json is broken .*: put back a copy of it, or use another folder"):
        publications(tmp_path)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut short"])
def test_broken_model_is_named(tmp_path, content):
    (tmp_path / "model.keras").write_bytes(content)
    with pytest.raises(RunError, match=r"model\.keras is broken .*: put back a copy of it, or train in another folder"):
        load_model(tmp_path)
