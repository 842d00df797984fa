"""Who is told of news: they come and go in any thread."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from poolmgr.model.listeners import Listeners


def test_told_until_they_leave() -> None:
    """Each is told in the order of coming; one that leaves while others are told harms none."""
    listeners, told = Listeners(), []
    listeners.subscribe(lambda: told.append("first"))

    def once() -> None:
        told.append("second")
        leave()

    leave = listeners.subscribe(once)
    listeners.subscribe(lambda: told.append("third"))
    listeners.tell()
    listeners.tell()
    assert told == ["first", "second", "third", "first", "third"]


def test_many_threads() -> None:
    """None is lost when many threads subscribe and leave at once."""
    listeners, told = Listeners(), []

    def come(number: int) -> None:
        leave = listeners.subscribe(lambda: told.append(number))
        if number % 2:
            leave()

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(come, range(400)))
    listeners.tell()
    assert sorted(told) == list(range(0, 400, 2))
