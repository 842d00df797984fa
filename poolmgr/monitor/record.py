"""The record of a pool: its tape, samples and queue become the history, figures by function, times and a verdict.

    each frame     tape -> buckets and histograms;  running tasks up to now;  queue;  CPU, memory, switches
    each second    functions, times and verdict, which cost more and need not follow every frame

Thread: the collector's alone.  Reads no clock: times are handed in.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from poolmgr.engine.tape import Happened, Now, Ran
from poolmgr.model.brief import function_name
from poolmgr.model.buckets import FINE, NONE, SECOND, WIDTHS
from poolmgr.model.durations import Histogram
from poolmgr.model.recording import Recording
from poolmgr.model.snapshot import FunctionSnapshot, PoolSnapshot, Verdict
from poolmgr.model.states import JobState
from poolmgr.model.times import Times, shares
from poolmgr.model.verdict import judge
from poolmgr.monitor.ports import Spans
from poolmgr.monitor.rates import Rate
from poolmgr.monitor.sampler import Sample

#: ns that a task must have run before it is recorded while it runs.  A shorter one is told of soon enough by its end,
#: and to look at each would only be work.
LONG = 50_000_000
#: Seconds between two verdicts.
EVERY = 1.0
#: Seconds that a slot without a worker is kept: one that died may be replaced late, and its death must be seen.
ABSENT = 60
#: Functions whose numbers are remembered by themselves and not by their names; a program that makes ever new ones
#: would have them all kept.
KNOWN = 1000


class _Function:
    """Sums of one function."""

    __slots__ = ("bytes", "done", "durations", "failed", "rate")

    def __init__(self) -> None:
        self.done = self.failed = self.bytes = 0
        self.durations = Histogram()
        self.rate = Rate()


class _Sum:
    """Spans of one function in one slice of a worker, put together: a bucket is fed once for many of them."""

    __slots__ = ("begin", "busy", "bytes_in", "bytes_out", "done", "encode", "end", "failed", "serialise")

    def __init__(self, begin: int) -> None:
        self.begin = self.end = begin
        self.busy = self.done = self.failed = self.serialise = self.encode = self.bytes_in = self.bytes_out = 0

    def add(self, span: Ran) -> None:
        self.begin, self.end = min(self.begin, span.begin), max(self.end, span.end)
        self.busy += span.busy
        self.done += span.done
        self.failed += span.failed
        self.serialise += span.serialise
        self.encode += span.encode
        self.bytes_in += span.bytes_in
        self.bytes_out += span.bytes_out


class Record:
    """What is known of a pool's past.

    Args:
        reader: Of the pool's tape; None for a pool that has none: then the history has CPU and memory only.
        now: CLOCK_MONOTONIC in ns.
        epoch: Seconds to add to it to get seconds since the epoch.
    """

    def __init__(self, reader: Spans | None, now: int, epoch: float) -> None:
        self._reader = reader
        self._recording = Recording(now, epoch)
        self._functions: dict[int, _Function] = {}
        self._numbers: dict[Any, int] = {}
        #: When each slot was seen with a worker in it.
        self._seen: dict[int, int] = {}
        self._now = now
        self._looked: Now | None = None
        self._was_queued = False
        #: Until when the start of a worker is recorded already, by slot.
        self._starts: dict[int, int] = {}
        self._samples: dict[int, Sample] = {}
        self._judged: float | None = None
        self._figures: tuple[tuple[FunctionSnapshot, ...], Times | None, dict[int, Times], Verdict | None]
        self._figures = (), None, {}, None
        self.history = self._recording.picture(now)

    def feed(self, now: int, snapshot: PoolSnapshot, samples: Mapping[int, Sample]) -> None:
        """Note what has happened up to ``now`` (ns)."""
        if self._reader is not None:
            # What runs, before the spans are taken: what ends between the two is known to be fed up to now.
            self._looked = self._reader.look()
            self._note_present(self._looked, now)
            self._play(self._reader.take())
        for worker in snapshot.workers:
            sample = samples.get(worker.pid)
            if sample is not None:
                fresh = sample is not self._samples.get(worker.slot)
                self._samples[worker.slot] = sample
                self._recording.slot(worker.slot).gauge(
                    now,
                    cpu=NONE if sample.cpu_percent is None else int(10 * sample.cpu_percent),
                    rss=sample.rss,
                    voluntary=sample.voluntary if fresh else 0,
                    involuntary=sample.involuntary if fresh else 0,
                )
        self._seen.update((worker.slot, now) for worker in snapshot.workers)
        self._seen = {slot: seen for slot, seen in self._seen.items() if now - seen < ABSENT * SECOND}
        self._recording.keep(self._seen)
        self.history = self._recording.picture(now)
        self._now = now

    def complete(self, snapshot: PoolSnapshot) -> PoolSnapshot:
        """The picture with functions, times and verdict; they are new once in a second."""
        if self._reader is None:
            return snapshot
        if self._judged is None or self._now / SECOND - self._judged >= EVERY:
            self._judged = self._now / SECOND
            times, each = shares(self.history)
            functions = self._describe()
            full = self._with(snapshot, functions, times, each, None)
            self._figures = functions, times, each, judge(full, self.history)
        return self._with(snapshot, *self._figures)

    def _with(
        self,
        snapshot: PoolSnapshot,
        functions: tuple[FunctionSnapshot, ...],
        times: Times | None,
        each: Mapping[int, Times],
        verdict: Verdict | None,
    ) -> PoolSnapshot:
        workers = tuple([dataclasses.replace(worker, times=each.get(worker.slot)) for worker in snapshot.workers])
        return dataclasses.replace(snapshot, workers=workers, functions=functions, times=times, verdict=verdict)

    # -- the tape

    def _play(self, spans: list[Ran | Happened]) -> None:
        sums: dict[tuple[int, int, int], _Sum] = {}
        width = WIDTHS[FINE]
        for span in spans:
            if isinstance(span, Happened):
                self._happened(span)
                continue
            number = self._number(span.func)
            function = self._functions[number]
            function.done += span.done
            function.failed += span.failed
            function.bytes += span.bytes_in + span.bytes_out
            function.durations.add(span.durations, count=span.done + span.failed, total=span.busy)
            first = span.begin // width
            # What reaches into the next slice stands alone, so that each slice gets its part; and so does what was
            # fed while it ran.
            alone = span.end > (first + 1) * width or span.busy >= LONG
            place = -span.begin if alone else first
            known = sums.get((span.slot, number, place))
            if known is None:
                known = sums[span.slot, number, place] = _Sum(span.begin)
            known.add(span)
        for (slot, number, _), each in sorted(sums.items(), key=lambda pair: pair[1].begin):
            recorder = self._recording.slot(slot)
            recorder.run(
                each.begin, each.end, number, busy=each.busy, done=each.done, failed=each.failed,
                serialise=each.serialise, bytes_in=each.bytes_in, bytes_out=each.bytes_out,
            )  # fmt: skip
            if each.encode:
                recorder.spend(each.begin - each.encode, each.begin, "encode")

    def _happened(self, event: Happened) -> None:
        recorder = self._recording.slot(event.slot)
        if event.what in ("ready", "died"):
            begin = max(event.begin, self._starts.pop(event.slot, 0))
            if event.what == "ready":
                recorder.spend(begin, event.end, "start")
                if event.replaced:
                    recorder.mark(event.end, "restarted")
                return
        else:
            number, failed = self._number(event.func), event.what == JobState.FAILED
            recorder.run(event.begin, event.end, number, failed=int(failed))
            self._functions[number].failed += 1
            if failed:
                return
        recorder.mark(event.end, event.what)

    def _note_present(self, looked: Now, now: int) -> None:
        """Add what goes on: tasks that run, workers that start, and whether anything waits."""
        for slot, begin, func in looked.running:
            if now - begin >= LONG:
                self._recording.slot(slot).running(begin, now, self._number(func))
        for slot, begin in looked.starting:
            self._recording.slot(slot).spend(max(begin, self._starts.get(slot, 0)), now, "start")
            self._starts[slot] = now
        # At both ends of the time since the last frame: all of it; at one end: half of it, as nobody knows better.
        queued = (now - self._now) * (looked.queued + self._was_queued) // 2
        if queued:
            self._recording.pool.spend(now - queued, now, "queued")
        self._was_queued = looked.queued

    def _number(self, func: Any) -> int:
        number = self._numbers.get(func)
        if number is None:
            number = self._recording.function(func if isinstance(func, str) else function_name(func))
            if len(self._numbers) >= KNOWN:
                self._numbers.clear()
            self._numbers[func] = number
            self._functions.setdefault(number, _Function())
        return number

    # -- figures by function

    def _describe(self) -> tuple[FunctionSnapshot, ...]:
        looked = self._looked
        running: dict[int, int] = {}
        waiting: dict[int, int] = {}
        if looked is not None:
            for _, _, func in looked.running:
                number = self._number(func)
                running[number] = running.get(number, 0) + 1
            for name, count in (looked.waiting or {}).items():
                number = self._number(name)
                waiting[number] = waiting.get(number, 0) + count
        whole = sum(function.durations.picture().total for function in self._functions.values())
        names = self._recording.names
        known = looked is not None and looked.waiting is not None
        described = [
            self._function(
                names[number],
                function,
                running.get(number, 0),
                waiting.get(number, 0) if known else None,
                whole,
            )
            for number, function in self._functions.items()
        ]
        return tuple(sorted(described, key=lambda function: (-function.share, function.name)))

    def _function(
        self, name: str, function: _Function, running: int, waiting: int | None, whole: int
    ) -> FunctionSnapshot:
        durations = function.durations.picture()
        ended = function.done + function.failed
        p50, p95, p99 = (durations.quantile(share) / 1e9 if durations.tasks else None for share in (0.5, 0.95, 0.99))
        return FunctionSnapshot(
            name=name,
            done=function.done,
            failed=function.failed,
            running=running,
            total=None if waiting is None else ended + running + waiting,
            p50=p50,
            p95=p95,
            p99=p99,
            longest=durations.longest / 1e9 if durations.tasks else None,
            rate=function.rate.feed(self._now / SECOND, ended),
            bytes_each=function.bytes / ended if ended else None,
            share=100.0 * durations.total / whole if whole else 0.0,
            durations=durations,
        )
