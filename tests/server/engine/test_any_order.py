"""Whatever comes, goes, ends and dies in whatever order: nothing runs twice, nobody waits for ever."""

from __future__ import annotations

from batches import MAX_BATCH, batcher_of, finish, submit
from clock import Clock
from engines import small_table
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from server.engine.batcher import Batch
from server.engine.slot_table import Status


class AnyOrder(RuleBasedStateMachine):
    """Submissions, cancellations, takes, ends and deaths of engines, in any order."""

    @initialize(num_runners=st.integers(1, 4))
    def start(self, num_runners):
        self.table = small_table(12)
        self.clock = Clock()
        self.num_runners = num_runners
        self.batcher = batcher_of(self.table, self.clock, num_runners=num_runners)
        self.running = []
        self.run_of = {}  # (slot, ticket) to how often it was finished
        self.passed = {}  # slot to the batches that have begun while it waited, and the images before it

    def is_pending(self, slot):
        return self.table.ticket[slot] != self.table.completed[slot]

    @rule(
        slot=st.integers(0, 11),
        model=st.sampled_from([1, 2, 3, 9]),
        patience=st.integers(1, 20),
        request_size=st.sampled_from([1, 1, 4, 12]),
    )
    def submit(self, slot, model, patience, request_size):
        if not self.is_pending(slot):
            self.clock.now += 0.001
            options = {"deadline": self.clock.now + patience, "submitted": self.clock.now}
            num_before = sum(map(self.is_pending, range(12)))
            submit(self.table, slot, model=model, request_size=request_size, **options)
            self.passed[slot] = [0, num_before]

    @rule(slot=st.integers(0, 11))
    def cancel(self, slot):
        self.table.cancelled[slot] = self.table.ticket[slot]
        self.table.in_use[slot] = 0

    @rule(seconds=st.integers(1, 5))
    def wait(self, seconds):
        self.clock.now += seconds

    @precondition(lambda self: len(self.running) < self.num_runners)
    @rule()
    def next_batch(self):
        before = self.table.ticket.copy()
        batch = self.batcher.next_batch(MAX_BATCH.get)
        if isinstance(batch, Batch):
            assert 1 <= len(batch.slots) <= MAX_BATCH[batch.model]
            assert {int(self.table.model[slot]) for slot in batch.slots} == {batch.model}
            assert [int(before[slot]) for slot in batch.slots] == list(batch.tickets)
            assert all(self.table.deadline[slot] > self.clock.now for slot in batch.slots)
            assert not any(self.table.cancelled[slot] == before[slot] for slot in batch.slots)
            assert not {*batch.slots} & {slot for other in self.running for slot in other.slots}
            self.running.append(batch)
            for slot in batch.slots:
                self.passed.pop(slot, None)
            for slot, passed in self.passed.items():
                passed[0] += self.is_pending(slot)
                assert passed[0] <= 2 * passed[1] + 1  # nobody waits for more, whoever comes after

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def finish(self, data):
        batch = self.running.pop(data.draw(st.integers(0, len(self.running) - 1)))
        statuses = data.draw(st.lists(st.sampled_from(Status), min_size=len(batch.slots), max_size=len(batch.slots)))
        self.batcher.finish(batch, statuses)
        for slot, ticket, status in zip(batch.slots, batch.tickets, statuses, strict=True):
            assert (int(self.table.completed[slot]), self.table.status[slot]) == (ticket, status)
            self.run_of[slot, ticket] = self.run_of.get((slot, ticket), 0) + 1

    @rule()
    def die(self):
        self.batcher = batcher_of(self.table, self.clock, num_runners=self.num_runners)
        self.running, self.passed = [], {}  # suspects go first

    @invariant()
    def nothing_is_completed_twice(self):
        assert all(number == 1 for number in self.run_of.values())

    def teardown(self):
        for batch in self.running:
            finish(self.batcher, batch)
        while isinstance(batch := self.batcher.next_batch(MAX_BATCH.get), Batch):
            finish(self.batcher, batch)
        assert not any(self.is_pending(slot) for slot in range(12))
        self.table.close()


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(max_examples=60, stateful_step_count=40)
