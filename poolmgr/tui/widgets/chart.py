"""The graph of the pool's throughput, under the name by which the dashboard knows it."""

from __future__ import annotations

from poolmgr.tui.widgets.graph import Graph


class Chart(Graph):
    """Tasks finished in each of the last 120 seconds."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id, span=120, empty="no task has finished in this time")
