"""Numbers of CPUs as people write them."""

from __future__ import annotations

from collections.abc import Iterable


def shorten(cpus: Iterable[int]) -> str:
    """``0-3,6`` for 0, 1, 2, 3 and 6."""
    parts: list[list[int]] = []
    for cpu in sorted(set(cpus)):
        if parts and parts[-1][-1] == cpu - 1:
            parts[-1].append(cpu)
        else:
            parts.append([cpu])
    return ",".join(str(part[0]) if len(part) == 1 else f"{part[0]}-{part[-1]}" for part in parts)


def spelled_out(text: str) -> tuple[int, ...]:
    """The numbers that ``0-3,6`` means.

    Raises:
        ValueError: It means none.
    """
    found: set[int] = set()
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        if not first.isdecimal() or (dash and not last.isdecimal()) or int(last or first) > 9999:
            raise ValueError("Write numbers of CPUs from 0, and ranges of them, such as 0-3,6.")
        found.update(range(int(first), int(last or first) + 1))
    if not found:
        raise ValueError(f"{text} means no CPU: the larger number comes last, as in 0-3.")
    return tuple(sorted(found))
