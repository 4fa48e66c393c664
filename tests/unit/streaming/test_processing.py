"""The agent's side, with processors that write down what they are given."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator

import pytest
from csi_streaming.deliveries import Delivery
from csi_streaming.processing import Processing
from csi_streaming.processor import Batch, Output
from csi_streaming.testing import record
from prometheus_client import REGISTRY


class Recorder:
    """A processor that remembers its batches and ticks; every record and tick gives one output."""

    def __init__(self, partition: int) -> None:
        self.partition = partition
        self.offsets: list[int] = []
        self.replayed: list[int] = []
        self.ticks: list[int] = []

    def process(self, batch: Batch) -> Iterator[Output]:
        """Lazily, as a real processor may."""
        for each in batch.records:
            (self.replayed if batch.replay else self.offsets).append(each.offset)
            yield Output("out", each.key, b"%d" % each.offset)

    def tick(self, now_ns: int) -> Iterable[Output]:
        """Remember the time."""
        self.ticks.append(now_ns)
        return [Output("out", None, b"tick")]


class Worker:
    """A ``Processing`` whose outputs are kept."""

    def __init__(self, app: str) -> None:
        self.app = app
        self.made: list[Recorder] = []
        self.written: list[tuple[bytes, int]] = []
        self.processing = Processing(app, self._make, self._write)

    def _make(self, partition: int) -> Recorder:
        self.made.append(Recorder(partition))
        return self.made[-1]

    def _write(self, outputs: Iterable[Output], partition: int) -> list[asyncio.Future[object]]:
        self.written += [(output.value, partition) for output in outputs]
        return []

    def metric(self, name: str, **labels: str) -> float:
        """A sample of this application."""
        return REGISTRY.get_sample_value(f"csiflow_stream_{name}", {"app": self.app, **labels}) or 0.0


def delivery(
    *offsets: int, partition: int = 0, replay: bool = False, ends_warm_up: bool = False, generation: int = 1
) -> Delivery:
    """A delivery of these offsets."""
    records = [record(b"", topic="t", partition=partition, offset=offset) for offset in offsets]
    return Delivery(Batch("t", partition, records, replay), generation, ends_warm_up)


@pytest.fixture
def worker(request: pytest.FixtureRequest) -> Worker:
    """A worker that holds the partitions 0 and 1 in generation 1."""
    made = Worker(request.node.name)
    made.processing.assign([("t", 0), ("t", 1)], generation=1)
    return made


def test_live_records_are_processed_and_published_to_their_partition(worker: Worker) -> None:
    """Outputs are written with the source's partition; the delivery then knows what it waits for."""
    live = delivery(5, 6, partition=1)
    worker.processing.handle(live)
    assert worker.made[1].offsets == [5, 6]
    assert worker.written == [(b"5", 1), (b"6", 1)]
    assert live.acknowledged
    assert worker.metric("records_total", replay="false") == 2
    assert worker.metric("batches_total") == 1


def test_replayed_records_fill_the_state_and_publish_nothing(worker: Worker) -> None:
    """The processor sees them to the last one, even when it yields its outputs lazily; nothing is written."""
    replayed = delivery(1, 2, 3, replay=True)
    worker.processing.handle(replayed)
    assert worker.made[0].replayed == [1, 2, 3]
    assert worker.written == []
    assert replayed.acknowledged
    assert worker.metric("records_total", replay="true") == 3
    assert worker.metric("records_total", replay="false") == 0


def test_readiness_waits_for_every_partition_and_ticks_begin_with_it(worker: Worker) -> None:
    """A partition is live after its warm-up, even an empty one; before that no time passes in it."""
    assert worker.processing.waiting_for() == "warming up 2 of 2 partitions"
    worker.processing.handle(delivery(1, replay=True))
    worker.processing.handle(delivery(replay=True, ends_warm_up=True))
    worker.processing.tick(77)
    assert worker.processing.waiting_for() == "warming up 1 of 2 partitions"
    assert (worker.made[0].ticks, worker.made[1].ticks) == ([77], [])
    assert worker.written == [(b"tick", 0)]
    worker.processing.handle(delivery(1, partition=1, ends_warm_up=True))
    assert worker.processing.waiting_for() is None


def test_a_new_generation_begins_with_new_state(worker: Worker) -> None:
    """After a rebalance no processor of before is asked again, and a delivery of before is left unprocessed."""
    worker.processing.handle(delivery(1))
    worker.processing.drop()
    assert worker.processing.waiting_for() == "no partitions assigned yet"
    worker.processing.assign([("t", 0)], generation=2)
    late = delivery(2)
    worker.processing.handle(late)
    assert not late.acknowledged
    worker.processing.handle(delivery(2, generation=2))
    worker.processing.tick(1)
    assert [each.offsets for each in worker.made] == [[1], [], [2]]
    assert worker.metric("partitions") == 1


def test_a_worker_without_partitions_stands_by(worker: Worker) -> None:
    """More workers than partitions: the one without any is ready to take over, and ready says so."""
    worker.processing.assign([], generation=2)
    assert worker.processing.waiting_for() is None


def test_a_failing_processor_leaves_its_delivery_uncommitted(worker: Worker) -> None:
    """The exception reaches the worker, which stops; the batch stays unacknowledged."""

    def fail(_: Batch) -> Iterable[Output]:
        raise ValueError("broken")

    worker.made[0].process = fail  # type: ignore[assignment,method-assign]  # this one breaks
    broken = delivery(1)
    with pytest.raises(ValueError, match="broken"):
        worker.processing.handle(broken)
    assert not broken.acknowledged
