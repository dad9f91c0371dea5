"""Hands pictures to worker processes, one for each core, and gives their answers back in order.

Owns the workers. One that ends is replaced: the picture that it was at has an error as its answer, and what else it
had in hand is done again.
"""

from __future__ import annotations

import json
import multiprocessing
import signal
from collections import Counter, deque
from collections.abc import Iterator
from multiprocessing.connection import wait

from models.errors import ImageError, ModelFailed, OpsinError
from models.pixels.decode_limits import MAX_ATTEMPTS, UNEXPLAINED_ENDS, error_of_end, max_cpu_s
from models.pixels.preprocessing import read
from models.predict.pictures import shown_name
from models.predict.tasks import TASKS_AHEAD, Answered, Task, Tasks
from models.predict.worker import MODEL_FAILED, READY, InHand, Job, work

LOOK_AGAIN_S = 0.2
MAX_STARTS = 3  # of workers that end before they are ready, one after the other

_fork = multiprocessing.get_context("fork")


class WorkersFailed(OpsinError):
    """No worker can be kept running."""

    code = "workers_failed"


class Pool:
    """Answers pictures of a job.

    Args:
        job: what to do.
        num_workers: processes, which are started at once and kept.
    """

    def __init__(self, job: Job, *, num_workers: int) -> None:
        self._job = job
        self._num_failed_starts = 0
        self._workers = [WorkerProcess(job) for _ in range(num_workers)]

    def answers(self, first: int, stop: int) -> Iterator[Answered]:
        """Yield the answers of pictures from one on, up to another, in order; also nothing, a few times a second.

        Raises:
            WorkersFailed: the model cannot be loaded.
        """
        self._tasks = Tasks(first, stop, len(self._workers))
        self._attempts: Counter[int] = Counter()
        while not self._tasks.are_done:
            for ahead in range(TASKS_AHEAD):
                for worker in self._workers:
                    if len(worker.tasks) <= ahead and (task := self._tasks.next()):
                        worker.give(task)
            heard = wait([worker.connection for worker in self._workers], LOOK_AGAIN_S)
            for worker in [worker for worker in self._workers if worker.connection in heard]:
                try:
                    self._take(worker, worker.connection.recv_bytes())
                except (EOFError, OSError):
                    self._replace(worker)
            yield self._tasks.take_answers()

    def close(self) -> None:
        """End the workers; they have nothing to save. A second call does nothing."""
        for worker in self._workers:
            worker.end()

    def _take(self, worker: WorkerProcess, message: bytes) -> None:
        head, _, text = message.partition(b"\n")
        says = json.loads(head)
        if isinstance(says, str):
            raise WorkersFailed(says)
        if says is READY:
            worker.is_ready, self._num_failed_starts = True, 0
        else:
            task, answered = worker.tasks.popleft(), Answered(text, *says)
            done = Task(task.first, task.first + answered.num_rows)
            self._tasks.answer(done, answered)
            if done.stop < task.stop:
                worker.tasks.appendleft(Task(done.stop, task.stop))

    def _replace(self, worker: WorkerProcess) -> None:
        status = worker.end()
        if worker.is_ready and worker.tasks:
            culprit = worker.tasks[0].first if worker.in_hand.number is None else worker.in_hand.number
            self._attempts[culprit] += 1
            begun, alone = worker.tasks.popleft(), Task(culprit, culprit + 1)
            if status not in UNEXPLAINED_ENDS or self._attempts[culprit] == MAX_ATTEMPTS:
                name, rows = shown_name(self._job.pictures.names[culprit]), self._job.rows
                row = rows.refused(name, self._error(worker, status))
                self._tasks.answer(alone, Answered(rows.text([row]).encode(), 1, 1))
            else:
                self._tasks.add_again(alone)
            self._tasks.add_again(Task(begun.first, culprit), Task(culprit + 1, begun.stop))
        elif not worker.is_ready:
            self._num_failed_starts += 1
            if self._num_failed_starts == MAX_STARTS:
                how = signal.Signals(-status).name if status < 0 else f"exit status {status}"
                raise WorkersFailed(f"the process that loads the model ends, with {how}")
        self._tasks.add_again(*worker.tasks)
        self._workers[self._workers.index(worker)] = WorkerProcess(self._job)

    def _error(self, worker: WorkerProcess, status: int) -> ImageError | ModelFailed:
        number = worker.in_hand.number
        if number is None or not worker.in_hand.is_decoded:
            return ModelFailed(MODEL_FAILED)
        limits = self._job.limits
        try:
            data = self._job.pictures.read(number, limits.max_bytes)
            image = read(data, self._job.artifact.manifest.pixels, limits=limits)
        except ImageError as error:  # the file has changed since
            return error
        return error_of_end(status, image.encoded.format, max_cpu_s(image.cost))


class WorkerProcess:
    """A worker and what it has been given.

    Attributes:
        in_hand: the picture that it is at.
        tasks: those without an answer, the oldest first.
        is_ready: it has loaded the model.
        connection: to it.
    """

    def __init__(self, job: Job) -> None:
        self.in_hand = InHand()
        self.tasks: deque[Task] = deque()
        self.is_ready = False
        self.connection, other_end = _fork.Pipe()
        self._process = _fork.Process(target=work, args=(other_end, self.in_hand, job), daemon=True)
        # Ctrl-C goes to the whole group, and finds the child ignoring it from its first instruction on.
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
        try:
            self._process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        other_end.close()  # else its end would not be heard of

    def give(self, task: Task) -> None:
        """Hand a task over; where the process has ended, that is heard of next."""
        self.tasks.append(task)
        try:
            self.connection.send_bytes(json.dumps(task).encode())
        except OSError:
            return

    def end(self) -> int:
        """End the process, unless it has ended; returns its exit status, or minus the signal that ended it."""
        self._process.kill()
        self._process.join()
        self.connection.close()
        return int(self._process.exitcode or 0)
