"""What a stream application is to this package: a processor of batches that answers with outputs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from aiokafka import ConsumerRecord


class Output(NamedTuple):
    """One record to publish."""

    topic: str
    key: bytes | None
    value: bytes
    partition: int | None = None
    """``None``: the partition of the record it came from, which keeps topics that share a key in step."""


class Batch(NamedTuple):
    """Consecutive records of one partition, in offset order, all live or all replayed."""

    topic: str
    partition: int
    records: Sequence[ConsumerRecord[bytes | None, bytes]]
    """At least one; each has ``key``, ``value``, ``offset`` and ``timestamp`` (ms since the Unix epoch)."""
    replay: bool = False
    """Read again to rebuild state after an assignment: outputs of this batch are discarded."""


class Processor(Protocol):
    """The state and logic of one partition, for as long as this worker holds it.

    A new one is made for every assignment of the partition; it is dropped without notice when the partition is
    revoked. All calls come from the event loop's thread, one at a time.
    """

    def process(self, batch: Batch) -> Iterable[Output]:
        """Take one batch into the state and return what it gives rise to, in order.

        The iterable is consumed before anything else happens. An exception stops the worker, so a record that cannot
        be decoded must be skipped and counted (see ``decode_frames``), not raised.

        Args:
            batch: Live records, or replayed ones: these must fill the state, and their outputs are discarded.

        Returns:
            Outputs; the batch's offsets are committed after the broker has acknowledged all of them.
        """
        ...

    def tick(self, now_ns: int) -> Iterable[Output]:
        """Let time pass: return what is due by the clock alone, such as a window that timed out.

        Args:
            now_ns: Wall clock, ns since the Unix epoch. Called about every ``tick_interval`` seconds once the
                partition's warm-up is over, also when no records arrive.
        """
        ...


MakeProcessor = Callable[[int], Processor]
"""Makes the processor of a partition, given its number."""
