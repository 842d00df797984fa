"""The filter of the jobs table. Pure: a line of text becomes a test for jobs."""

from __future__ import annotations

from collections.abc import Callable

from poolmgr.model.snapshot import JobSnapshot
from poolmgr.model.states import JobState

Matcher = Callable[[JobSnapshot], bool]


def matcher(text: str) -> Matcher | None:
    """The test that ``text`` stands for, or None if it keeps every job.

    All words must be found in a job's id, name, function, arguments, message, worker or state's word.
    ``state:FK`` keeps the jobs with one of these letters, ``state:failed`` those with this word,
    ``state!:D`` those without.
    """
    words: list[str] = []
    tests: list[Matcher] = []
    for word in text.lower().split():
        test = _state_test(word)
        if test is not None:
            tests.append(test)
        else:
            words.append(word)
    if not words and not tests:
        return None

    def matches(job: JobSnapshot) -> bool:
        if not all(test(job) for test in tests):
            return False
        if not words:
            return True
        hay = _hay(job)
        return all(word in hay for word in words)

    return matches


def _hay(job: JobSnapshot) -> str:
    worker = "" if job.slot is None else f"w{job.slot + 1}"
    return f"{job.id} {job.name} {job.function} {job.args} {job.message} {worker} {job.state}".lower()


def _state_test(word: str) -> Matcher | None:
    for prefix, wanted in (("state:", True), ("state=", True), ("state!:", False), ("state!=", False)):
        if word.startswith(prefix):
            named = word.removeprefix(prefix)
            if not named:
                # A filter is read as it is typed: half of it must not empty the list.
                return lambda job: True
            states = _states(named)
            return lambda job: (job.state in states) is wanted
    return None


def _states(text: str) -> frozenset[JobState]:
    named = frozenset(state for state in JobState if state.value == text)
    return named or frozenset(state for state in JobState if state.letter.lower() in text)
