"""Python's own sources, each tokenised, compiled, hashed and compressed, and their folders archived.

What to watch:
  - Five functions of very different length share one pool: a hash takes microseconds, the archive of a large
    folder a second or more.  No short job waits behind a long one as long as a worker is free.
  - Some jobs fail, and nobody made them fail: Python ships a few sources that do not compile or cannot be decoded,
    for its own tests.  Each failure costs its own job and nothing else.  An installation without Python's tests
    has no such file, and then nothing fails.

Runs alone (python demos/stdlib.py), under the screen (poolmgr demo stdlib), and without one
(poolmgr demo stdlib --headless).
"""

from __future__ import annotations

import hashlib
import io
import os
import random
import sysconfig
import tarfile
import time
import tokenize
import warnings
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import poolmgr

#: One job: a function and its arguments.
Call = tuple[Callable[..., Any], tuple[Any, ...]]

#: Where the library is.  Jobs name their files from here on, which is what screens have room for.
LIBRARY = Path(sysconfig.get_path("stdlib"))

#: Folders of the library that hold no sources of Python's own.
NOT_PYTHONS = ("site-packages", "dist-packages", "__pycache__")


def tokenize_file(path: str) -> int:
    """The number of tokens in a source file."""
    with open(LIBRARY / path, "rb") as source:
        return sum(1 for _ in tokenize.tokenize(source.readline))


def compile_file(path: str) -> int:
    """The size of a source file's top-level byte code.  Raises SyntaxError for a file that is not Python."""
    with warnings.catch_warnings():
        # Doubtful escapes are warned of in hundreds of Python's own tests, and are no news to anybody.
        warnings.simplefilter("ignore")
        return len(compile((LIBRARY / path).read_bytes(), path, "exec", dont_inherit=True).co_code)


def hash_file(path: str) -> str:
    """The SHA-256 of a file."""
    return hashlib.sha256((LIBRARY / path).read_bytes()).hexdigest()


def compress_file(path: str) -> float:
    """What is left of a file's size after zlib has done its best, as a fraction."""
    data = (LIBRARY / path).read_bytes()
    return round(len(zlib.compress(data, 9)) / max(1, len(data)), 3)


def archive_folder(folder: str) -> int:
    """The size of a tar.gz of a folder's sources, folders inside it left out."""
    with io.BytesIO() as archive:
        with tarfile.open(fileobj=archive, mode="w:gz") as tar:
            for path in sorted((LIBRARY / folder).glob("*.py")):
                tar.add(path, arcname=path.name)
        return archive.tell()


def sources() -> list[str]:
    """Every source file of the running Python's standard library, in a fixed order."""
    found = []
    for folder, folders, names in os.walk(LIBRARY):
        folders[:] = sorted(set(folders).difference(NOT_PYTHONS))
        found += [
            os.path.relpath(os.path.join(folder, name), LIBRARY) for name in sorted(names) if name.endswith(".py")
        ]
    return found


def jobs(seed: int = 0) -> Iterator[Call]:
    """One pass over the library in an order that follows from ``seed`` alone."""
    files = sources()
    calls: list[Call] = [
        (archive_folder, (folder,)) for folder in sorted({os.path.dirname(path) or "." for path in files})
    ]
    for function in (tokenize_file, compile_file, hash_file, compress_file):
        calls += [(function, (path,)) for path in files]
    random.Random(seed).shuffle(calls)
    yield from calls


def main() -> None:
    """Run one pass on a pool of our own and say what came of it."""
    began = time.monotonic()
    done: Counter[str] = Counter()
    failed: list[str] = []
    with poolmgr.Pool() as pool:
        submitted = [(function.__name__, args, pool.apply_async(function, args)) for function, args in jobs()]
        pool.close()
        for name, args, job in submitted:
            try:
                job.get()
            except SyntaxError as error:
                failed.append(f"{name}({args[0]!r}): {error.msg}")
            else:
                done[name] += 1
        pool.join()
    for name, count in sorted(done.items()):
        print(f"{name:<15} {count:>6} done")
    print(f"{done.total()} jobs done, {len(failed)} failed, in {time.monotonic() - began:.1f} s")
    print(*failed, sep="\n")


if __name__ == "__main__":
    main()
