"""Deliveries: what may be committed is the longest acknowledged prefix, and the window stays bounded."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from csi_streaming.deliveries import Deliveries, Delivery, Position
from csi_streaming.processor import Batch
from csi_streaming.testing import record
from hypothesis import given
from hypothesis import strategies as st

TOPIC = "t"


def delivery(first: int, n: int, *, partition: int = 0, replay: bool = False) -> Delivery:
    """A delivery of ``n`` records from offset ``first``; the record at offset i has time stamp 10 i."""
    records = [
        record(b"", topic=TOPIC, partition=partition, offset=i, timestamp_ms=10 * i) for i in range(first, first + n)
    ]
    return Delivery(Batch(TOPIC, partition, records, replay), generation=1)


def window(max_records: int = 10**6, max_batches: int = 10**6) -> Deliveries:
    """A window that does not limit unless told."""
    return Deliveries(max_records, max_batches)


async def test_nothing_is_committable_before_it_is_processed() -> None:
    """A delivered batch that nobody has processed holds its partition's position back."""
    deliveries = window()
    deliveries.add(delivery(0, 3))
    deliveries.settle()
    assert deliveries.positions == {}


async def test_a_batch_without_outputs_is_committable_once_processed() -> None:
    """Where nothing was published there is nothing to wait for; the position is after the last record."""
    deliveries, first = window(), delivery(5, 3)
    deliveries.add(first)
    first.outputs = ()
    deliveries.settle()
    assert deliveries.positions == {(TOPIC, 0): Position(8, 70)}


async def test_a_later_batch_waits_for_an_earlier_one() -> None:
    """The position never passes a batch whose outputs are not acknowledged, whatever came after it."""
    deliveries, first, second = window(), delivery(0, 2), delivery(2, 2)
    acknowledgement = asyncio.get_running_loop().create_future()
    for each in (first, second):
        deliveries.add(each)
    first.outputs, second.outputs = (acknowledgement,), ()
    deliveries.settle()
    assert deliveries.positions == {}
    acknowledgement.set_result(None)
    deliveries.settle()
    assert deliveries.positions[TOPIC, 0].offset == 4


async def test_a_failed_output_stops_the_position_for_good() -> None:
    """A batch with an output that could not be published is never committed, so it is processed again."""
    deliveries, first = window(), delivery(0, 2)
    failed = asyncio.get_running_loop().create_future()
    deliveries.add(first)
    first.outputs = (failed,)
    failed.set_exception(OSError("refused"))
    deliveries.settle()
    assert deliveries.positions == {}


async def test_replayed_records_move_no_position() -> None:
    """Records read again for warm-up lie before the position; processing them commits nothing."""
    deliveries, replayed = window(), delivery(0, 4, replay=True)
    deliveries.add(replayed)
    replayed.outputs = ()
    deliveries.settle()
    assert deliveries.positions == {}
    assert deliveries.records_in_flight == 0


async def test_the_window_fills_by_records_and_by_batches_and_empties_by_acknowledgement() -> None:
    """There is room below both limits only; an acknowledged batch makes room without anybody committing."""
    by_records, first = window(max_records=4), delivery(0, 4)
    by_records.add(first)
    assert not by_records.has_room()
    first.outputs = ()
    assert by_records.has_room()
    by_batches = window(max_batches=2)
    for i in range(2):
        assert by_batches.has_room()
        by_batches.add(delivery(i, 1))
    assert not by_batches.has_room()


async def test_who_waits_for_room_is_woken() -> None:
    """``changed`` returns after ``notify``, and when the partitions are revoked."""
    deliveries = window(max_records=1)
    deliveries.add(delivery(0, 1))
    for wake in (deliveries.notify, deliveries.forget):
        waiting = asyncio.create_task(deliveries.changed())
        await asyncio.sleep(0)
        assert not waiting.done()
        wake()
        await asyncio.wait_for(waiting, 5)
    assert deliveries.has_room()


@dataclass
class Naive:
    """The obvious twin: every batch of a partition with its acknowledgements, walked from the start each time."""

    batches: list[Delivery] = field(default_factory=list)
    acknowledged: dict[int, bool] = field(default_factory=dict)

    def offset(self) -> int | None:
        """End of the longest prefix in which everything is acknowledged."""
        end = None
        for i, batch in enumerate(self.batches):
            if not self.acknowledged.get(i):
                break
            end = batch.batch.records[-1].offset + 1
        return end


STEPS = st.lists(
    st.tuples(st.integers(0, 2), st.integers(1, 4), st.sampled_from(["deliver", "process", "acknowledge", "fail"])),
    max_size=60,
)


def acknowledge(twin: Naive, i: int) -> None:
    """Every output of batch ``i`` that is still open succeeds."""
    outputs = twin.batches[i].outputs or ()
    for future in outputs:
        if not future.done():
            future.set_result(None)
    twin.acknowledged[i] = all(future.exception() is None for future in outputs)


def fail(twin: Naive, i: int) -> None:
    """The first open output of batch ``i`` fails."""
    next(future for future in twin.batches[i].outputs or () if not future.done()).set_exception(OSError("refused"))
    twin.acknowledged[i] = False


def process(twin: Naive, i: int, outputs: int) -> None:
    """Batch ``i`` is processed and has so many outputs to wait for."""
    twin.batches[i].outputs = [asyncio.get_running_loop().create_future() for _ in range(outputs)]
    twin.acknowledged[i] = not outputs


@given(STEPS)
def test_positions_agree_with_the_naive_twin(steps: list[tuple[int, int, str]]) -> None:
    """After any interleaving of deliveries, processing and acknowledgements over three partitions, both agree."""

    async def run() -> None:
        deliveries = window()
        twins = {partition: Naive() for partition in range(3)}
        for partition, n, step in steps:
            twin = twins[partition]
            waiting = [i for i, each in enumerate(twin.batches) if each.outputs is None]
            open_ = [i for i, each in enumerate(twin.batches) if not all(f.done() for f in each.outputs or ())]
            if step == "deliver":
                first = twin.batches[-1].batch.records[-1].offset + 1 if twin.batches else 0
                twin.batches.append(delivery(first, n, partition=partition))
                deliveries.add(twin.batches[-1])
            elif step == "process" and waiting:
                process(twin, waiting[0], n - 1)
            elif step in {"acknowledge", "fail"} and open_:
                (acknowledge if step == "acknowledge" else fail)(twin, open_[n % len(open_)])
            deliveries.settle()
            for number, each in twins.items():
                position = deliveries.positions.get((TOPIC, number))
                assert (None if position is None else position.offset) == each.offset()

    asyncio.run(run())
