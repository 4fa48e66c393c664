"""The output writer against aiokafka's real accumulator: order, batching and refusals."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiokafka.cluster import ClusterMetadata
from aiokafka.producer.message_accumulator import MessageAccumulator
from aiokafka.record.memory_records import MemoryRecords
from csi_streaming.outputs import OutputTooLargeError, OutputWriter, UnknownDestinationError
from csi_streaming.processor import Output

MAX_REQUEST = 10_000


@dataclass
class Producer:
    """The part of a producer that the writer uses, without a broker behind it."""

    batch_bytes: int = 2_000
    _message_accumulator: Any = field(init=False)

    def __post_init__(self) -> None:
        self._message_accumulator = MessageAccumulator(ClusterMetadata(), self.batch_bytes, 0, 30)

    async def partitions_for(self, topic: str) -> set[int]:
        """Every topic has the partitions 0 to 3."""
        assert topic
        return {0, 1, 2, 3}

    def drain(self, topic: str, partition: int) -> list[bytes]:
        """Take the oldest batch of a partition as the sender does; return its values."""
        batch = self._message_accumulator._pop_batch((topic, partition))
        records = MemoryRecords(bytes(batch.get_data_buffer()))
        values = []
        while records.has_next():
            values += [record.value for record in records.next_batch()]
        batch.done(0)
        return values

    def drain_all(self, topic: str, partition: int) -> list[bytes]:
        """Values of every waiting batch of a partition, in the order the sender would send them."""
        values = []
        while self._message_accumulator._batches.get((topic, partition)):
            values += self.drain(topic, partition)
        return values


async def writer(
    producer: Producer, on_settled: Callable[[asyncio.Future[object]], None] = lambda _: None
) -> OutputWriter:
    """A writer that may write to ``out`` and ``other``."""
    made: Any = OutputWriter(producer, MAX_REQUEST, on_settled)
    await made.declare(["out", "other"])
    return made  # type: ignore[no-any-return]


def values(n: int, size: int = 100) -> list[bytes]:
    """Distinct values."""
    return [b"%06d" % i + b"x" * (size - 6) for i in range(n)]


async def test_outputs_keep_their_order_over_many_batches() -> None:
    """Whether a batch is full or a write begins anew, the records of a partition leave in the order written."""
    producer = Producer()
    out, expected = await writer(producer), values(100)
    for start in range(0, 100, 7):
        out.write([Output("out", b"k", value) for value in expected[start : start + 7]], partition=1)
    assert len(producer._message_accumulator._batches["out", 1]) > 3
    assert producer.drain_all("out", 1) == expected


async def test_order_holds_when_the_sender_takes_batches_in_between() -> None:
    """A batch that has left is never appended to; a batch put back for a retry stays in front and closed."""
    producer = Producer()
    out = await writer(producer)
    out.write([Output("out", None, b"first")], partition=0)
    accumulator = producer._message_accumulator
    retried = accumulator._pop_batch(("out", 0))
    retried.get_data_buffer()
    accumulator.reenqueue(retried)
    out.write([Output("out", None, b"second")], partition=0)
    waiting = [batch.record_count for batch in accumulator._batches["out", 0]]
    assert waiting == [1, 1]
    assert accumulator._batches["out", 0][0] is retried


async def test_outputs_go_to_the_partition_of_their_source_unless_they_name_one() -> None:
    """``partition=None`` means the source's partition."""
    producer = Producer()
    out = await writer(producer)
    out.write(
        [Output("out", None, b"here"), Output("out", None, b"there", 3), Output("other", None, b"else")], partition=2
    )
    assert producer.drain_all("out", 2) == [b"here"]
    assert producer.drain_all("out", 3) == [b"there"]
    assert producer.drain_all("other", 2) == [b"else"]


async def test_a_write_returns_each_acknowledgement_once() -> None:
    """One future for the batches of a small write, shared by writes that share a batch; resolved by the sender."""
    producer = Producer()
    settled: list[asyncio.Future[object]] = []
    out = await writer(producer, settled.append)
    first = out.write([Output("out", None, value) for value in values(3)], partition=0)
    second = out.write([Output("out", None, b"more"), Output("other", None, b"x")], partition=0)
    assert len(first) == 1
    assert len(second) == 2
    assert second[0] is first[0]
    producer.drain("out", 0)
    await asyncio.sleep(0)
    assert settled == first
    assert first[0].done()
    assert not second[1].done()


async def test_keys_may_be_missing_and_no_outputs_need_nothing() -> None:
    """A record without a key is written; an empty write has no acknowledgements."""
    producer = Producer()
    out = await writer(producer)
    assert out.write([], partition=0) == []
    out.write([Output("out", None, b"v")], partition=0)
    assert producer.drain("out", 0) == [b"v"]


@pytest.mark.parametrize("output", [Output("elsewhere", None, b"v"), Output("out", None, b"v", 4)])
async def test_an_undeclared_topic_or_partition_is_refused_by_name(output: Output) -> None:
    """The error says which destination it was and what was declared."""
    out = await writer(Producer())
    with pytest.raises(UnknownDestinationError, match=rf"{output.topic}\[.*other with 4 partitions"):
        out.write([output], partition=0)


async def test_an_output_larger_than_a_request_is_refused() -> None:
    """It is refused here, where the processor is known, not minutes later by the broker."""
    out = await writer(Producer())
    with pytest.raises(OutputTooLargeError, match=f"{MAX_REQUEST} bytes"):
        out.write([Output("out", None, b"x" * MAX_REQUEST)], partition=0)


async def test_a_dead_producer_is_not_written_to() -> None:
    """After the sender has failed for good, a write raises its error instead of waiting for ever."""
    producer = Producer()
    out = await writer(producer)
    producer._message_accumulator.fail_all(OSError("fenced"))
    with pytest.raises(OSError, match="fenced"):
        out.write([Output("out", None, b"v")], partition=0)
