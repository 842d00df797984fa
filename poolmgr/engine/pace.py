"""The pace: whether it pays that both sides of a round trip look for a moment before they sleep.

On cores that have nothing else to do it does: a core that sleeps takes 40 us to wake.  On busy cores, or with both
sides on one, it does not: who looks keeps the other from running.  Nothing tells in advance, so round trips are
measured in both ways, mostly in the better one, and now and then in the other.

Pure: times come in, the way to go comes out.  Written by callers that take their own results, in any thread: the worst
that two at once can do is to lose a measurement.
"""

from __future__ import annotations

#: Round trips in the other way when it is tried; the first of them still has the worker in the old one.
TRY = 5
#: Round trips until the other way is tried again: after a change, and at the most when nothing changes.
SOON, LATE = 64, 1024
#: Weight of the newest measurement in the mean of its way.
WEIGHT = 0.2
#: To look must take less than this share of the time, for it keeps a core busy.
BETTER = 0.9
#: What a longer round trip counts (ns): one that met something rare must not decide.
LONGEST = 500_000
#: How many times slower the way that was chosen may become until the other is tried at once.
WORSE = 2.0


class Pace:
    """One for each pool."""

    def __init__(self) -> None:
        #: Whether both sides look now.
        self.looks = True
        #: Mean ns of a round trip by way; 0 if it was not tried yet.
        self.means = {True: 0.0, False: 0.0}
        self._chosen = True
        #: The mean of the chosen way when it was chosen.
        self._then = 0.0
        #: Round trips until the way changes, and how long the chosen one is kept.
        self._left = 2 * TRY
        self._keep = SOON
        self._first = True

    def took(self, ns: int) -> None:
        """A round trip has taken so long, without the time for which its job ran."""
        self._left -= 1
        if self._first:
            # The other side did not know of the change yet.
            self._first = False
            return
        looks = self.looks
        mean, new = self.means[looks], float(min(ns, LONGEST))
        self.means[looks] = mean + WEIGHT * (new - mean) if mean else new
        if looks == self._chosen and self._then and self.means[looks] > WORSE * self._then:
            self._left, self._keep = 0, SOON
        if self._left <= 0:
            self._turn()

    def _turn(self) -> None:
        if self.looks == self._chosen:
            # Measured anew: what it took in another hour says nothing.
            self.means[not self._chosen] = 0.0
            self.looks, self._left, self._first = not self._chosen, TRY, True
            return
        if not self.means[self.looks]:
            # Another thread has only just turned to it.
            return
        better = self.means[True] < BETTER * self.means[False]
        self._keep = min(2 * self._keep, LATE) if better == self._chosen else SOON
        self._first = better != self.looks
        self.looks = self._chosen = better
        self._left, self._then = self._keep, self.means[better]
