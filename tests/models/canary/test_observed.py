"""What is read from the metrics of servers."""

from __future__ import annotations

import http.server
import threading

import pytest

from models.canary.observed import ServerUnreadable, Watch, read_samples

PAGE = """\
# TYPE opsin_images_total counter
opsin_images_total{model="pets",outcome="ok",version="2"} %d
opsin_images_total{model="pets",outcome="engine_failed",version="2"} 3.0
opsin_images_total{model="pets",outcome="corrupt_image",version="2"} 7.0
opsin_images_total{model="birds",outcome="ok",version="2"} 50.0
# TYPE opsin_predictions_total counter
opsin_predictions_total{class="a \\"cat\\"",model="pets",version="2"} %d
# TYPE opsin_model_duration_seconds histogram
opsin_model_duration_seconds_count{model="pets",version="2"} 4.0
opsin_model_duration_seconds_sum{model="pets",version="2"} 0.5
"""


def sample(name, value, **labels):
    return {(name, frozenset({"model": "pets", "version": "2", **labels}.items())): value}


@pytest.fixture
def serve():
    """Serve a page under /metrics, with a status; gives the address and the headers of requests."""
    ends = []

    def serve(page, status=200):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                seen.append(dict(self.headers))
                self.send_response(status if self.path == "/metrics" else 404)
                self.end_headers()
                self.wfile.write(page.encode())

            def log_message(self, *_):
                pass

        seen = []
        server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        ends.append((server, thread))
        return f"http://127.0.0.1:{server.server_port}", seen

    yield serve
    for server, thread in ends:
        server.shutdown()
        thread.join()
        server.server_close()


def test_metrics_of_a_server_are_read_with_the_key(serve):
    url, seen = serve(PAGE % (10, 10))
    samples = read_samples(url, headers={"Authorization": "Bearer x"})
    assert samples[next(iter(sample("opsin_predictions_total", 0, **{"class": 'a "cat"'})))] == 10
    assert seen[0]["Authorization"] == "Bearer x"


@pytest.mark.parametrize(
    ("status", "page", "message"),
    [(401, "", "answers 401: set OPSIN_API_KEY"), (503, "", "answers 503"), (200, "{} what", "cannot be read")],
)
def test_server_that_does_not_tell_its_metrics_is_named(serve, status, page, message):
    url, _ = serve(page, status)
    with pytest.raises(ServerUnreadable, match=message) as raised:
        read_samples(url)
    assert str(raised.value).startswith(url)


def test_server_that_is_not_there_is_named():
    with pytest.raises(ServerUnreadable, match=r"^http://127\.0\.0\.1:1 cannot be read: "):
        read_samples("http://127.0.0.1:1")


def watching(*readings):
    """A watch of servers a and b, and what each look finds there; None: it cannot be read."""
    turns = {"a": iter([pair[0] for pair in readings]), "b": iter([pair[1] for pair in readings])}

    def read(server):
        if (samples := next(turns[server])) is None:
            raise ServerUnreadable(f"{server} is away")
        return samples

    return Watch("pets", ("a", "b"), read=read)


def images(number, outcome="ok", **labels):
    return sample("opsin_images_total", float(number), outcome=outcome, **labels)


def test_only_what_happens_from_the_first_look_on_counts_of_all_servers():
    watch = watching((images(100), images(10)), (images(130), images(15)), (images(131), images(15)))
    for _ in range(3):
        assert watch.look() == {}
    assert watch.observed(2).num_ok == 36
    assert watch.observed(3).num_ok == 0


def test_server_that_begins_anew_begins_at_0_and_one_that_was_away_goes_on():
    watch = watching((images(100), images(10)), (images(7), None), ({}, images(20)), (images(2), images(21)))
    faults = [watch.look() for _ in range(4)]
    assert faults == [{}, {"b": "b is away"}, {}, {}]
    assert watch.observed(2).num_ok == 7 + 2 + 11


def test_outcomes_classes_and_times_are_told_apart():
    nothing = {}
    counts = images(90) | images(3, "engine_failed") | images(2, "deadline_exceeded") | images(40, "corrupt_image")
    counts |= images(9, model="birds") | images(8, version="1")
    counts |= sample("opsin_predictions_total", 60.0, **{"class": "cat"}) | sample(
        "opsin_predictions_total", 30.0, **{"class": "dog"}
    )
    counts |= sample("opsin_model_duration_seconds_count", 50.0) | sample("opsin_model_duration_seconds_sum", 2.0)
    watch = watching((nothing, nothing), (counts, nothing))
    watch.look()
    watch.look()
    seen = watch.observed(2)
    assert (seen.num_ok, seen.num_errors, seen.num_answers) == (90, 5, 95)
    assert seen.classes == {"cat": 60, "dog": 30}
    assert seen.mean_s == pytest.approx(0.04)


def test_servers_that_refuse_the_version_are_named():
    refused = sample("opsin_model_refused", 1.0, engine="0", device="cpu")
    watch = watching((images(1), refused))
    watch.look()
    assert watch.refusing(2) == ["b"]
    assert watch.refusing(1) == []
