"""What processes cost, measured on this machine, and for which work they pay.

What to watch:
  - A process takes milliseconds to start, a large object as many to send, and far more if it is made of small ones.
  - Tiny jobs spend their time on the way: chunksize sends many at once.  One chunk of all is one worker with all.
  - Work that computes in Python gains by processes, up to the number of cores, and not by threads or asyncio, of which
    one computes at a time.  Work that waits gains by all of them, and asyncio needs the least for it.

Runs alone (python demos/costs.py), under the screen (poolmgr demo costs), and without one (--headless).
"""

import asyncio
import copy
import math
import multiprocessing
import os
import socket
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from typing import Any

from poolmgr.demos import arguments, check, figures


def timed(call: Any, *args: Any) -> tuple[float, Any]:
    """The milliseconds that a call takes, and what it returns."""
    began = time.perf_counter()
    found = call(*args)
    return (time.perf_counter() - began) * 1e3, found


def plot(title: str, rows: dict[str, float], unit: str = "ms") -> None:
    """A bar for each, the longest over the whole width."""
    print(title)
    for name, value in rows.items():
        print(f"  {name:<16} {value:>10,.2f} {unit:<7} {'#' * max(1, round(50 * value / max(rows.values())))}")


def is_prime(number: int) -> bool:
    """By trial division: computes, and holds the interpreter's lock all the time."""
    return number > 1 and all(number % divisor for divisor in range(2, math.isqrt(number) + 1))


def count_primes(start: int) -> int:
    """Work that computes."""
    return sum(map(is_prime, range(start, start + 2000)))


def ask(port: int) -> bytes:
    """Work that waits: for an answer over the network."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        return connection.recv(1)


async def ask_async(port: int) -> bytes:
    """The same in a coroutine."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answer = await reader.read(1)
    writer.close()
    return answer


def serve(ready: Any) -> None:
    """A server, in a process of its own: it must not share our interpreter's lock."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.02)
        writer.write(b"*")
        writer.close()

    async def listen() -> None:
        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        ready.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(listen())


async def gather(work: Any, given: list[int]) -> list[Any]:
    """All at once, in one thread; what is no coroutine is done one by one."""
    started = [work(each) for each in given]
    return await asyncio.gather(*started) if asyncio.iscoroutinefunction(work) else started


def start_and_send(ctx: Any, largest: int) -> float:
    """The price of a start, and of a way there and back.  Returns the milliseconds of a start."""

    def start_one() -> None:
        process = ctx.Process(target=abs, args=(-1,))
        process.start()
        process.join()

    rows = {"start": min(timed(start_one)[0] for _ in range(3))}
    with ctx.Pool(1) as pool:
        pool.apply(copy.copy, (None,))
        for size in (1 << 10, 1 << 16, largest):
            for kind, value in (("bytes", os.urandom(size)), ("list", list(os.urandom(size // 2)))):
                rows[f"{kind}, {size >> 10:,} KiB"] = min(timed(pool.apply, copy.copy, (value,))[0] for _ in range(5))
    plot("1. to start a process; to send a job an object, by the size of its pickle, and get it back", rows)
    return rows["start"]


def chunks(ctx: Any, numbers: range, workers: int) -> str:
    """The same tiny jobs with several chunksizes.  Returns the one with the most jobs a second."""
    rates, found = {}, []
    with ctx.Pool(workers) as pool:
        pool.map(is_prime, range(100))
        for size in (1, 10, 100, len(numbers)):
            milliseconds, primes = timed(pool.map, is_prime, numbers, size)
            rates[str(size)] = 1000 * len(numbers) / milliseconds
            found.append(primes)
    plot(f"2. {len(numbers):,} tiny jobs, by chunksize", rates, "jobs/s")
    check("whatever the chunksize, the results are the same", found == [found[0]] * len(found))
    return max(rates, key=rates.__getitem__)


def four_ways(ctx: Any, title: str, work: Any, in_loop: Any, given: list[int], workers: int) -> float:
    """The same work in four ways.  Returns how many times as fast the processes were as one by one."""
    rows, found = {}, {}
    with ProcessPoolExecutor(workers, mp_context=ctx) as pool:
        list(pool.map(abs, range(workers)))
        rows["processes"], found["processes"] = timed(lambda: list(pool.map(work, given)))
    with ThreadPoolExecutor(workers) as threads:
        rows["threads"], found["threads"] = timed(lambda: list(threads.map(work, given)))
    rows["asyncio"], found["asyncio"] = timed(lambda: asyncio.run(gather(in_loop, given)))
    rows["one by one"], found["one by one"] = timed(lambda: [work(each) for each in given])
    plot(title, rows)
    check("all four gave the same answers", all(each == found["asyncio"] for each in found.values()))
    return rows["one by one"] / rows["processes"]


def main() -> None:
    """A start, a transfer, chunks, and two kinds of work in four ways."""
    options = arguments(__doc__, workers=2)
    ctx = multiprocessing.get_context(options.start_method)
    started = start_and_send(ctx, 1 << (18 if options.quick else 22))
    chunksize = chunks(ctx, range(2_000 if options.quick else 20_000), options.workers)
    starts = list(range(10**6, 10**6 + 2000 * (4 if options.quick else 32), 2000))
    computing = four_ways(ctx, "3. jobs that compute", count_primes, count_primes, starts, options.workers)
    reader, writer = ctx.Pipe(duplex=False)
    server = ctx.Process(target=serve, args=(writer,), name="server", daemon=True)
    server.start()
    ports = [reader.recv()] * (10 if options.quick else 80)
    waiting = four_ways(ctx, "4. jobs that wait 20 ms for a server", ask, ask_async, ports, options.workers)
    figures(cores=os.cpu_count(), start_ms=started, chunksize=chunksize, computing=computing, waiting=waiting)


if __name__ == "__main__":
    main()
