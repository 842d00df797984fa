"""The pools of one app: they come and go in any thread."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from poolmgr.model.fleet import Fleet, Member
from tests.helpers.fake_control import FakeControl


def test_comes_and_goes() -> None:
    """Members keep the order of coming and a number of their own; each change is told once."""
    fleet, told = Fleet(), []
    leave = fleet.subscribe(lambda: told.append(fleet.members))
    first = fleet.add(FakeControl(), name="train")
    second = fleet.add(FakeControl(), attached=True, read_only=True)
    fleet.remove(first)
    third = fleet.add(FakeControl())
    leave()
    fleet.remove(third)
    assert [member.number for member in (first, second, third)] == [1, 2, 3]
    assert told == [(first,), (first, second), (second,), (second, third)]
    assert fleet.members == (second,)
    assert second in fleet.members
    assert first not in fleet.members
    assert (first.name, first.attached, first.read_only) == ("train", False, False)
    assert (second.attached, second.read_only) == (True, True)


def test_taken_out_twice() -> None:
    """Who takes a pool out need not know whether another has done it before."""
    fleet = Fleet()
    member = fleet.add(FakeControl())
    fleet.remove(member)
    fleet.remove(member)
    assert fleet.members == ()


def test_one_control_twice() -> None:
    """A control that comes again is another member: the first one's end does not end the second."""
    fleet, control = Fleet(), FakeControl()
    first, second = fleet.add(control), fleet.add(control)
    fleet.remove(first)
    assert fleet.members == (second,)


def test_many_threads() -> None:
    """No member is lost and no number given twice when many threads add and remove at once."""
    fleet, control = Fleet(), FakeControl()

    def come_and_go(number: int) -> Member:
        member = fleet.add(control, name=str(number))
        if number % 2:
            fleet.remove(member)
        return member

    with ThreadPoolExecutor(8) as threads:
        members = list(threads.map(come_and_go, range(400)))
    assert len({member.number for member in members}) == 400
    assert {member.name for member in fleet.members} == {str(number) for number in range(0, 400, 2)}
