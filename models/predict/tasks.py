"""The pictures as tasks: which is handed out next, and whose answers come next in the file."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

TASK_PICTURES = 64  # fewer towards the end, so that all workers end together; a message costs as much as half a picture
TASKS_AHEAD = 2  # of a worker, so that it waits for none
WINDOW_PICTURES = 1024  # from the first that has no answer on, so that memory has a bound


class Task(NamedTuple):
    """Pictures from one on, up to another."""

    first: int
    stop: int


class Answered(NamedTuple):
    """The rows of pictures as they stand in the file, how many they are, and how many of them say an error."""

    text: bytes = b""
    num_rows: int = 0
    num_errors: int = 0


class Tasks:
    """The tasks of a run.

    Args:
        first: the first picture that has no answer yet.
        num_pictures: numbers below this are pictures.
        num_workers: that work on them.
    """

    def __init__(self, first: int, num_pictures: int, num_workers: int) -> None:
        self._next_new = self._next_answer = first
        self._num_pictures, self._num_ahead = num_pictures, TASKS_AHEAD * num_workers
        self._most_pictures = max(1, min(TASK_PICTURES, WINDOW_PICTURES // (2 * self._num_ahead)))
        self._again: deque[Task] = deque()
        self._answered: dict[int, tuple[int, Answered]] = {}

    @property
    def are_done(self) -> bool:
        """Whether the answers of all pictures have been taken."""
        return self._next_answer == self._num_pictures

    def next(self) -> Task | None:
        """Take the next task; None where all are taken, or more must not be in hand."""
        if self._again:
            return self._again.popleft()
        first = self._next_new
        if first >= min(self._num_pictures, self._next_answer + WINDOW_PICTURES):
            return None
        fair_share = -(-(self._num_pictures - first) // self._num_ahead)
        self._next_new = first + min(self._most_pictures, fair_share)
        return Task(first, self._next_new)

    def add_again(self, *tasks: Task) -> None:
        """Give tasks back that were taken and not answered; those without pictures are none."""
        self._again.extend(task for task in tasks if task.first < task.stop)

    def answer(self, task: Task, answered: Answered) -> None:
        """Keep the answers of a task until those before it are there."""
        self._answered[task.first] = task.stop, answered

    def take_answers(self) -> Answered:
        """Take the answers that come next, as far as they are there."""
        taken: list[Answered] = []
        while kept := self._answered.pop(self._next_answer, None):
            self._next_answer, answered = kept
            taken.append(answered)
        return Answered(
            b"".join(each.text for each in taken),
            sum(each.num_rows for each in taken),
            sum(each.num_errors for each in taken),
        )
