"""Pipes: one way and both ways, waiting with a limit, the end of a conversation, and what an object costs to send.

What to watch:
  - "compiler" is a server of its own: it is sent file names over a duplex pipe and answers with the size of the code.
  - poll(timeout) waits for an answer without taking it.  recv() waits for as long as it takes.
  - When the parent closes its end, recv() in the child raises EOFError, and that is how the child knows that it may
    end.  It would never come if the child still held a copy of the parent's end.
  - Bytes travel as they are, objects are pickled first and built anew after: compare the megabytes a second.

Runs alone (python demos/pipe.py), under the screen (poolmgr demo pipe), and without one (--headless).
"""

from __future__ import annotations

import multiprocessing
import sysconfig
import time
import warnings
import zlib
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.context import BaseContext
from pathlib import Path

from poolmgr.demos import arguments, check, figures, raised

LIBRARY = Path(sysconfig.get_path("stdlib"))
BLOCK = 1 << 20


def compile_on_request(mine: Connection, parents: Connection) -> None:
    """Answer each file name with the size of its code, until the other side has closed its end."""
    # A forked process has all that its parent has open, this end too, and would then wait for itself.
    parents.close()
    answered = 0
    while True:
        try:
            name = mine.recv()
        except EOFError:
            break
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            code = compile((LIBRARY / name).read_bytes(), name, "exec", dont_inherit=True)
        mine.send((name, len(code.co_code)))
        answered += 1
    print(f"  compiler: EOFError after {answered} answers, so the other side is gone", flush=True)


def talk_both_ways(ctx: BaseContext, names: list[str]) -> int:
    """Ask for each file, and wait for its answer before the next."""
    print("1. duplex: a question goes one way, its answer the other")
    mine, childs = ctx.Pipe()
    compiler = ctx.Process(target=compile_on_request, args=(childs, mine), name="compiler")
    compiler.start()
    childs.close()
    check("poll() without an answer: False, at once", not mine.poll())
    check("poll(0.05) without an answer: False, after 50 ms", not mine.poll(0.05))
    size = 0
    for name in names:
        mine.send(name)
        while not mine.poll(0.2):
            print(f"  {name} takes more than 0.2 s")
        answer, length = mine.recv()
        if answer != name:
            check(f"the answer to {name} came for {answer}", False)
        size += length
    check(f"{len(names)} answers, each to the question before it: {size:,} bytes of code", size > 0)
    mine.close()
    compiler.join()
    check("the compiler ended by itself, with exit code 0", compiler.exitcode == 0)
    check("on an end that is closed nothing can be sent", isinstance(raised(mine.send, "late"), OSError))
    return size


def receive_bytes(reader: Connection, answers: Connection) -> None:
    """Take blocks of bytes until there are no more, and answer with their checksum."""
    answers.send("ready")
    checksum = 0
    while block := reader.recv_bytes():
        checksum = zlib.crc32(block, checksum)
    answers.send(checksum)


def receive_objects(reader: Connection, answers: Connection) -> None:
    """The same for lists of numbers, 0 to 255, one for each byte."""
    answers.send("ready")
    checksum = 0
    while numbers := reader.recv():
        checksum = zlib.crc32(bytes(numbers), checksum)
    answers.send(checksum)


def stream(
    ctx: BaseContext, data: bytes, target: Callable[..., None], pack: Callable[[bytes], object]
) -> tuple[float, int]:
    """Send data one way in blocks.  Returns megabytes a second, and the checksum that the other side found."""
    reader, writer = ctx.Pipe(duplex=False)
    answers, answer = ctx.Pipe(duplex=False)
    receiver = ctx.Process(target=target, args=(reader, answer), name=target.__name__)
    receiver.start()
    reader.close()
    answer.close()
    send = writer.send_bytes if target is receive_bytes else writer.send
    # How long a process takes to start is another matter: costs.py measures that.
    answers.recv()
    blocks = [pack(data[start : start + BLOCK]) for start in range(0, len(data), BLOCK)]
    began = time.monotonic()
    for block in blocks:
        send(block)
    send(pack(b""))
    checksum = answers.recv()
    seconds = time.monotonic() - began
    receiver.join()
    for end in (writer, answers):
        end.close()
    return len(data) / 1e6 / seconds, checksum


def main() -> None:
    """A conversation, then two streams."""
    options = arguments(__doc__)
    ctx = multiprocessing.get_context(options.start_method)
    paths = sorted(LIBRARY.glob("[a-c]*.py" if options.quick else "*.py"))
    size = talk_both_ways(ctx, [path.name for path in paths])

    print("2. simplex: one end reads, the other writes")
    reader, writer = ctx.Pipe(duplex=False)
    errors = (raised(reader.send, 1), raised(writer.recv))
    check("the reader cannot send, the writer cannot receive", all(isinstance(error, OSError) for error in errors))
    for end in (reader, writer):
        end.close()
    data = b"".join(path.read_bytes() for path in paths) * (1 if options.quick else 8)
    as_bytes, first = stream(ctx, data, receive_bytes, bytes)
    as_objects, second = stream(ctx, data, receive_objects, list)
    print(f"  {len(data) / 1e6:.1f} MB as bytes: {as_bytes:,.0f} MB/s; as lists of numbers: {as_objects:,.0f} MB/s")
    check("both arrived whole: their checksums are that of the data", first == second == zlib.crc32(data))
    figures(files=len(paths), code_bytes=size, megabytes=len(data) / 1e6, bytes_rate=as_bytes, objects_rate=as_objects)


if __name__ == "__main__":
    main()
