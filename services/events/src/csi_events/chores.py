"""What is still to do of windows that were judged: in short steps, a share of them with each frame."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

SHARE_US = 65.0
"""A share is steps of about so much time together, one at least."""
FIRST_US = 30.0
"""What the first step of a chore takes, about; after each it says itself what the next will take."""
SHARE_NS = 10_000_000
"""A frame does a share for each such time since the one before: one at least ..."""
MOST_SHARES = 16
"""... but no more than so many. The frame that completes a window does none, as the window is judged with it."""


def shares_after(since_ns: int) -> int:
    """Return how many shares a frame does that comes so long after the one before."""
    return min(max(since_ns // SHARE_NS, 1), MOST_SHARES)


@dataclass(slots=True)
class Chores:
    """Chores of one stream, the one under way first."""

    waiting: deque[Iterator[float]] = field(default_factory=deque)
    due_us: float = FIRST_US
    """What the next step will take, about."""
    awaited: bool = False
    """The first chore must be done before the next window is judged."""

    def add(self, chore: Iterator[float] | None, *, awaited: bool = False) -> None:
        """Take a chore, if it is one, after all others; one that is ``awaited`` goes before them. One can be."""
        if chore is None:
            return
        if awaited:
            self.waiting.appendleft(chore)
            self.awaited, self.due_us = True, FIRST_US
        else:
            self.waiting.append(chore)

    def share(self) -> bool:
        """Do a share; ``False`` when there is nothing to do."""
        spent_us = 0.0
        while self.waiting and (not spent_us or spent_us + self.due_us <= SHARE_US):
            spent_us += self.due_us
            self._step()
        return spent_us > 0.0

    def finish_awaited(self) -> None:
        """Do what is left of the chore that is awaited."""
        while self.awaited:
            self._step()

    def clear(self) -> None:
        """Leave everything undone."""
        self.waiting.clear()
        self.awaited, self.due_us = False, FIRST_US

    def _step(self) -> None:
        due_us = next(self.waiting[0], None)
        self.due_us = FIRST_US if due_us is None else due_us
        if due_us is None:
            self.waiting.popleft()
            self.awaited = False
