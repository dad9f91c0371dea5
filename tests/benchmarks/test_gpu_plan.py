import json
import time

from benchmarks.gpu_plan import GPUPlan


def kinds(groups):
    return [(spec["kind"], spec.get("xla")) for group in groups for spec in group]


def test_what_has_a_target_comes_first_then_the_limits():
    before, after = GPUPlan().groups()
    model, *aimed_at, limits = before
    assert kinds([model]) == [("model", None)]
    assert kinds(aimed_at) == [("inference", True), ("training", True)]  # HTTP, the third, comes after the limits
    assert [spec["kind"] for spec in limits] == ["limit"] * 3 + ["copy"] * 2
    rows = [json.dumps(spec) for group in [*before, *after] for spec in group]
    assert len(set(rows)) == len(rows)
    for precision in ("float32", "mixed_float16", "mixed_bfloat16"):
        for xla in (True, False):
            assert any(
                spec.get("precision") == precision and spec["xla"] is xla for group in before + after for spec in group
            )


def test_http_alone_has_inference_to_compare_with():
    before, after = GPUPlan(parts=("http",)).groups()
    assert [group[0]["kind"] for group in before] == ["model", "inference", "limit"]
    assert {spec["kind"] for group in after for spec in group} == {"inference"}


def test_tiny_plan_has_the_same_kinds_in_one_process():
    [group], after = GPUPlan.tiny().groups()
    assert after == []
    assert set(kinds([group])) == {(kind, xla) for kind in ("inference", "training") for xla in (True, False)} | {
        ("limit", None),
        ("copy", None),
        ("model", None),
        ("feeding", None),
    }


def test_plan_survives_json():
    plan = GPUPlan.tiny()
    assert GPUPlan(**json.loads(json.dumps(plan.to_dict()))).to_dict().keys() == plan.to_dict().keys()


def test_a_row_that_hangs_takes_no_more_than_a_third_of_the_time():
    assert GPUPlan(minutes=9).patience_s == 180
    assert GPUPlan(minutes=25).patience_s == GPUPlan().row_limit_s == 420
    assert GPUPlan(minutes=9, began_at=time.monotonic() - 8 * 60).patience_s <= 60
