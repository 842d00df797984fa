"""What the last minutes looked like: one value a second, of each worker and of the pool.

Thread: the collector's alone.  Reads no clock: times are handed in.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from poolmgr.model.snapshot import PoolSnapshot, Trends
from poolmgr.monitor.rates import Seconds
from poolmgr.monitor.sampler import Sample

#: Seconds kept of each worker, and of the pool.
WORKER_SECONDS = 60
POOL_SECONDS = 120
#: Seconds over which the monitor's own cost is taken.
COST_SECONDS = 5


class Histories:
    """The rings of one pool. A slot keeps its history when its process is replaced, and loses it when it goes."""

    def __init__(self) -> None:
        self._seconds = Seconds()
        self._workers: dict[int, deque[float]] = {}
        self._throughput: deque[float] = deque(maxlen=POOL_SECONDS)
        self._cpu: deque[float] = deque(maxlen=POOL_SECONDS)
        self._tasks: int | None = None
        self._costs: deque[tuple[float, float]] = deque(maxlen=COST_SECONDS + 1)
        #: Percent of one core that the monitor has cost over the last seconds.
        self.monitor_percent = 0.0

    def feed(self, now: float, snapshot: PoolSnapshot, samples: Mapping[int, Sample], cost: float) -> None:
        """Note a picture; a value is added for each full second that has gone by.

        Args:
            now: Monotonic seconds.
            snapshot: The picture.
            samples: CPU by process id.
            cost: CPU seconds that the monitor has used since it began.
        """
        if self._tasks is None:
            self._tasks = snapshot.counts.tasks_done
            self._costs.append((now, cost))
        passed = self._seconds.passed(now)
        if passed == 0:
            return
        # After a stall several seconds are due at once: what was done in them is shared out evenly.
        done = max(0, snapshot.counts.tasks_done - self._tasks) / passed
        self._tasks = snapshot.counts.tasks_done
        for _ in range(min(passed, POOL_SECONDS)):
            self._keep_second(snapshot, samples, done)
        self._costs.append((now, cost))
        begun, cost_before = self._costs[0]
        self.monitor_percent = 100.0 * (cost - cost_before) / (now - begun)

    def worker(self, slot: int) -> tuple[float, ...]:
        """CPU percent of a slot, oldest first."""
        return tuple(self._workers.get(slot, ()))

    def pool(self) -> Trends:
        """Tasks finished and CPU percent of all workers, oldest first."""
        return Trends(throughput=tuple(self._throughput), cpu=tuple(self._cpu))

    def _keep_second(self, snapshot: PoolSnapshot, samples: Mapping[int, Sample], done: float) -> None:
        total = 0.0
        for gone in self._workers.keys() - {worker.slot for worker in snapshot.workers}:
            del self._workers[gone]
        for worker in snapshot.workers:
            sample = samples.get(worker.pid)
            if sample is not None and sample.cpu_percent is not None:
                total += sample.cpu_percent
                self._workers.setdefault(worker.slot, deque(maxlen=WORKER_SECONDS)).append(sample.cpu_percent)
        self._throughput.append(done)
        self._cpu.append(total)
