import pytest

from benchmarks.connection import Connection, NoAnswer, get_request, parse_answer
from benchmarks.workload import photo_request

ANSWER = b"HTTP/1.1 503 SERVICE UNAVAILABLE\r\nRetry-After: 2\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello"


@pytest.mark.parametrize("length", range(len(ANSWER)))
def test_part_of_an_answer_is_none(length):
    assert parse_answer(ANSWER[:length]) is None


def test_whole_answer_is_read():
    answer = parse_answer(ANSWER)
    assert (answer.status, answer.body, answer.headers["retry-after"]) == (503, b"hello", "2")
    assert answer.is_last


def test_connection_is_kept_between_requests(toy_server):
    server = toy_server(lambda body: (200, {}, body[::-1]))
    with Connection(server.port) as connection:
        assert [connection.ask(photo_request(body)).body for body in (b"abc", b"12")] == [b"cba", b"21"]
        assert connection.ask(get_request("/readyz")).status == 200
    assert server.num_connections == 1


def test_hanging_up_is_no_answer(toy_server):
    server = toy_server(lambda _: (0, {}, b""))
    with Connection(server.port) as connection, pytest.raises(NoAnswer, match="after 0 bytes"):
        connection.ask(photo_request(b"abc"))
