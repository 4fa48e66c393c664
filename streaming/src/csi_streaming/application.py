"""The Faust application: batches in, processors in the middle, acknowledged outputs before commits."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import faust
import structlog
from faust.sensors import Monitor
from faust.tables.manager import TableManager
from faust.transport.drivers import aiokafka as driver

from csi_streaming.consumer import BUFFERED_BATCHES, BatchConsumer
from csi_streaming.outputs import OutputWriter
from csi_streaming.processing import Processing

if TYPE_CHECKING:
    from csi_streaming.processor import MakeProcessor
    from csi_streaming.settings import StreamingSettings

log = structlog.get_logger(__name__)

MAX_REQUEST_BYTES = 1_048_576
"""Kafka's own default for the largest record batch."""


class IdempotentProducer(driver.Producer):  # type: ignore[misc]  # Faust is untyped here
    """A producer whose retries make no duplicates."""

    mundane_level = "debug"

    def _settings_extra(self) -> dict[str, Any]:
        return {"acks": "all", "enable_idempotence": True, "bootstrap_servers": self.app.streaming.kafka}


class BatchTransport(driver.Transport):  # type: ignore[misc]  # Faust is untyped here
    """Faust's Kafka transport with our consumer and producer."""

    Consumer = BatchConsumer
    Producer = IdempotentProducer


class BatchTopic(faust.Topic):  # type: ignore[misc]  # Faust is untyped here
    """A topic whose messages carry a ``Delivery`` as it is."""

    def _compile_decode(self) -> None:
        """Leave :meth:`decode` alone: stock Faust replaces it by a decoder of keys and values."""

    async def decode(self, message: Any, *, propagate: bool = False) -> Any:  # noqa: ARG002 - Faust's signature
        """Wrap without decoding; processors decode records themselves."""
        return self._create_event(None, message.value, None, message=message)


class ImmediateTableManager(TableManager):  # type: ignore[misc]  # Faust is untyped here
    """Starts at once: the stock one sleeps a second to let tables register, and there are none."""

    mundane_level = "debug"

    async def on_start(self) -> None:
        """Start the recovery service, which is what resumes streams after a rebalance."""
        await self._update_channels()
        await self.recovery.start()


class SilentMonitor(Monitor):  # type: ignore[misc]  # Faust is untyped here
    """Counts nothing per message; our metrics are fed per batch."""

    mundane_level = "debug"

    def on_message_in(self, tp: Any, offset: int, message: Any) -> None:
        """Skip."""

    def on_message_out(self, tp: Any, offset: int, message: Any) -> None:
        """Skip."""

    def on_stream_event_in(self, tp: Any, offset: int, stream: Any, event: Any) -> None:
        """Skip."""

    def on_stream_event_out(self, tp: Any, offset: int, stream: Any, event: Any, state: Any = None) -> None:
        """Skip."""

    def on_tp_commit(self, tp_offsets: Any) -> None:
        """Skip."""


class StreamingApp(faust.App):  # type: ignore[misc]  # Faust is untyped here
    """One worker: an agent over one source topic."""

    mundane_level = "debug"

    def __init__(
        self,
        name: str,
        settings: StreamingSettings,
        make_processor: MakeProcessor,
        *,
        source: str,
        outputs: Sequence[str],
        tick_interval: float,
    ) -> None:
        self.service = name
        self.streaming = settings
        self.processing = Processing(name, make_processor, self._write)
        self._writer: OutputWriter | None = None
        self._output_topics = outputs
        self._tick_interval = tick_interval
        self._failure: BaseException | None = None
        group = settings.group_id or f"csiflow-{name}"
        super().__init__(
            group,
            broker=[f"kafka://{server}" for server in settings.kafka.split(",")],
            broker_client_id=group,
            broker_session_timeout=settings.session_timeout_s,
            broker_heartbeat_interval=settings.heartbeat_interval_s,
            broker_rebalance_timeout=settings.rebalance_timeout_s,
            broker_commit_interval=settings.commit_interval_s,
            producer_linger=settings.linger_ms / 1000,
            producer_max_batch_size=settings.max_batch_bytes,
            producer_max_request_size=MAX_REQUEST_BYTES,
            producer_request_timeout=settings.produce_timeout_s,
            store="memory://",
            web_enabled=False,
            topic_disable_leader=True,
            topic_allow_declare=False,
            stream_buffer_maxsize=4 * BUFFERED_BATCHES,
            stream_wait_empty=True,
            Topic=BatchTopic,
            TableManager=ImmediateTableManager,
            Monitor=SilentMonitor,
        )
        self.transport = BatchTransport(self.conf.broker_consumer, self)
        self.producer_transport = self.transport
        # acks off: Faust's own tracking of offsets is not used, see deliveries.py
        self.agent(self.topic(source, acks=False), name="batches")(self._run)

    def _create_directories(self) -> None:
        """Leave the working directory alone: there are no tables."""

    async def on_started(self) -> None:
        """Begin to tick when the partitions are assigned."""
        await super().on_started()
        self.add_future(self._tick())

    async def _run(self, stream: Any) -> None:
        """Process deliveries one after the other: the agent."""
        await self._prepare_writer()
        async for delivery in stream:
            if self._failure is not None:
                return  # Faust starts a failed agent again; what is left stays uncommitted
            try:
                self.processing.handle(delivery)
            except Exception:
                batch = delivery.batch
                offsets = (batch.records[0].offset, batch.records[-1].offset) if batch.records else None
                log.exception("processing failed", topic=batch.topic, partition=batch.partition, offsets=offsets)
                raise
            self.consumer.deliveries.notify()
            # heartbeats and the operations endpoint share this loop
            await asyncio.sleep(0)

    async def _on_agent_error(self, agent: Any, exc: BaseException) -> None:  # noqa: ARG002 - Faust's signature
        """Stop the worker: going on after a failed batch, as stock Faust does, would lose it."""
        self._fail(exc)

    async def _prepare_writer(self) -> None:
        producer = (await self.maybe_start_producer())._producer  # noqa: SLF001 - Faust has no name for it
        writer = OutputWriter(producer, MAX_REQUEST_BYTES, self._on_output_settled)
        await writer.declare(self._output_topics)
        self._writer = writer

    def _write(self, outputs: Any, partition: int) -> list[asyncio.Future[object]]:
        if self._writer is None:
            raise RuntimeError("outputs before the agent has started")
        return self._writer.write(outputs, partition)

    def _on_output_settled(self, future: asyncio.Future[object]) -> None:
        if not future.cancelled() and (error := future.exception()) is not None:
            self._fail(error)
        self.consumer.deliveries.notify()

    def _fail(self, error: BaseException) -> None:
        """Stop the worker with an error; its uncommitted records are processed again by whoever comes next."""
        if self._failure is None:
            self._failure = error
            log.error("worker fails", error=repr(error))
            self.loop.create_task(self.crash(error))

    async def _tick(self) -> None:
        while not self.should_stop:
            await self.sleep(self._tick_interval)
            if self.flow_control.is_active() and not self.should_stop:
                self.processing.tick(time.time_ns())
