"""A memory fence between processes, for processors that reorder loads and stores, of what Python and POSIX have.

A writer stores data and then a number that announces it; a reader that sees the number reads the data. On x86 stores
stay in order, and loads; on Arm neither do (Arm ARM, DDI 0487, B2.3), so both sides call the fence in between. Python
has none: its locks are each process's own, and of what lies on both sides of a lock nothing is said but that what is
done within stays there. The C library has none that a program can call: C's `atomic_thread_fence` is compiled in.

So the fence is one semaphore in memory that all share: `sem_post`, then `sem_trywait`. Both "synchronize memory"
(POSIX, XBD 4.12, for calls that succeed); glibc's are read-modify-writes of one number, releasing and acquiring ("a
thread acquiring this token synchronizes with us and other threads that added tokens before (the release sequence
includes atomic RMW operations by other threads)", nptl/sem_post.c). By C11 (5.1.2.4, 7.17.3) any two calls, with posts
P1, P2 and waits W1, W2, are then ordered. Changes of one number have one order, in which a process's own keep theirs:

- P1 stands before W2: W2 reads from the release sequence of P1, so all that precedes the first call happens before all
  that follows the second.
- W2 stands before P1: then P2, W2, P1, W1 is their order, and the same holds with first and second exchanged.

A reader that has seen the number cannot have called first: its look would happen before the store that it saw. So the
writer's call is first, and the data are there. Nor can two that each store, call and look both miss the other's store.
`tests/server/engine/test_fence.py` goes through all executions that C11 allows. Numbers are stored and loaded whole:
numpy does it with 8 bytes at an address that they divide (DDI 0487, B2.2.1).

On Arm sem_post's change is CASL, or STLXR before Armv8.1, sem_trywait's CASA or LDAXR (read in Debian 12's libc.so.6).

Nobody can be kept waiting: who waits has posted before, so there is a token. A process that is killed between the two
leaves one more, of which 2**31 fit.
"""

from __future__ import annotations

import ctypes
import mmap

# Unlike CDLL, this keeps Python's lock, which nothing here waits for.
_libc = ctypes.PyDLL(None)
_SHARED_BETWEEN_PROCESSES = 1


class Fence:
    """To be made before the processes are forked that call it."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, mmap.PAGESIZE)
        self._semaphore = ctypes.c_void_p(ctypes.addressof(ctypes.c_char.from_buffer(self._memory)))
        _libc.sem_init(self._semaphore, _SHARED_BETWEEN_PROCESSES, 0)

    def __call__(self) -> None:
        """Keep what was read and written before it before what is after it, for all processes that call it, too."""
        _libc.sem_post(self._semaphore)
        _libc.sem_trywait(self._semaphore)
