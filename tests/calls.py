"""A gRPC call without gRPC, for tests: messages come as they are put in, and what is said stays."""

from __future__ import annotations

import asyncio

from grpc.aio import EOF


class Aborted(Exception):
    """What gRPC raises in the handler of a call that it has ended."""


class FakeContext:
    """Stands for a call's context.

    Attributes:
        written: messages of a stream.
        status: code and text that the call was ended with.
        trailing: metadata.
    """

    def __init__(self, *messages, metadata=(), peer="ipv4:192.0.2.1:5000", remaining_s=None):
        self.messages = asyncio.Queue()
        for message in messages:
            self.messages.put_nowait(message)
        self._metadata, self._peer, self._remaining_s = tuple(metadata), peer, remaining_s
        self.written, self.status, self.trailing = [], None, ()

    def end(self):
        self.messages.put_nowait(EOF)

    async def read(self):
        return await self.messages.get()

    async def write(self, message):
        self.written.append(message)

    async def abort(self, code, text, trailing=()):
        self.status, self.trailing = (code, text), trailing
        raise Aborted

    def set_trailing_metadata(self, trailing):
        self.trailing = trailing

    def invocation_metadata(self):
        return self._metadata

    def peer(self):
        return self._peer

    def time_remaining(self):
        return self._remaining_s
