"""poolmgr.publish(): what it takes, what it is called, and that closing it leaves the pool alone."""

from __future__ import annotations

import math
import os
from typing import Any

import pytest

import poolmgr
from poolmgr.errors import UsageError
from poolmgr.runtime import folder


def test_pool_is_published_until_it_is_closed() -> None:
    """It can be found by its name, and no more once it is closed; the pool goes on."""
    with poolmgr.Pool(1, name="mine") as pool:
        with poolmgr.publish(pool) as published:
            assert published.name == "mine"
            assert poolmgr.connect("mine")["pool"]["name"] == "mine"
            assert poolmgr.connect(f"mine-{os.getpid()}")["pool"]["size"] == 1
        published.close()
        assert folder.entries() == []
        assert pool.apply(math.factorial, (5,)) == 120


def test_executor_is_published_by_its_pool() -> None:
    """A PoolExecutor can be published too, under a name given with it."""
    with poolmgr.PoolExecutor(1) as executor, poolmgr.publish(executor, name="futures"):
        assert executor.submit(math.factorial, 5).result() == 120
        assert poolmgr.connect("futures")["pool"]["name"] == "futures"


def test_pool_without_a_name_is_called_after_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pool that was given no name has the program's and its process id; a module's is that of its package."""
    monkeypatch.setattr("sys.argv", ["/srv/train.py", "--fast"])
    with poolmgr.Pool(1) as pool, poolmgr.publish(pool) as published:
        assert published.name.startswith(f"train-{os.getpid()}")
    monkeypatch.setattr("sys.argv", ["/srv/tool/__main__.py"])
    with poolmgr.Pool(1) as pool, poolmgr.publish(pool) as published:
        assert published.name.startswith(f"tool-{os.getpid()}-")


def test_what_is_no_pool_of_ours_is_refused() -> None:
    """Only pools of poolmgr's can be published, under names that can be shown."""
    nothing: Any = object()
    with pytest.raises(TypeError, match="not object"):
        poolmgr.publish(nothing)
    with poolmgr.Pool(1) as pool, pytest.raises(UsageError, match="cannot be called"):
        poolmgr.publish(pool, name="a\nb")
