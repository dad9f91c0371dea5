import shutil
from types import SimpleNamespace

import pytest

from benchmarks import wrk
from benchmarks.workload import photo_request
from benchmarks.wrk import WrkMissing, find_wrk, parse_output, run_wrk

OUTPUT = """Running 5s test @ http://127.0.0.1:40001/
  1 threads and 16 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency   174.65ms   39.61ms 360.55ms   71.49%
  Latency Distribution
     50%  173.30ms
     99%  299.59ms
  460 requests in 5.10s, 223.21KB read
Requests/sec:     90.19
{"statuses": {"200": 450, "503": 10}, "counted": 369, "counted_s": 4.1, "p50_ms": 173.3, "p99_ms": 299.59, \
"max_ms": 360.55, "connect_errors": 0, "read_errors": 2, "write_errors": 0, "timeouts": 0}
"""


def test_last_line_of_output_is_read():
    load = parse_output(OUTPUT, cpu_s=4.6)
    assert load.rate == pytest.approx(90)
    assert (load.p50_ms, load.p99_ms, load.max_ms) == (173.3, 299.59, 360.55)
    assert load.statuses == {"200": 450, "503": 10}
    assert load.errors == {"read_errors": 2}
    assert load.faults == 12
    assert load.cpu_ms_per_answer == pytest.approx(10)


@pytest.mark.parametrize("output", ["", "unable to connect to 127.0.0.1:1 Connection refused\n", "{}\n", "[1]\n"])
def test_output_without_figures_is_an_error_that_shows_it(output):
    with pytest.raises(ValueError, match="wrk wrote no figures, but"):
        parse_output(output)


def test_missing_wrk_is_one_line_that_says_how_to_install_it(monkeypatch):
    monkeypatch.setattr(wrk.shutil, "which", lambda _: None)
    with pytest.raises(WrkMissing, match=r"^wrk is not installed: apt-get install wrk [^\n]*$"):
        find_wrk()


@pytest.mark.e2e
@pytest.mark.skipif(shutil.which("wrk") is None, reason="wrk is not installed")
def test_wrk_sends_the_requests_in_turn_and_counts_statuses(toy_server):
    seen = set()

    def answer(body):
        seen.add(body)
        return (503 if body == b"two" else 200), {}, b"x"

    service = SimpleNamespace(port=toy_server(answer).port, pids=lambda: [])
    requests = [photo_request(body) for body in (b"one", b"two", b"three")]
    load = run_wrk(service, requests, connections=2, seconds=1.0, warm_up_s=0.0)
    assert seen == {b"one", b"two", b"three"}
    assert set(load.statuses) == {"200", "503"}
    assert load.statuses["200"] == pytest.approx(2 * load.statuses["503"], abs=4)
    assert load.errors == {}
    assert load.rate > 0
