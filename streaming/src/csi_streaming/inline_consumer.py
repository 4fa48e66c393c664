"""Faust's consumer interface over an aiokafka consumer on the application's own loop, without Faust's thread."""

from __future__ import annotations

from collections.abc import Awaitable, Iterable, Mapping
from typing import Any

import aiokafka
from aiokafka.abc import ConsumerRebalanceListener
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from aiokafka.errors import ConsumerStoppedError
from faust.exceptions import ConsumerNotStarted
from faust.transport.consumer import Consumer, ensure_TPset
from faust.types import TP

FETCH_WAIT_MS = 500
_NOT_USED = "this consumer delivers batches; tables, transactions and per-record streams are not supported"


class RebalanceListener(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka is untyped here
    """Passes aiokafka's rebalance calls to the Faust consumer."""

    def __init__(self, consumer: InlineConsumer) -> None:
        self._consumer = consumer

    def on_partitions_revoked(self, revoked: Iterable[Any]) -> Awaitable[None]:
        """Tell the application at once, before anything can run in between, then let it wind up."""
        self._consumer.app.on_rebalance_start()
        winding_up: Awaitable[None] = self._consumer.on_partitions_revoked(ensure_TPset(revoked))
        return winding_up

    async def on_partitions_assigned(self, assigned: Iterable[Any]) -> None:
        """Take over the new generation."""
        consumer = self._consumer
        consumer.app.consumer_generation_id = consumer.client._coordinator.generation  # noqa: SLF001 - no public name
        await consumer.on_partitions_assigned(ensure_TPset(assigned), consumer.app.consumer_generation_id)


class InlineConsumer(Consumer):  # type: ignore[misc]  # Faust is untyped here
    """A consumer whose calls cost no hop between threads; heartbeats share the loop with the processing."""

    mundane_level = "debug"
    consumer_stopped_errors = (ConsumerStoppedError,)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._client: aiokafka.AIOKafkaConsumer | None = None
        self.settings = self.app.streaming

    @property
    def client(self) -> aiokafka.AIOKafkaConsumer:
        """The started aiokafka consumer.

        Raises:
            ConsumerNotStarted: before :meth:`on_start`.
        """
        if self._client is None:
            raise ConsumerNotStarted("the consumer has not been started")
        return self._client

    async def on_start(self) -> None:
        """Connect."""
        settings = self.settings
        self._client = aiokafka.AIOKafkaConsumer(
            client_id=self.app.conf.broker_client_id,
            group_id=self.app.conf.id,
            bootstrap_servers=settings.kafka,
            partition_assignment_strategy=[RoundRobinPartitionAssignor],
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            max_poll_records=settings.max_poll_records,
            fetch_min_bytes=1,
            fetch_max_wait_ms=FETCH_WAIT_MS,
            session_timeout_ms=int(settings.session_timeout_s * 1000),
            heartbeat_interval_ms=int(settings.heartbeat_interval_s * 1000),
            rebalance_timeout_ms=int(settings.rebalance_timeout_s * 1000),
        )
        await self._client.start()

    async def on_stop(self) -> None:
        """Commit what was acknowledged and leave the group, so that others take over at once."""
        try:
            await super().on_stop()
        finally:
            if self._client is not None:
                await self._client.stop()

    def close(self) -> None:
        """Do nothing: a rebalance during the stop finds :meth:`on_stop` already closing the client."""

    async def subscribe(self, topics: Iterable[str]) -> None:
        """Subscribe, which makes the group rebalance."""
        self.client.subscribe(topics=sorted(topics), listener=RebalanceListener(self))

    def assignment(self) -> set[TP]:
        """Partitions this worker holds."""
        assigned: set[TP] = ensure_TPset(self.client.assignment())
        return assigned

    async def position(self, tp: TP) -> int | None:
        """Offset of the next record to fetch."""
        position: int = await self.client.position(tp)
        return position

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Seek to the committed offsets, without warm-up."""
        committed: Mapping[TP, int] = await self.client.seek_to_committed()
        return committed

    async def seek_wait(self, partitions: Mapping[TP, int]) -> None:
        """Seek."""
        for tp, offset in partitions.items():
            await self._seek(tp, offset)

    async def _seek(self, partition: TP, offset: int) -> None:
        self.client.seek(partition, offset)

    def highwater(self, tp: TP) -> int:
        """Offset the next record of the partition will get, as of the last fetch."""
        highwater: int = self.client.highwater(tp)
        return highwater

    async def highwaters(self, *partitions: TP) -> Mapping[TP, int]:
        """Offsets the next records will get."""
        offsets: Mapping[TP, int] = await self.client.end_offsets(partitions)
        return offsets

    async def earliest_offsets(self, *partitions: TP) -> Mapping[TP, int]:
        """First offsets kept."""
        offsets: Mapping[TP, int] = await self.client.beginning_offsets(partitions)
        return offsets

    def topic_partitions(self, topic: str) -> int | None:
        """Partition count of a topic, if known."""
        partitions = self.client.partitions_for_topic(topic)
        return None if partitions is None else len(partitions)

    def _new_topicpartition(self, topic: str, partition: int) -> TP:
        return TP(topic, partition)

    async def _getmany(self, active_partitions: set[TP] | None, timeout: float) -> Any:
        raise NotImplementedError(_NOT_USED)

    def _to_message(self, tp: TP, record: Any) -> Any:
        raise NotImplementedError(_NOT_USED)

    async def create_topic(self, *args: Any, **kwargs: Any) -> None:
        """Refuse: topics come from the registry (``csiflow topics create``), never from a consumer."""
        raise NotImplementedError(_NOT_USED)

    def key_partition(self, topic: str, key: bytes | None, partition: int | None = None) -> int | None:
        """Refuse: outputs name their partition."""
        raise NotImplementedError(_NOT_USED)
