"""Signals as something to wait for."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator

import pytest

from poolmgr.cli.interrupts import SIGNALS, Interrupted, Interrupts, InterruptWatch
from poolmgr.model.snapshot import Counts


@pytest.fixture
def interrupts() -> Iterator[Interrupts]:
    """Entered, and left afterwards, even where SIGINT was ignored when the tests were started."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with Interrupts() as entered:
            yield entered
    finally:
        signal.signal(signal.SIGINT, before)


def test_wait_gives_the_first_signal(interrupts: Interrupts) -> None:
    """A signal ends a wait at once, and what comes later changes nothing."""
    signal.raise_signal(signal.SIGTERM)
    signal.raise_signal(signal.SIGINT)
    assert interrupts.wait(None) == signal.SIGTERM
    assert interrupts.wait(None) == signal.SIGTERM
    with pytest.raises(Interrupted) as caught:
        interrupts.check(Counts(submitted=5, queued=3, done=2))
    assert caught.value.exit_code == 143
    assert str(caught.value) == "ended by SIGTERM: 2 of 5 jobs had ended, the others were dropped"


def test_wait_ends_without_a_signal(interrupts: Interrupts) -> None:
    """A wait ends with its time or by notify(), from any thread, however often that was called."""
    assert interrupts.wait(0) is None
    notifier = threading.Thread(target=interrupts.notify)
    notifier.start()
    assert interrupts.wait(None) is None
    notifier.join()
    for _ in range(70_000):
        interrupts.notify()
    assert interrupts.wait(None) is None
    interrupts.check()


def test_handlers_are_given_back() -> None:
    """Afterwards the handlers are those from before; a signal that was ignored stays ignored all the time."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        handlers = [signal.getsignal(signum) for signum in SIGNALS]
        with Interrupts() as interrupts:
            signal.raise_signal(signal.SIGHUP)
            assert interrupts.wait(0) is None
        assert [signal.getsignal(signum) for signum in SIGNALS] == handlers
    finally:
        signal.signal(signal.SIGHUP, before)


def test_watch_acts_on_a_signal(interrupts: Interrupts) -> None:
    """A watch calls what it was given, from its own thread, once a signal comes."""
    acted = threading.Event()
    watch = InterruptWatch(interrupts, lambda: act(acted))
    signal.raise_signal(signal.SIGINT)
    assert acted.wait(15)
    watch.close()


def test_watch_acts_again_until_there_was_something_to_end(interrupts: Interrupts) -> None:
    """A signal that comes before there is anything to be ended is not lost."""
    answers, acted = iter((False, False, True)), threading.Event()
    watch = InterruptWatch(interrupts, lambda: next(answers) and act(acted))
    signal.raise_signal(signal.SIGINT)
    assert acted.wait(15)
    watch.close()
    assert list(answers) == []


def act(acted: threading.Event) -> bool:
    """Note that it was called."""
    acted.set()
    return True


def test_watch_that_is_closed_does_nothing(interrupts: Interrupts) -> None:
    """A watch that is closed before any signal ends without acting."""
    acted = threading.Event()
    InterruptWatch(interrupts, lambda: act(acted)).close()
    assert not acted.is_set()


def test_forked_child_does_not_wake_the_owner(interrupts: Interrupts) -> None:
    """A signal to a forked child that has not set its own handlers ends the child and is no news to the owner."""
    child = os.fork()
    if child == 0:
        signal.raise_signal(signal.SIGTERM)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 143
    assert interrupts.wait(0) is None
