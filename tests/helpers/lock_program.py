"""A program with locks, as a user would write it: it knows nothing of poolmgr.

    python lock_program.py crossed|threads|abandoned|patient|busy|objects|talk START_METHOD

Says ``ready`` when it stands as its test wants it, and ends when its standard input does.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from typing import Any


def take_both(first: Any, second: Any, mine: Any, theirs: Any) -> None:
    """Take one lock, wait until the other process has taken the other one, and want that too."""
    with first:
        mine.set()
        theirs.wait()
        with second:
            pass


def crossed(ctx: Any) -> None:
    """Two processes, two locks, crossed: neither ever gets its second one."""
    left = ctx.Lock()
    right = ctx.RLock()
    have_left, have_right = ctx.Event(), ctx.Event()
    one = ctx.Process(target=take_both, args=(left, right, have_left, have_right), daemon=True)
    other = ctx.Process(target=take_both, args=(right, left, have_right, have_left), daemon=True)
    one.start()
    other.start()
    say_ready()


def take_left(left: Any, right: Any, mine: Any, theirs: Any) -> None:
    """The left one first."""
    take_both(left, right, mine, theirs)


def take_right(left: Any, right: Any, mine: Any, theirs: Any) -> None:
    """The right one first."""
    take_both(right, left, theirs, mine)


def threads(ctx: Any) -> None:
    """The same between two threads of one process."""
    left, right = ctx.Lock(), ctx.RLock()
    have_left, have_right = threading.Event(), threading.Event()
    for target in (take_right, take_left):
        threading.Thread(target=target, args=(left, right, have_left, have_right), daemon=True).start()
    say_ready()


def hold(lock: Any, has_it: Any) -> None:
    """Take the lock and keep it."""
    with lock:
        has_it.set()
        signal.pause()


def use(lock: Any) -> None:
    """Take the lock once, and say so."""
    with lock:
        os.write(1, b"got it\n")


def abandoned(ctx: Any) -> None:
    """A process is killed while it holds a lock, and another one waits for that."""
    ledger = ctx.RLock()
    has_it = ctx.Event()
    holder = ctx.Process(target=hold, args=(ledger, has_it), daemon=True)
    holder.start()
    has_it.wait()
    ctx.Process(target=use, args=(ledger,), daemon=True).start()
    holder.kill()
    holder.join()
    say_ready()


def retry(lock: Any) -> None:
    """Want the lock again and again, each time for a moment."""
    while not lock.acquire(timeout=0.3):
        pass


def patient(ctx: Any) -> None:
    """The same, and the other one waits with a limit, over and over."""
    ledger = ctx.Lock()
    has_it = ctx.Event()
    holder = ctx.Process(target=hold, args=(ledger, has_it), daemon=True)
    holder.start()
    has_it.wait()
    ctx.Process(target=retry, args=(ledger,), daemon=True).start()
    holder.kill()
    holder.join()
    say_ready()


def add(lock: Any, other: Any, total: Any, left: int) -> None:
    """Count under two locks, always in the same order."""
    for _ in range(left):
        with lock, other, total.get_lock():
            total.value += 1


def busy(ctx: Any) -> None:
    """Much locking, and all of it right."""
    lock, other, total = ctx.Lock(), ctx.RLock(), ctx.Value("q", 0)
    count = 2000
    processes = [ctx.Process(target=add, args=(lock, other, total, count)) for _ in range(3)]
    for each in processes:
        each.start()
    threads = [threading.Thread(target=add, args=(lock, other, total, count)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for worker in [*processes, *threads]:
        worker.join()
    assert total.value == count * (len(processes) + len(threads)), total.value
    say_ready()


def objects(ctx: Any) -> None:
    """One of each, in a state that is known."""
    free, places = ctx.Semaphore(3), ctx.BoundedSemaphore(2)
    free.acquire()
    gate, unset = ctx.Event(), ctx.Event()
    gate.set()
    meeting, bell = ctx.Barrier(3), ctx.Condition()
    threading.Thread(target=meeting.wait, daemon=True).start()
    threading.Thread(target=unset.wait, daemon=True).start()
    items, todo = ctx.Queue(5), ctx.JoinableQueue()
    for number in range(3):
        items.put(number)
    items.get()
    todo.put("one")
    threading.Thread(target=todo.join, daemon=True).start()
    simple, empty = ctx.SimpleQueue(), ctx.SimpleQueue()
    simple.put(b"x" * 100)
    threading.Thread(target=empty.get, daemon=True).start()
    reader, writer = ctx.Pipe(duplex=False)
    writer.send_bytes(b"hello")
    speed, squares = ctx.Value("d", 2.5), ctx.Array("i", [1, 4, 9])
    say_ready()
    del free, places, bell, reader, squares, speed


def answer(theirs: Any, sent: Any, asked: Any) -> None:
    """Give answers before the questions were read; read those when told to."""
    theirs.send_bytes(ANSWER)
    sent.set()
    asked.wait()
    assert [theirs.recv_bytes() for _ in range(2)] == QUESTIONS
    theirs.send_bytes(b"thanks")


#: What goes through a two-way pipe, there and back.
QUESTIONS = [b"who", b"?" * 9000]
ANSWER = b"me" * 50


def talk(ctx: Any) -> None:
    """A two-way pipe between two processes, with something in it both ways; then all of it is received."""
    mine, theirs = ctx.Pipe()
    unused, other = ctx.Pipe()
    other.close()
    sent, asked = ctx.Event(), ctx.Event()
    child = ctx.Process(target=answer, args=(theirs, sent, asked), daemon=True)
    child.start()
    theirs.close()
    for question in QUESTIONS:
        mine.send_bytes(question)
    sent.wait()
    say_ready()
    asked.set()
    assert [mine.recv_bytes() for _ in range(2)] == [ANSWER, b"thanks"]
    child.join()
    unused.close()


def pool(ctx: Any) -> None:
    """A pool with nothing to do: one of its workers waits for a task, and the other one for its turn."""
    with ctx.Pool(2) as workers:
        workers.map(abs, range(100))
        say_ready()


def say_ready() -> None:
    """Tell the test, and stay until it lets go of this program's input."""
    os.write(1, b"ready\n")
    sys.stdin.read()


if __name__ == "__main__":
    modes = (crossed, threads, abandoned, patient, busy, objects, talk, pool)
    {mode.__name__: mode for mode in modes}[sys.argv[1]](multiprocessing.get_context(sys.argv[2]))
