"""The pool in a few lines: what it is, how far it is, how it fares, and why."""

from __future__ import annotations

from textual.content import Content
from textual.strip import Strip
from textual.widget import Widget

from poolmgr.model.snapshot import PoolSnapshot, Rule, Verdict
from poolmgr.tui.format import bar, clock, count, fit, harmless, plural, rate, spark, time_of_day
from poolmgr.tui.marks import POOL_STYLES
from poolmgr.tui.repaint import regions
from poolmgr.tui.widgets.text_lines import TextLines

Piece = tuple[str, str]

#: What is said where there is no picture yet.
WAITING = "waiting for the first picture of the pool"
#: From this width on, the header also tells what only few people ask for.
ROOMY = 120


class PoolHeader(Widget):
    """Draws a snapshot's head figures. Pieces that do not fit are left out, the least important first."""

    DEFAULT_CSS = """
    PoolHeader { height: 3; }
    PoolHeader.-why { height: 4; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._snapshot: PoolSnapshot | None = None
        self._hertz = 0.0
        self._words: tuple[str, ...] = ()
        self._trouble = self._place = self._waiting = ""
        self._past, self._why_key = False, ""
        self._lines = TextLines(self)

    def take(
        self,
        snapshot: PoolSnapshot | None,
        *,
        hertz: float,
        words: tuple[str, ...] = (),
        trouble: str = "",
        place: str = "",
        waiting: str = WAITING,
        past: bool = False,
        why_key: str = "",
    ) -> None:
        """Show this picture.

        Args:
            snapshot: The newest one, or the last one that could be had.
            hertz: How often a new one comes.
            words: What the operator must not forget, such as FILTER.
            trouble: Why there is no newer one.
            place: Which of several pools it is; empty if there is one.
            waiting: What is said where there is no picture yet.
            past: It is a picture of the past.
            why_key: The key that shows what the verdict points at.
        """
        self._past, self._why_key = past, why_key
        self._snapshot, self._hertz, self._words, self._trouble = snapshot, hertz, words, harmless(trouble)
        self._place, self._waiting = place, harmless(waiting)
        # One line more, once there is a verdict.
        self.set_class(snapshot is not None and (past or snapshot.verdict is not None), "-why")
        width = self.size.width
        changed = self._lines.take(self._told(width), width)
        if changed:
            self.refresh(*regions(changed, width))

    def render(self) -> Content:
        """All of it; what the mouse selects is taken out of that."""
        return self._lines.content

    def render_line(self, y: int) -> Strip:
        """One line."""
        width = self.size.width
        if self._lines.width != width:
            # The first frame of a view is taken before it has a size.
            self._lines.take(self._told(width), width)
        return self._lines.strip(y, width)

    def on_resize(self) -> None:
        """Another width has room for other pieces."""
        self._lines.take(self._told(self.size.width), self.size.width)
        self.refresh()

    def notify_style_update(self) -> None:
        """Another theme has other colours."""
        self._lines.forget()
        super().notify_style_update()

    def _told(self, width: int) -> list[Content]:
        snapshot = self._snapshot
        if snapshot is None:
            text = self._trouble or self._waiting
            style = "$text-error" if self._trouble else "$text-muted"
            return [Content.assemble((" poolmgr  ", "bold"), (text, style))]
        if self._past:
            return [self._first(snapshot, width), *past_lines(snapshot, width)]
        lines = [self._first(snapshot, width), progress_line(snapshot, width), figures_line(snapshot, width)]
        if snapshot.verdict is not None:
            lines.append(verdict_line(snapshot.verdict, width, self._why_key))
        return lines

    def _first(self, snapshot: PoolSnapshot, width: int) -> Content:
        right: list[Piece] = [(f" {word} ", "$text-warning reverse") for word in self._words]
        if self._trouble:
            right.append((f" STALE {self._trouble}"[: max(12, width - 25)], "bold $text-error"))
        elif not self._past:
            right.append((f" LIVE {self._hertz:g}Hz ", "$text-success"))
        if width >= 60:
            right.append((" ?help ", "$text-muted"))
        room = width - sum(len(text) for text, _ in right)
        left = _fitting(_identity(snapshot, width, self._place, past=self._past), room)
        fill = " " * max(0, room - sum(len(text) for text, _ in left))
        return Content.assemble(*left, fill, *right)


def _identity(snapshot: PoolSnapshot, width: int, place: str, *, past: bool) -> list[Piece]:
    pieces: list[Piece] = [
        (" poolmgr ", "bold $text-primary"),
        (f" {harmless(snapshot.name)} ", "bold"),
        ("[PAST]", "bold $text-warning") if past else _state(snapshot),
        *([(f"  {place}", "$text-accent")] if place else []),
        *_crew(snapshot, past=past),
        (f"  up {clock(snapshot.uptime)}", ""),
    ]
    if width >= ROOMY and not past:
        if snapshot.viewers:
            # Others may act on it too.
            pieces.append((f"  attached {snapshot.viewers}", "$text-warning"))
        pieces.append((f"  pid {snapshot.pid}", "$text-muted"))
        if snapshot.board_pid is not None:
            pieces.append((f"  board pid {snapshot.board_pid}", "$text-muted"))
        if snapshot.monitor_percent > 0:
            pieces.append((f"  monitor {snapshot.monitor_percent:.1f}% cpu", "$text-muted"))
    return pieces


def _state(snapshot: PoolSnapshot) -> Piece:
    return f"[{snapshot.state.word}]", f"bold {POOL_STYLES[snapshot.state]}"


def past_lines(snapshot: PoolSnapshot, width: int) -> list[Content]:
    """Instead of the progress, the figures and the verdict: when it was, what is kept of it, and the way back."""
    # A slice may be a quarter of a second.
    when = f"{time_of_day(snapshot.time)}.{int(snapshot.time % 1 * 100):02}"
    columns = 24 if width >= ROOMY else 12
    pieces: list[Piece] = [(f" {rate(snapshot.rate)} tasks/s", "bold")]
    top = max(snapshot.history.throughput, default=0.0)
    if top > 0:
        pieces.append((f" {spark(snapshot.history.throughput, columns, top)}", "$text-accent"))
    pieces.append((f"  {plural(snapshot.counts.running, 'worker')} busy", ""))
    known = [worker.cpu_percent for worker in snapshot.workers if worker.cpu_percent is not None]
    if known:
        pieces.append((f"  cpu {sum(known):.0f}%", ""))
    way = [
        (" [ ]", "bold"), (" one slice  ", ""), ("{ }", "bold"), (" ten  ", ""), (".", "bold"), (" the present", ""),
        ("   what nobody keeps is left out", "$text-muted"),
    ]  # fmt: skip
    return [
        Content.assemble(*_fitting([(f" at {when}", "bold $text-warning"), ("  the pool as it was", "")], width)),
        Content.assemble(*_fitting(pieces, width)),
        Content.assemble(*_fitting(way, width)),
    ]


def _crew(snapshot: PoolSnapshot, *, past: bool) -> list[Piece]:
    """Who works there, and how it is run."""
    there = len(snapshot.workers)
    if snapshot.bare:
        return [(f"  {plural(there, 'process')}", ""), (f"  {snapshot.engine}", "$text-warning")]
    pieces: list[Piece] = [
        (f"  {plural(there, 'worker')}", "")
        if past
        else (f"  {there}/{snapshot.size} workers", "$text-warning" if there != snapshot.size else ""),
        (f"  {snapshot.start_method}", ""),
    ]
    return [*pieces, (f"  {harmless(snapshot.engine)}", "$text-accent")] if snapshot.engine else pieces


def progress_line(snapshot: PoolSnapshot, width: int) -> Content:
    """How many jobs ended of those there will be, as numbers, bar and percent, and when it will be over."""
    counts, whole = snapshot.counts, snapshot.whole
    if whole == 0 and snapshot.engine:
        # Only the program gives it any.
        return Content.assemble((" no jobs yet", "$text-muted"))
    if whole == 0:
        return Content.assemble(
            (" no jobs yet: press ", "$text-muted"), ("a", "bold"), (" to submit one", "$text-muted")
        )
    ended, left = counts.ended, f" {count(counts.ended)}/{count(whole)} "
    if snapshot.until is not None and snapshot.time < snapshot.until:
        # Jobs are added until then, so how many have ended of those there are says nothing.
        ended, whole = int(snapshot.uptime * 1000), int((snapshot.until - snapshot.started) * 1000)
        left = f" {count(counts.ended)} jobs "
    right = f" {_percent(ended, whole)}"
    if snapshot.eta is not None and ended < whole:
        right += f"  ETA {clock(snapshot.eta)}"
    room = width - len(left) - len(right) - 1
    if room < 4:
        return Content(f"{left}{right}"[:width])
    full = bar(ended, whole, room)
    done = full.rstrip(" ")
    return Content.assemble((left, "bold"), (done, "$success"), ("░" * (room - len(done)), "$text-disabled"), right)


def _percent(part: int, whole: int) -> str:
    # Rounding must not say 100% while one job of a million still runs.
    return f"{part * 100 // whole}%"


def figures_line(snapshot: PoolSnapshot, width: int) -> Content:
    """The rate and where the jobs are; what went wrong is told even when it is nothing."""
    counts = snapshot.counts
    history = snapshot.history.throughput
    columns = 24 if width >= ROOMY else 12
    pieces: list[Piece] = [(f" {rate(snapshot.rate)} tasks/s", "bold")]
    top = max(history, default=0.0)
    if top > 0:
        pieces.append((f" {spark(history, columns, top)}", "$text-accent"))
    pieces += [
        (f"  {count(counts.running)} run", ""),
        (f"  {count(counts.queued)} wait", ""),
        _bad(counts.failed, "failed", "$text-error"),
        _bad(counts.lost, "lost", "$text-error"),
        _bad(counts.killed, "killed", "$text-warning"),
    ]
    if counts.cancelled:
        pieces.append((f"  {count(counts.cancelled)} cancelled", "$text-warning"))
    if width >= ROOMY:
        pieces.append((f"  {count(counts.done)} done", ""))
        if counts.tasks_done:
            pieces.append((f"  {count(counts.tasks_done)} tasks", "$text-muted"))
        if snapshot.history.cpu:
            pieces.append((f"  cpu {snapshot.history.cpu[-1]:.0f}%", ""))
    return Content.assemble(*_fitting(pieces, width))


def verdict_line(verdict: Verdict, width: int, key: str = "") -> Content:
    """Why the pool is as fast as it is, and the one thing to do about it, as far as there is room.

    ``key`` shows what it points at.
    """
    style = "$text-success" if verdict.rule is Rule.HEALTHY else "$text-warning"
    pieces = [(" WHY  ", "$text-muted"), (f"{verdict.rule}  ", f"bold {style}")]
    right = [("  ", ""), (key, "bold"), (" show ", "$text-muted")] if key and width >= 60 else []
    room = width - sum(len(text) for text, _ in (*pieces, *right))
    words = harmless(f"{verdict.text}  {verdict.advice}".rstrip())
    return Content.assemble(*pieces, fit(words, max(0, room)) if right else fit(words, max(0, room)).rstrip(), *right)


def _bad(number: int, word: str, style: str) -> Piece:
    return f"  {count(number)} {word}", f"bold {style}" if number else "$text-muted"


def _fitting(pieces: list[Piece], room: int) -> list[Piece]:
    kept: list[Piece] = []
    for text, style in pieces:
        if len(text) > room:
            break
        kept.append((text, style))
        room -= len(text)
    return kept
