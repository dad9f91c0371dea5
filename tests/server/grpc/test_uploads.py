"""How messages are received: so many at once, and none that keeps others waiting for long."""

from __future__ import annotations

import asyncio

import pytest
from calls import FakeContext

from server.grpc import uploads as module
from server.grpc.uploads import Uploads, max_messages
from server.request_errors import IncompleteUpload, Overloaded, UploadTimeout


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    monkeypatch.setattr(module, "SLOW_S", 0.01)


def uploads(max_in_hand_bytes=10, max_bytes=5, read_timeout_s=20.0):
    return Uploads(max_in_hand_bytes=max_in_hand_bytes, max_bytes=max_bytes, read_timeout_s=read_timeout_s)


def test_as_many_messages_are_on_their_way_as_there_is_room_for_of_the_largest():
    assert [max_messages(10, size) for size in (1, 5, 6, 20)] == [10, 2, 1, 1]


def test_message_is_received():
    async def receive():
        return await uploads().receive(FakeContext(b"abc"))

    assert asyncio.run(receive()) == b"abc"


def test_call_without_a_message_is_told_so():
    async def receive():
        context = FakeContext()
        context.end()
        await uploads().receive(context)

    with pytest.raises(IncompleteUpload, match="ended without a message"):
        asyncio.run(receive())


def test_message_that_takes_too_long_is_given_up():
    async def receive():
        await uploads(read_timeout_s=0.01).receive(FakeContext())

    with pytest.raises(UploadTimeout, match=r"within 0\.01 s"):
        asyncio.run(receive())


def test_slow_message_gives_its_place_to_one_that_waits():
    async def receive():
        few = uploads(max_in_hand_bytes=5)
        slow = asyncio.create_task(few.receive(FakeContext()))
        await asyncio.sleep(0)
        assert await few.receive(FakeContext(b"abc")) == b"abc"
        await slow

    with pytest.raises(Overloaded, match="came slowly"):
        asyncio.run(receive())


def test_slow_message_has_its_time_where_nobody_waits():
    async def receive():
        some, context = uploads(), FakeContext()
        slow = asyncio.create_task(some.receive(context))
        await asyncio.sleep(0.03)
        assert await some.receive(FakeContext(b"abc")) == b"abc"
        context.messages.put_nowait(b"at last")
        return await slow

    assert asyncio.run(receive()) == b"at last"


def test_bytes_in_hand_are_bounded_until_they_are_answered():
    async def hold():
        some = uploads()
        async with some.in_hand(b"123456"):
            async with some.in_hand(b"1234"):
                pass
            with pytest.raises(Overloaded, match="too many uploads"):
                async with some.in_hand(b"12345"):
                    pass
        async with some.in_hand(b"1234567890"):
            return "held"

    assert asyncio.run(hold()) == "held"
