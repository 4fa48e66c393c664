"""Where to start reading after an assignment: a little before the live position, to rebuild state."""

from __future__ import annotations

import re
from typing import NamedTuple

_METADATA = re.compile(r"csiflow ts=(\d+)")


class LogRange(NamedTuple):
    """What a partition holds."""

    begin: int
    """First offset kept."""
    end: int
    """Offset the next record will get."""


class Start(NamedTuple):
    """Where reading starts and where it becomes live."""

    read_from: int
    live_from: int
    lost: int
    """Records deleted by retention before this group had read them."""


def commit_metadata(timestamp_ms: int) -> str:
    """Text committed beside an offset: the time of the last processed record, from which warm-up counts back."""
    return f"csiflow ts={timestamp_ms}"


def committed_timestamp_ms(metadata: str) -> int | None:
    """Time stamp in committed metadata; ``None`` when somebody else made the commit."""
    found = _METADATA.fullmatch(metadata)
    return int(found[1]) if found else None


def live_position(committed: int | None, log: LogRange, *, from_end: bool) -> tuple[int, int]:
    """Return the offset of the first live record, and how many records retention took before it.

    Args:
        committed: The group's committed offset, ``None`` when it has none.
        log: What the partition holds.
        from_end: Without a commit, whether to begin at the end of the log instead of its beginning. A commit beyond
            the end means that the topic was made anew: everything in it is unread.
    """
    if committed is None:
        return (log.end if from_end else log.begin), 0
    if committed > log.end:
        return log.begin, 0
    return max(committed, log.begin), max(0, log.begin - committed)


def plan(committed: int | None, log: LogRange, since: int | None, max_records: int, *, from_end: bool) -> Start:
    """Decide where to read a partition.

    Args:
        committed: The group's committed offset, ``None`` when it has none.
        log: What the partition holds.
        since: Offset of the first record young enough for warm-up, ``None`` when there is none.
        max_records: Most records to read again.
        from_end: See :func:`live_position`.
    """
    live_from, lost = live_position(committed, log, from_end=from_end)
    read_from = live_from if since is None else min(since, live_from)
    return Start(max(read_from, live_from - max_records, log.begin), live_from, lost)
