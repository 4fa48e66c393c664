"""A node that changes its channel says so; one that hops does not."""

from __future__ import annotations

import msgspec
import pytest
from csi_events.health import HOLD_NS
from csi_events.processor import EventsProcessor
from csi_events.settings import EventsSettings
from csi_schemas.events import AnyEvent, NodeDegraded
from csi_schemas.frame import CsiFrame
from csi_schemas.sensing import SensingUpdate
from csi_schemas.topics import EVENTS, SENSING
from csi_streaming.testing import Harness
from unit.events.signals import EPOCH_NS, channel, frames_of, quantised, times

SECOND = 10**9
RATE_HZ = 20.0
FREQUENCIES = {6: 2437, 11: 2462}


def on_channel(number: int, begin_s: float, seconds: float) -> list[CsiFrame]:
    """Frames of a quiet room on this channel."""
    frames = round(seconds * RATE_HZ)
    t_ns = times(frames, RATE_HZ) + round(begin_s * SECOND)
    h = channel(frames, rate_hz=RATE_HZ, seed=number)
    return frames_of(quantised(h), t_ns, frequency_mhz=FREQUENCIES[number])


def said(*parts: list[CsiFrame], **settings: float) -> tuple[list[NodeDegraded], list[SensingUpdate]]:
    """Send frames one part after the other; what was degraded, and all updates."""
    worker = Harness(lambda partition: EventsProcessor(partition, EventsSettings(**settings)))  # type: ignore[arg-type]
    for part in parts:
        worker.send_frames(part)
        worker.tick(part[-1].timestamp_ns)
    events = [msgspec.json.decode(p.value, type=AnyEvent) for p in worker.outputs(EVENTS.name)]
    updates = [msgspec.json.decode(p.value, type=SensingUpdate) for p in worker.outputs(SENSING.name)]
    return [event for event in events if isinstance(event, NodeDegraded)], updates


def test_a_change_is_announced_once_and_shown() -> None:
    """Ten seconds after the change, on the new stream; its health names the channel before from then on."""
    events, updates = said(on_channel(6, 0, 20), on_channel(11, 20, 40))
    (event,) = events
    assert event.reason == "its channel changed from 6 to 11, where it calibrates anew"
    assert event.stream == "1x64@11"
    assert HOLD_NS <= event.timestamp_ns - (EPOCH_NS + 20 * SECOND) < HOLD_NS + 2 * SECOND
    since = [u for u in updates if u.stream == "1x64@11" and u.window.end_ns >= event.timestamp_ns]
    assert {u.health.channel_before for u in since if u.health is not None} == {6}
    assert all(u.health.channel_before is None for u in updates if u.health is not None and u.stream == "1x64@6")


def test_going_back_is_a_change_again() -> None:
    """Each direction is announced."""
    events, _ = said(on_channel(6, 0, 20), on_channel(11, 20, 20), on_channel(6, 40, 20))
    assert [event.stream for event in events] == ["1x64@11", "1x64@6"]


@pytest.mark.parametrize("dwell_s", [1.0, 5.0, 9.0])
def test_a_node_that_hops_has_not_changed(dwell_s: float) -> None:
    """Channels in turn, each for less than ten seconds: nothing to say."""
    turns = [on_channel((6, 11)[k % 2], k * dwell_s, dwell_s) for k in range(12)]
    events, _ = said(*turns)
    assert events == []


def test_a_forgotten_stream_leaves_nothing_behind() -> None:
    """A node that comes back on another channel after it was forgotten is new."""
    worker = Harness(lambda partition: EventsProcessor(partition, EventsSettings(idle_s=10)))
    worker.send_frames(on_channel(6, 0, 20))
    for now_s in (0, 30):
        worker.tick(EPOCH_NS + now_s * SECOND)
    worker.send_frames(on_channel(11, 100, 30))
    events = [msgspec.json.decode(p.value, type=AnyEvent) for p in worker.outputs(EVENTS.name)]
    assert not [event for event in events if isinstance(event, NodeDegraded)]
