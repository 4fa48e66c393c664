"""Producing at a few microseconds a record: outputs go straight into aiokafka's record accumulator.

``AIOKafkaProducer.send`` costs a coroutine and a future per record, ``send_batch`` waits until the previous batch of
the partition has left. Here records are appended to the open batch of their partition as ``send`` would do, with one
acknowledgement per batch. Ordering and idempotence stay aiokafka's: its sender numbers batches when it drains them,
one request per partition at a time. test_library_seams.py checks that the private parts used here are there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from aiokafka import TopicPartition

if TYPE_CHECKING:
    from aiokafka import AIOKafkaProducer

    from csi_streaming.processor import Output

RECORD_OVERHEAD_BYTES = 100
"""More than a record's own header and its share of the batch's."""


class UnknownDestinationError(RuntimeError):
    """An output names a topic or partition that is not among those the service declared."""


class OutputTooLargeError(RuntimeError):
    """An output is larger than a request may be; the broker would refuse it."""


class OutputWriter:
    """Appends outputs to the producer's open batches."""

    def __init__(
        self,
        producer: AIOKafkaProducer,
        max_request_bytes: int,
        on_settled: Callable[[asyncio.Future[object]], None],
    ) -> None:
        """Write to a started producer; ``on_settled`` is called with every acknowledgement, failed ones too."""
        accumulator: Any = producer._message_accumulator  # noqa: SLF001 - the point of this module
        self._producer = producer
        self._accumulator = accumulator
        self._max_value_bytes = max_request_bytes - RECORD_OVERHEAD_BYTES
        self._on_settled = on_settled
        self._partitions: dict[str, frozenset[int]] = {}

    async def declare(self, topics: Iterable[str]) -> None:
        """Fetch the partitions of every topic that may be written to.

        Raises:
            aiokafka.errors.KafkaError: A topic does not exist.
        """
        for topic in topics:
            self._partitions[topic] = frozenset(await self._producer.partitions_for(topic))

    def write(self, outputs: Iterable[Output], partition: int) -> list[asyncio.Future[object]]:
        """Append outputs in order; those without a partition of their own go to ``partition``.

        Returns:
            The acknowledgements of the batches they are in, each once.

        Raises:
            UnknownDestinationError: The topic was not declared or has no such partition.
            OutputTooLargeError: The record would not fit a request.
        """
        open_batches: dict[tuple[str, int], Any] = {}
        futures: dict[asyncio.Future[object], None] = {}
        for topic, key, value, own_partition in outputs:
            slot = (topic, partition if own_partition is None else own_partition)
            batch = open_batches.get(slot)
            # a batch can only fill up between two appends, not be sent: nothing here yields to the event loop
            if batch is None or batch._builder.append(timestamp=None, key=key, value=value) is None:  # noqa: SLF001
                open_batches[slot] = batch = self._append_to_tail(slot, key, value)
                futures[batch.future] = None
        return list(futures)

    def _append_to_tail(self, slot: tuple[str, int], key: bytes | None, value: bytes) -> Any:
        """Append to the partition's youngest waiting batch, or to a new one; return that batch."""
        waiting = self._accumulator._batches.get(slot)  # noqa: SLF001
        if waiting:
            batch = waiting[-1]
            if batch._builder.append(timestamp=None, key=key, value=value) is not None:  # noqa: SLF001
                return batch
        return self._append_to_new(slot, key, value)

    def _append_to_new(self, slot: tuple[str, int], key: bytes | None, value: bytes) -> Any:
        topic, partition = slot
        if partition not in self._partitions.get(topic, ()):
            raise UnknownDestinationError(
                f"output for {topic}[{partition}], but the service declared {self._describe_partitions()}; "
                "name the topic in run_service(outputs=...)"
            )
        if len(value) + len(key or b"") > self._max_value_bytes:
            raise OutputTooLargeError(
                f"output of {len(value)} bytes for {topic}[{partition}] does not fit a request of "
                f"{self._max_value_bytes} bytes"
            )
        if self._accumulator._exception is not None:  # noqa: SLF001
            raise self._accumulator._exception  # noqa: SLF001
        builder = self._accumulator.create_builder()
        builder.append(timestamp=None, key=key, value=value)
        batch = self._accumulator._append_batch(builder, TopicPartition(topic, partition))  # noqa: SLF001
        batch.future.add_done_callback(self._on_settled)
        return batch

    def _describe_partitions(self) -> str:
        if not self._partitions:
            return "no topics"
        return ", ".join(f"{topic} with {len(partitions)} partitions" for topic, partitions in self._topics())

    def _topics(self) -> Iterator[tuple[str, frozenset[int]]]:
        return iter(sorted(self._partitions.items()))
