"""The in-memory worker for tests of processors behaves as the real one."""

from __future__ import annotations

from collections.abc import Iterable

from csi_streaming import Batch, Output
from csi_streaming.testing import Harness, Published
from unit.streaming.frames import frame


class Counting:
    """Publishes how many records it has seen, replayed ones included."""

    def __init__(self, partition: int) -> None:
        self.partition = partition
        self.seen = 0

    def process(self, batch: Batch) -> Iterable[Output]:
        """One output a record."""
        for record in batch.records:
            self.seen += 1
            yield Output("counts", record.key, b"%d at %d" % (self.seen, record.offset))

    def tick(self, now_ns: int) -> Iterable[Output]:
        """One output to a partition of its own choice."""
        return [Output("ticks", None, b"%d" % now_ns, 9)]


def test_values_are_delivered_with_offsets_and_published_to_their_partition() -> None:
    """Offsets count up per partition; outputs carry the source's partition unless they name one."""
    harness = Harness(Counting)
    assert harness.send(b"a", b"b", key=b"k") == [
        Published("counts", b"k", b"1 at 0", 0),
        Published("counts", b"k", b"2 at 1", 0),
    ]
    assert harness.send(b"c", partition=4) == [Published("counts", None, b"1 at 0", 4)]
    assert harness.send(b"d") == [Published("counts", None, b"3 at 2", 0)]
    assert [output.value for output in harness.outputs("counts")] == [b"1 at 0", b"2 at 1", b"1 at 0", b"3 at 2"]


def test_frames_are_keyed_by_node_and_batched() -> None:
    """Frames arrive as ingest would publish them."""
    harness = Harness(Counting)
    published = harness.send_frames([frame("7", i) for i in range(5)], batch_size=2)
    assert [(output.key, output.value) for output in published] == [(b"7", b"%d at %d" % (i + 1, i)) for i in range(5)]


def test_ticks_reach_every_assigned_partition() -> None:
    """Time passes where a partition was assigned."""
    harness = Harness(Counting)
    harness.send(b"a")
    harness.send(b"a", partition=1)
    assert harness.tick(5) == [Published("ticks", None, b"5", 9)] * 2


def test_a_reassignment_replays_into_new_state_and_publishes_nothing() -> None:
    """State is rebuilt from the last records only; live delivery goes on at the next offset."""
    harness = Harness(Counting)
    harness.send(*[b"x"] * 10)
    harness.published.clear()
    harness.reassign(replay_last=3, batch_size=2)
    assert harness.published == []
    assert [output.value for output in harness.send(b"y")] == [b"4 at 10"]
