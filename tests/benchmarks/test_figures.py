import json

import pytest

from benchmarks.figures import Figure, report, table


@pytest.mark.parametrize(
    ("figure", "is_met", "target"),
    [
        (Figure("a", 0.95, at_least=0.95), True, "≥ 0.95"),
        (Figure("a", 0.94, at_least=0.95), False, "≥ 0.95"),
        (Figure("a", 1.5, "ms", at_most=1.5), True, "≤ 1.5 ms"),
        (Figure("a", 1.6, "ms", at_most=1.5), False, "≤ 1.5 ms"),
        (Figure("a", 1.6), None, ""),
        (Figure("a", None, at_most=0), False, "≤ 0"),
        (Figure("a", None), False, ""),
    ],
)
def test_target_is_met_at_its_limit_and_never_by_what_was_not_measured(figure, is_met, target):
    assert figure.is_met is is_met
    assert figure.target == target


def test_value_of_runs_is_their_median():
    figure = Figure.of_runs("a", [3.0, 1.0, 2.0], unit="s", at_most=2.0)
    assert figure.value == 2.0
    assert figure.is_met


def test_table_has_one_row_each_and_marks_what_is_not_met():
    lines = table([Figure("start", 0.7, "s", at_most=1.0), Figure("kills", None, note="no engine")]).splitlines()
    assert lines[2] == "| start | ≤ 1 s | 0.7 s |  | met |  |"
    assert lines[3] == "| kills |  | not measured |  | **not met** | no engine |"


def test_figure_becomes_json():
    record = json.loads(json.dumps(Figure.of_runs("a", [1.0, 2.0], details={"x": [1]}).to_dict()))
    assert record["value"] == 1.5
    assert record["runs"] == [1.0, 2.0]
    assert record["is_met"] is None


def test_report_writes_what_it_prints_and_fails_where_a_target_is_not_met(tmp_path, capsys):
    path, about = (
        tmp_path / "new" / "start",
        {"machine": {"cpu": "one"}, "heading": "one core\n\n", "plan": {"rounds": 3}},
    )
    figures = [Figure("start", 0.7, "s", at_most=1.0)]
    assert report(figures, path, **about) == 0
    assert capsys.readouterr().out == path.with_suffix(".md").read_text() == "one core\n\n" + table(figures)
    record = json.loads(path.with_suffix(".json").read_text())
    assert record == {
        "machine": {"cpu": "one"},
        "plan": {"rounds": 3},
        "figures": [figures[0].to_dict() | {"runs": []}],
    }
    assert report([*figures, Figure("stop", 3.0, "s", at_most=2.0)], path, **about) == 1
    assert "**not met**" in path.with_suffix(".md").read_text()
