"""Who was killed for lack of memory: the kernel's count, and each rise of it told once."""

from __future__ import annotations

import pytest

from poolmgr.runtime.oom import OomWatch


class Kernel:
    """A count, and a clock that stands."""

    def __init__(self) -> None:
        self.count: int | None = 5
        self.now = 100.0

    def watch(self) -> OomWatch:
        return OomWatch(lambda: self.count, lambda: self.now)


@pytest.fixture
def kernel() -> Kernel:
    """One of them."""
    return Kernel()


def test_count_that_stays_accounts_for_nothing(kernel: Kernel) -> None:
    """A SIGKILL from elsewhere is not the kernel's."""
    watch = kernel.watch()
    kernel.now += 60
    assert watch.claim() == (5, 5)


def test_rise_is_claimed_once(kernel: Kernel) -> None:
    """Two workers that die together need a rise by two."""
    watch = kernel.watch()
    kernel.count = 6
    assert watch.claim() == (5, 6)
    assert watch.claim() == (6, 6)
    kernel.count = 7
    assert watch.claim() == (6, 7)


def test_rise_that_a_picture_has_seen_first_still_counts(kernel: Kernel) -> None:
    """Between the kernel's kill and our hearing of it somebody may have looked."""
    watch = kernel.watch()
    kernel.now += 60
    watch.look()
    kernel.now += 1
    kernel.count = 6
    watch.look()
    kernel.now += 0.5
    assert watch.claim() == (5, 6)


def test_rise_of_long_ago_is_not_this_death(kernel: Kernel) -> None:
    """What was seen to have risen before, such as for a child of a job, is no explanation for a later kill."""
    watch = kernel.watch()
    kernel.count = 6
    kernel.now += 10
    watch.look()
    kernel.now += 10
    assert watch.claim() == (6, 6)


def test_many_looks_do_not_push_out_what_was_before(kernel: Kernel) -> None:
    """However often pictures are taken, the count of two seconds ago is known."""
    watch = kernel.watch()
    for _ in range(10_000):
        kernel.now += 0.001
        watch.look()
    kernel.count = 6
    for _ in range(1000):
        kernel.now += 0.001
        watch.look()
    assert watch.claim() == (5, 6)


def test_nobody_can_say_without_a_count(kernel: Kernel) -> None:
    """Where the kernel does not tell, nothing is said."""
    kernel.count = None
    watch = kernel.watch()
    assert watch.claim() is None


def test_the_kernels_own_count_is_found() -> None:
    """On Linux there is one, and it is a number."""
    claimed = OomWatch().claim()
    assert claimed is not None
    assert claimed[0] <= claimed[1]
