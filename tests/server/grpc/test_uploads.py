"""How messages are received: in their time, and none for which this process has no memory."""

from __future__ import annotations

import asyncio

import pytest
from calls import FakeContext

from server.grpc.uploads import Uploads, own_bytes
from server.request_errors import IncompleteUpload, Overloaded, UploadTimeout


def uploads(taken_bytes=lambda: 0, *, read_timeout_s=20.0):
    return Uploads(max_in_hand_bytes=10, max_own_bytes=100, read_timeout_s=read_timeout_s, own_bytes=taken_bytes)


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


def test_messages_that_began_first_are_given_up_where_there_is_too_much():
    taken_bytes = iter([100, 101, 101, 100])

    async def receive():
        some = uploads(lambda: next(taken_bytes, 0))
        contexts = [FakeContext() for _ in range(5)]
        coming = [asyncio.create_task(some.receive(context)) for context in contexts]
        while not all(each.done() for each in coming[:3]):
            await asyncio.sleep(0.01)
        for context in contexts:
            context.messages.put_nowait(b"abc")
        return await asyncio.gather(*coming, return_exceptions=True)

    *given_up, fourth, fifth = asyncio.run(receive())
    assert [str(each) for each in given_up] == ["too much is on its way to this server, try again later"] * 3
    assert [each.retry_after_s for each in given_up] == [1] * 3
    assert (fourth, fifth) == (b"abc", b"abc")


def test_stream_has_no_time_limit_between_messages():
    async def receive():
        some, context = uploads(read_timeout_s=0.01), FakeContext()
        coming = asyncio.create_task(some.receive_next(context))
        await asyncio.sleep(0.05)
        context.messages.put_nowait(b"abc")
        context.end()
        return await coming, await some.receive_next(context)

    assert asyncio.run(receive()) == (b"abc", None)


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


def test_memory_of_this_process_is_told_without_what_it_shares():
    before = own_bytes()
    taken = bytearray(32 * 1024**2)
    taken[::4096] = b"x" * len(taken[::4096])
    assert 30 * 1024**2 < own_bytes() - before < 40 * 1024**2
