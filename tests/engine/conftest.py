"""Fixtures of the engine's tests: every start method, and pools that are gone after the test."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import poolmgr

MakePool = Callable[..., poolmgr.Pool]


@pytest.fixture(params=["fork", "spawn", "forkserver"])
def method(request: pytest.FixtureRequest) -> str:
    """Each start method in turn."""
    return str(request.param)


@pytest.fixture
def make_pool(method: str) -> Iterator[MakePool]:
    """Makes pools with the start method of the test; they are terminated after it."""
    pools: list[poolmgr.Pool] = []

    def make(processes: int = 2, **options: Any) -> poolmgr.Pool:
        pool = poolmgr.Pool(processes, context=multiprocessing.get_context(method), **options)
        pools.append(pool)
        return pool

    yield make
    for pool in pools:
        pool.terminate()
        assert pool.join(timeout=10), "the pool did not end"


@pytest.fixture
def pool(make_pool: MakePool) -> poolmgr.Pool:
    """A pool of two workers."""
    return make_pool()
