"""What we override or reach into in Faust, mode and aiokafka is there, as it was when this was written.

When a test here fails after an upgrade: read what the library changed, mend the module named by the test, run the flow
tests, then pin the new version here and in ``streaming/pyproject.toml``.
"""

from __future__ import annotations

import inspect
from importlib.metadata import version
from typing import Any

import aiokafka
import faust
import pytest
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.producer.message_accumulator import BatchBuilder, MessageAccumulator, MessageBatch
from csi_streaming.application import (
    BatchTopic,
    BatchTransport,
    IdempotentProducer,
    ImmediateTableManager,
    SilentMonitor,
    StreamingApp,
)
from csi_streaming.consumer import BatchConsumer
from faust.sensors import Monitor
from faust.tables.manager import TableManager
from faust.tables.recovery import Recovery
from faust.transport.consumer import Consumer, Fetcher
from faust.transport.drivers.aiokafka import Producer, Transport

OVERRIDDEN = [
    (BatchConsumer, Consumer, "on_stop", "(self) -> None"),
    (BatchConsumer, Consumer, "close", "(self) -> None"),
    (BatchConsumer, Consumer, "_drain_messages", "(self, fetcher: mode.types.services.ServiceT) -> None"),
    (BatchConsumer, Consumer, "on_buffer_full", "(self, tp: faust.types.tuples.TP) -> None"),
    (BatchConsumer, Consumer, "on_buffer_drop", "(self, tp: faust.types.tuples.TP) -> None"),
    (BatchConsumer, Consumer, "stop_flow", "(self) -> None"),
    (BatchConsumer, Consumer, "on_partitions_revoked", "(self, revoked: Set[faust.types.tuples.TP]) -> None"),
    (
        BatchConsumer,
        Consumer,
        "on_partitions_assigned",
        "(self, assigned: Set[faust.types.tuples.TP], generation_id: int = 0) -> None",
    ),
    (BatchConsumer, Consumer, "perform_seek", "(self) -> None"),
    (BatchConsumer, Consumer, "_new_offset", "(self, tp: faust.types.tuples.TP) -> Optional[int]"),
    (BatchConsumer, Consumer, "_commit", "(self, offsets: Mapping[faust.types.tuples.TP, int]) -> bool"),
    (
        BatchConsumer,
        Consumer,
        "_commit_offsets",
        "(self, offsets: Mapping[faust.types.tuples.TP, int], start_new_transaction: bool = True) -> bool",
    ),
    (BatchConsumer, Consumer, "wait_empty", "(self) -> None"),
    (IdempotentProducer, Producer, "_settings_extra", "(self) -> Mapping[str, Any]"),
    (BatchTopic, faust.Topic, "_compile_decode", "(self) -> None"),
    (ImmediateTableManager, TableManager, "on_start", "(self) -> None"),
    (StreamingApp, faust.App, "_create_directories", "(self) -> None"),
    (StreamingApp, faust.App, "on_started", "(self) -> None"),
    (
        StreamingApp,
        faust.App,
        "_on_agent_error",
        "(self, agent: faust.types.agents.AgentT, exc: BaseException) -> None",
    ),
]

CALLED = [
    (Consumer, "commit_and_end_transactions", ["self"]),
    (Consumer, "maybe_wait_for_commit_to_finish", ["self"]),
    (Consumer, "resume_flow", ["self"]),
    (Fetcher, "_fetcher", None),
    (TableManager, "_update_channels", ["self"]),
    (faust.App, "maybe_start_producer", ["self"]),
    (faust.App, "on_rebalance_start", ["self"]),
    (faust.Topic, "_create_event", ["self", "key", "value", "headers", "message"]),
    (GroupCoordinator, "fetch_committed_offsets", ["self", "partitions"]),
    (MessageAccumulator, "_append_batch", ["self", "builder", "tp"]),
    (MessageAccumulator, "create_builder", ["self", "key_serializer", "value_serializer"]),
    (BatchBuilder, "append", ["self", "timestamp", "key", "value", "headers"]),
    (MessageBatch, "__init__", ["self", "tp", "builder", "ttl", "linger_time"]),
]


@pytest.mark.parametrize(("package", "pinned"), [("faust-streaming", "0.15.3"), ("aiokafka", "0.14.0")])
def test_the_versions_are_the_ones_this_was_written_against(package: str, pinned: str) -> None:
    """Private parts of both are used, so an upgrade is a deliberate step."""
    assert version(package) == pinned


@pytest.mark.parametrize(
    ("ours", "theirs", "name", "signature"), OVERRIDDEN, ids=lambda each: getattr(each, "__name__", each)
)
def test_overridden_methods_exist_with_their_signatures(ours: type, theirs: type, name: str, signature: str) -> None:
    """An override of something that is gone or is called differently would be dead code, or a TypeError."""
    stock = getattr(theirs, name, None)
    assert stock is not None, f"{theirs.__module__}.{theirs.__name__}.{name} is gone; {ours.__module__} overrides it"
    assert issubclass(ours, theirs)
    assert getattr(ours, name) is not stock, f"{ours.__name__} no longer overrides {name}"
    assert str(inspect.signature(stock)) == signature
    expected = [(p.name, p.kind) for p in inspect.signature(stock).parameters.values()]
    assert [(p.name, p.kind) for p in inspect.signature(getattr(ours, name)).parameters.values()] == expected
    assert inspect.iscoroutinefunction(getattr(ours, name)) == inspect.iscoroutinefunction(stock)


@pytest.mark.parametrize(("owner", "name", "parameters"), CALLED)
def test_private_parts_we_call_exist(owner: type, name: str, parameters: list[str] | None) -> None:
    """Each is there, with the parameters we pass."""
    part: Any = getattr(owner, name, None)
    assert part is not None, f"{owner.__module__}.{owner.__name__}.{name} is gone"
    if parameters is not None:
        assert list(inspect.signature(part).parameters) == parameters


def test_our_consumer_implements_every_abstract_method() -> None:
    """A method that a new version asks for would fail at start."""
    assert not BatchConsumer.__abstractmethods__


def test_the_overrides_are_what_faust_uses() -> None:
    """The transport's, table manager's and monitor's attributes that make Faust use ours."""
    assert issubclass(BatchTransport, Transport)
    assert (BatchTransport.Consumer, BatchTransport.Producer) == (BatchConsumer, IdempotentProducer)
    hooks = {name for name, part in vars(SilentMonitor).items() if name.startswith("on_") and callable(part)}
    assert hooks
    for name in hooks:
        assert callable(getattr(Monitor, name))


def test_a_rebalance_ends_with_a_seek_before_the_flow_resumes() -> None:
    """Warm-up relies on this order, delivering on the last two steps being one."""
    source = inspect.getsource(Recovery._resume_streams)
    steps = ["resume_partitions(", "perform_seek()", "flow_control.resume()", "consumer.resume_flow()"]
    places = [source.index(step) for step in steps]
    assert places == sorted(places)
    assert "await" not in source[places[2] : places[3]]


def test_a_revocation_stops_the_flow_and_then_waits_for_the_streams() -> None:
    """Our ``wait_empty`` commits there, after delivering has stopped and before the partitions go."""
    source = inspect.getsource(faust.App._on_partitions_revoked)
    steps = ["consumer.stop_flow", "flow_control.suspend", "flow_control.clear", "_consumer_wait_empty"]
    places = [source.rindex(step) for step in steps]
    assert places == sorted(places)


def test_the_sender_numbers_batches_when_it_drains_them() -> None:
    """What makes direct appending safe with an idempotent producer: sequence numbers come at drain time, in order."""
    source = inspect.getsource(MessageAccumulator._pop_batch)
    assert source.index("popleft()") < source.index("sequence_number(") < source.index("increment_sequence_number(")
    assert isinstance(aiokafka.AIOKafkaProducer, type)
