"""The ledger adds up at every moment, whatever comes in and whatever Kafka does."""

from __future__ import annotations

import asyncio
import struct
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import KafkaConnectionError, MessageSizeTooLargeError, OutOfOrderSequenceNumber
from aiokafka.producer.message_accumulator import BatchBuilder
from csi_ingest.buffer import PendingBuffer
from csi_ingest.intake import Intake
from csi_ingest.ledger import Ledger, LedgerError, Outcome
from csi_ingest.nodes import NodeTable
from csi_ingest.publisher import Publisher
from csi_schemas.codec import BssidSlot, MultiBssid, Vitals, encode, encode_csi
from csi_schemas.topics import BY_NAME, FRAMES, TELEMETRY
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

SOURCE = ("192.0.2.1", 40000)
PARTITIONS = {0, 1, 2}


class ScriptedKafka:
    """Stands in for a producer whose acknowledgements the test hands out one by one."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.batches: list[tuple[str, int, int, asyncio.Future[object]]] = []
        cluster = SimpleNamespace(partitions_for_topic=lambda topic: PARTITIONS if topic in BY_NAME else None)
        self.client = SimpleNamespace(cluster=cluster)

    def create_batch(self) -> BatchBuilder:
        """A real batch builder, small enough to be filled."""
        return BatchBuilder(4096, 0)

    async def send_batch(self, batch: BatchBuilder, topic: str, *, partition: int) -> asyncio.Future[object]:
        """Note the batch; the test acknowledges it."""
        future: asyncio.Future[object] = self.loop.create_future()
        self.batches.append((topic, partition, batch.record_count(), future))
        return future

    async def stop(self) -> None:
        """Give up what is in flight, as aiokafka does."""
        for *_, future in self.batches:
            future.cancel()


class IngestMachine(RuleBasedStateMachine):
    """Datagrams arrive, batches are sent, acknowledged, refused, and given up, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        asyncio.set_event_loop(self.loop)
        self.ledger = Ledger()
        self.buffer = PendingBuffer(max_records=20, max_bytes=8000, dead_letter_share=0.5)
        self.intake = Intake(self.ledger, self.buffer, NodeTable(5.0))
        self.publisher = Publisher("", BY_NAME, self.buffer, self.ledger, away_after=1.0)
        self.kafka = ScriptedKafka(self.loop)
        self.received = 0
        self.frames_acknowledged = 0
        self.sequences: dict[int, int] = {}

    def teardown(self) -> None:
        """Close the loop."""
        self.run(self.kafka.stop())
        self.loop.close()
        asyncio.set_event_loop(None)

    def run(self, coroutine: Any) -> Any:
        """Run a coroutine to its end."""
        return self.loop.run_until_complete(coroutine)

    def receive(self, datagram: bytes) -> None:
        """One datagram comes in."""
        self.intake.take(datagram, 1_700_000_000_000_000_000, SOURCE, "live")
        self.received += 1

    @rule(node=st.integers(0, 4), copies=st.integers(1, 3), skip=st.sampled_from([1, 1, 1, 2, 5000]))
    def frame(self, node: int, copies: int, skip: int) -> None:
        """A CSI frame, once or as copies, perhaps after a gap or a restart."""
        sequence = self.sequences[node] = self.sequences.get(node, 0) + skip
        for _ in range(copies):
            self.receive(encode_csi(node, bytes(128), sequence=sequence, n_subcarriers=64))

    @rule()
    def telemetry(self) -> None:
        """A telemetry packet."""
        self.receive(struct.pack("<IBB26x", 0xC5110002, 3, 0))

    @rule(copies=st.integers(1, 2), skip=st.sampled_from([1, 1, 2, 5000]))
    def scan(self, copies: int, skip: int) -> None:
        """A multi-BSSID scan, once or as copies, perhaps after a gap or a restart."""
        sequence = self.sequences[-1] = self.sequences.get(-1, 0) + skip
        slots = (BssidSlot(slot=0, rssi_dbm=-50.0, age_ms=1),)
        for _ in range(copies):
            self.receive(encode(MultiBssid(host="00000000000000ff", sequence=sequence, uptime_ms=1, slots=slots)))

    @rule(junk=st.binary(max_size=700))
    def junk(self, junk: bytes) -> None:
        """A datagram that is no packet."""
        self.receive(b"\x00" + junk)

    @rule()
    def node_event(self) -> None:
        """Every node goes stale."""
        for event in self.intake.nodes.sweep(1e9, 1):
            self.intake.announce(event)

    @rule()
    def publish(self) -> None:
        """The publisher makes a round of batches."""

        async def round_of_batches() -> None:
            self.publisher._sort_arrived(self.kafka)
            while self.publisher._idle_with_work:
                await self.publisher._send(self.kafka, self.publisher._idle_with_work.pop())

        self.run(round_of_batches())

    @precondition(lambda self: self.kafka.batches)
    @rule(data=st.data())
    def acknowledge(self, data: st.DataObject) -> None:
        """Kafka acknowledges one batch in flight, in any order over the partitions."""
        index = data.draw(st.integers(0, len(self.kafka.batches) - 1))
        topic, _, count, future = self.kafka.batches.pop(index)
        self.frames_acknowledged += count if topic == FRAMES.name else 0
        future.set_result(None)
        self.run(asyncio.sleep(0))

    @precondition(lambda self: self.kafka.batches)
    @rule(error=st.sampled_from([OutOfOrderSequenceNumber, MessageSizeTooLargeError, KafkaConnectionError]))
    def fail(self, error: type[Exception]) -> None:
        """A batch fails for good: the rest is acknowledged or lost with the producer, and a new producer takes over."""
        *_, future = self.kafka.batches.pop(0)
        future.set_exception(error())
        self.run(asyncio.sleep(0))
        assert isinstance(self.publisher._failure, error)
        self.give_up()

    @rule()
    def give_up(self) -> None:
        """The producer ends with batches in flight; another takes over."""
        self.publisher._failure = None  # nothing more will come from this producer: do not wait for it
        self.run(self.publisher._retire(self.kafka))
        self.kafka = ScriptedKafka(self.loop)

    @invariant()
    def adds_up(self) -> None:
        """Received = outcomes + pending, pending is what is held, and nothing was counted that did not happen."""
        ledger = self.ledger
        assert ledger.imbalance() == 0
        assert ledger.total_received == self.received
        assert ledger.pending == self.buffer.datagrams
        assert ledger.outcomes[Outcome.PUBLISHED] == self.frames_acknowledged
        for outcome, details in ledger.details.items():
            assert details.total() == ledger.outcomes[outcome]

    @invariant()
    def the_buffer_counts_what_it_holds(self) -> None:
        """Its counts are those of the records in it, within its bounds."""
        lanes = self.buffer.lanes.values()
        held = [*self.buffer.arrived, *(r for lane in lanes for r in (*lane.sent, *lane.waiting))]
        assert len(held) == self.buffer.records <= self.buffer.max_records
        assert sum(len(r.value) for r in held) == self.buffer.size <= self.buffer.max_bytes
        assert sum(r.outcome is Outcome.REJECTED for r in held) == self.buffer.dead_letters

    @invariant()
    def every_sent_batch_is_in_flight_once(self) -> None:
        """At most one batch of a partition is in flight."""
        places = [(topic, partition) for topic, partition, _, _ in self.kafka.batches]
        assert len(places) == len(set(places))


IngestMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
test_counters_add_up_under_any_interleaving = IngestMachine.TestCase


def test_settling_more_than_was_received_is_an_error() -> None:
    """A defect shows as an exception, not as counters that drift."""
    ledger = Ledger()
    ledger.receive("live")
    ledger.settle(Outcome.DUPLICATE)
    with pytest.raises(LedgerError, match="only 0 are pending"):
        ledger.settle(Outcome.DUPLICATE)


@pytest.mark.parametrize(("outcome", "detail"), [(Outcome.REJECTED, None), (Outcome.PUBLISHED, "why")])
def test_an_outcome_has_a_detail_exactly_when_it_needs_one(outcome: Outcome, detail: str | None) -> None:
    """A reject without a reason, or a published frame with one, is a defect."""
    ledger = Ledger()
    ledger.receive("live")
    with pytest.raises(LedgerError):
        ledger.settle(outcome, detail)
    assert ledger.pending == 1


def test_telemetry_is_counted_by_its_kind() -> None:
    """The kind is the tag that the message carries in JSON."""
    ledger = Ledger()
    buffer = PendingBuffer(10, 10_000, 0.5)
    Intake(ledger, buffer, NodeTable(5.0)).take(struct.pack("<IBB26x", 0xC5110002, 3, 0), 5_000_000, SOURCE, "live")
    (held,) = buffer.arrived
    assert (held.topic, held.key, held.detail, held.timestamp_ms) == (TELEMETRY.name, b"3", "vitals", 5)
    assert Vitals.__struct_config__.tag == held.detail
