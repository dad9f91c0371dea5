"""More clients, requests and bytes than there is room for: others are served, and what is too much is told so."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import threading
from pathlib import Path

import pytest
from colours import RED, head_of, label_of, read_answer
from running_server import stopped, wait_until

pytestmark = pytest.mark.e2e

CHUNKED_HEAD = b"POST /predict HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"


def test_silent_and_stalled_connections_do_not_keep_others_waiting(served):
    with contextlib.ExitStack() as stack:
        for number in range(100):
            connection = stack.enter_context(served.connect())
            connection.sendall(b"POST /predict HTTP/1.1\r\nHo" if number < 10 else b"")
        # It gives up before the server would give up these.
        assert label_of(served.request("POST", "/predict", RED)) == "red"


@pytest.mark.parametrize(
    "upload",
    [head_of(RED) + RED, CHUNKED_HEAD + b"%x\r\n%s\r\n0\r\n\r\n" % (len(RED), RED)],
    ids=["announced", "chunked"],
)
def test_unfinished_uploads_hold_no_thread(start, upload):
    running = start(OPSIN_THREADS="1", OPSIN_WORKERS="1").wait_until_ready()
    with contextlib.ExitStack() as stack:
        connections = [stack.enter_context(running.connect()) for _ in range(50)]
        for connection in connections:
            connection.sendall(upload[:-1])
        assert label_of(running.request("POST", "/predict", RED)) == "red"
        for connection in connections:
            connection.sendall(upload[-1:])
            assert label_of(read_answer(connection)) == "red"


def assert_overloaded(response, document):
    assert (response.status, document["error"]["code"]) == (503, "overloaded")
    assert int(response.headers["Retry-After"]) >= 1
    assert response.headers["X-Request-Id"]


@pytest.mark.parametrize(
    "environ", [{"OPSIN_THREADS": "2"}, {"OPSIN_MAX_QUEUE": "2", "OPSIN_MAX_IMAGES": "2"}], ids=["threads", "slots"]
)
def test_more_than_there_is_room_for_is_503_and_the_connection_is_kept(start, environ):
    running = start(OPSIN_WORKERS="1", STUB_SLEEP_S="2", **environ).wait_until_ready()
    answers = []

    def ask_until_answered():
        while (answer := running.request("POST", "/predict", RED))[0] == 503:
            pass  # to ask how many are in hand, as below, takes a thread
        answers.append(answer)

    asking = [threading.Thread(target=ask_until_answered) for _ in "12"]
    for thread in asking:
        thread.start()
    wait_until(lambda: running.num_in_hand() == 2)
    connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=30)
    with contextlib.closing(connection):
        for _ in range(2):
            connection.request("POST", "/predict", RED)
            response = connection.getresponse()
            assert_overloaded(response, json.loads(response.read()))
            assert connection.sock is not None
        assert running.request("GET", "/healthz")[0] == 200
    for thread in asking:
        thread.join()
    assert [label_of(answer) for answer in answers] == ["red", "red"]


def test_one_photo_has_its_answer_before_a_request_of_many_that_came_earlier(start):
    running = start(OPSIN_RUNNERS="1", OPSIN_MAX_BATCH="1", STUB_SLEEP_S="0.1").wait_until_ready()
    order = []

    def ask_for_many():
        answer = running.request("POST", "/predict", many, {"Content-Type": "application/json"})
        order.append([each["label"] for each in answer[1]["predictions"]])

    many = json.dumps({"images": [base64.b64encode(RED).decode()] * 24})
    asking = threading.Thread(target=ask_for_many)
    asking.start()
    wait_until(lambda: running.num_in_hand() == 24)
    order.append(label_of(running.request("POST", "/predict", RED)))
    asking.join()
    assert order == ["red", ["red"] * 24]


def has_read_all_of(client):
    """Whether the server has received and read all that a client has sent, as the kernel tells both ends (proc(5))."""
    ports = client.getsockname()[1], client.getpeername()[1]
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    queues = {tuple(int(row[end].partition(":")[2], 16) for end in (1, 2)): row[4].split(":") for row in rows}
    return int(queues[ports][0], 16) == int(queues[ports[::-1]][1], 16) == 0


@pytest.mark.parametrize("is_chunked", [False, True])
def test_more_bytes_than_may_be_in_hand_are_503(start, is_chunked):
    limits = {"OPSIN_MAX_UPLOAD_BYTES": "1000000", "OPSIN_MAX_UPLOADS_IN_HAND_BYTES": "1000000"}
    running = start(OPSIN_WORKERS="1", **limits).wait_until_ready()
    large = RED + bytes(700_000)
    with running.connect() as slow:
        slow.sendall(head_of(large) + large[:-1])
        wait_until(lambda: has_read_all_of(slow))
        connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=30)
        with contextlib.closing(connection):
            connection.request("POST", "/predict", iter([large]) if is_chunked else large)
            response = connection.getresponse()
            assert_overloaded(response, json.loads(response.read()))
        slow.sendall(large[-1:])
        assert label_of(read_answer(slow)) == "red"
    assert label_of(running.request("POST", "/predict", large)) == "red"


def test_each_worker_gets_its_share_of_the_connections(served):
    def num_sockets(pid):
        return sum(target_of(file).startswith("socket:") for file in Path(f"/proc/{pid}/fd").iterdir())

    def target_of(file):
        try:
            return str(file.readlink())
        except FileNotFoundError:  # closed meanwhile
            return ""

    wait_until(lambda: len(served.children("opsin: http")) == 2)
    workers = served.children("opsin: http")
    for other in workers:
        with stopped(other):
            assert served.request("GET", "/healthz")[0] == 200  # by now the one that runs takes connections in
    before = [num_sockets(pid) for pid in workers]
    with contextlib.ExitStack() as stack:
        for _ in range(16):
            connection = stack.enter_context(served.connect())
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            assert read_answer(connection)[0] == 200
        assert all(num_sockets(pid) - before[number] >= 4 for number, pid in enumerate(workers))
