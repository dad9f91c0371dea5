import json
from dataclasses import replace

import pytest
from small_reports import plain, small_report, small_row, usual_report

from optimize.cost.rounds import Rounds


def test_terminal_gets_a_table_with_a_line_for_each_model():
    header, dense, small = plain(str(usual_report())).splitlines()
    assert header.split("  ")[0] == "model"
    assert dense.startswith("dense:1  93.00 %")
    assert "92.00 % [91.5 to 92.5]  -1.00 ± 0.23" in small
    assert "x0.50" in small
    assert "x" not in dense


def test_json_holds_every_figure_and_what_it_is_relative_to():
    report = json.loads(json.dumps(usual_report().to_dict()))
    assert report["baseline"] == "dense:1"
    assert report["measured"]["cpu"] == "A Processor 9000"
    small = report["models"][1]
    assert (small["top1"], small["num_bytes"], small["one_core_ms"]) == (0.92, 600_000, 0.6)
    assert small["rounds"]["one_core_ms"] == [0.6, 0.5, 0.7]
    assert small["against_baseline"]["num_bytes_times"] == 0.5
    assert small["against_baseline"]["top1_points"] == -1
    assert small["against_baseline"]["top1_points_by_class"] == [-2.5, 0.5]
    assert small["top1_interval"] == pytest.approx([0.9145, 0.9252], abs=1e-4)
    assert small["against_baseline"]["top1_points_interval"] == pytest.approx([-1.232, -0.768], abs=1e-3)
    assert small["operators"] == {"CONV_2D": 21, "ADD": 9, "SOFTMAX": 1}


def test_each_cost_has_its_own_frontier():
    slow, fast = small_row("slow", top1=0.93, scale=0.5), small_row("fast", speed=2)
    alone = replace(slow.latency, one_core=Rounds((0.1,) * 3))  # fast on one core, slow on all of them
    report = small_report(replace(slow, latency=alone), fast).to_dict()
    assert report["frontier"] == {
        "one_core_ms": ["slow"],
        "all_cores_ms": ["fast", "slow"],
        "num_bytes": ["slow"],
    }


def test_frontier_leaves_out_who_is_beaten():
    rows = [small_row("a", top1=0.93), small_row("b", top1=0.9, speed=2), small_row("c", top1=0.89, speed=1.5)]
    assert small_report(*rows).to_dict()["frontier"]["one_core_ms"] == ["b", "a"]
