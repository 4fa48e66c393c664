"""The loop: what is sent, when, and what happens when scans, triggers or the network fail."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import pytest
from csi_schemas.access_points import Band, Radio
from csi_schemas.codec import MultiBssid, decode, encode
from csi_wifiscan.access_point import AccessPoint
from csi_wifiscan.agent import Agent
from csi_wifiscan.errors import ScanError
from csi_wifiscan.pace import Pace
from hypothesis import given
from hypothesis import strategies as st
from unit.wifiscan.scripted import Clock, Collector, ScriptedScanner, Step

HOST = "00c0ffee00c0ffee"


def ap(number: int, rssi: float = -60.0) -> AccessPoint:
    """Access point of a number."""
    return AccessPoint(f"02:00:00:00:00:{number:02x}", rssi, "name", None, 36, Band.GHZ_5, Radio.AX, 30)


def agent(steps: Sequence[Step], clock: Clock, *, trigger_interval_s: float | None = None, sequence: int = 7) -> Agent:
    """An agent on a script."""
    scanner = ScriptedScanner(steps, trigger_interval_s)
    return Agent(scanner, Collector(), Pace(0.5, 2.0), HOST, epoch=3, sequence=sequence, clock=clock)


def test_each_scan_is_one_packet_that_ingest_can_read() -> None:
    """Host, epoch, counting sequence, uptime, and the slots as measured; the codec agrees."""
    clock = Clock()
    played = agent([[ap(1), ap(2, -70.25)], [ap(1, -58)]], clock, sequence=2**32 - 1)
    played.run(clock, max_scans=2)
    first, second = played.sink.packets  # type: ignore[attr-defined]
    assert decode(encode(first)) == first
    assert (first.host, first.epoch, first.native, first.sequence, second.sequence) == (HOST, 3, True, 2**32 - 1, 0)
    assert (first.uptime_ms, second.uptime_ms) == (0, round(1000 * clock.waits[0]))
    assert [(s.slot, s.rssi_dbm, s.age_ms, s.channel, s.band, s.radio) for s in first.slots] == [
        (0, -60.0, 30, 36, 2, 6),
        (1, -70.25, 30, 36, 2, 6),
    ]
    assert [(s.slot, s.rssi_dbm, s.rssi_variance_db2) for s in second.slots] == [(0, -58.0, 2.0), (1, -70.25, 0.0)]
    assert second.slots[1].age_ms == 30 + second.uptime_ms, "not heard again: its age says so"


def test_silence_is_sent_too() -> None:
    """A scan that hears nothing is a packet without slots, so that ingest knows the agent lives."""
    clock = Clock()
    played = agent([[]], clock)
    played.run(clock, max_scans=1)
    (packet,) = played.sink.packets  # type: ignore[attr-defined]
    assert len(encode(packet)) == 24


def test_a_failed_scan_is_an_event(caplog: pytest.LogCaptureFixture) -> None:
    """Counted, logged at the 1st, 2nd and 4th in a row, waited for ever longer, and over with the next good one."""
    clock = Clock()
    failures: list[Step] = [ScanError("busy"), OSError("02:aa:bb:cc:dd:ee"), ScanError("busy"), ScanError("busy")]
    played = agent([*failures, [ap(1)]], clock)
    with caplog.at_level(logging.INFO):
        played.run(clock, max_scans=5)
    assert (played.scans, played.failures) == (1, 4)
    assert clock.waits[:4] == [1, 2, 4, 8]
    assert [record.levelname for record in caplog.records] == ["WARNING"] * 3 + ["INFO"]
    assert "OSError in scan, line" in caplog.text
    assert "02:aa" not in caplog.text
    report = played.report()
    assert (report["scans"], report["failed_scans"], report["sent"], report["access_points"]) == (1, 4, 1, 1)


def test_a_failure_while_stopping_is_none(caplog: pytest.LogCaptureFixture) -> None:
    """Ctrl-C also ends the program that scans; that is no failed scan."""
    clock = Clock()

    def interrupted() -> Sequence[AccessPoint]:
        clock.stopped = True
        raise ScanError("killed")

    played = agent([interrupted], clock)
    played.run(clock)
    assert (played.scans, played.failures, caplog.text) == (0, 0, "")


def test_fresh_scans_are_asked_for_in_time_and_a_refusal_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    """Every trigger interval, not more often; without the right, scanning goes on with what others' scans find."""
    clock = Clock()
    played = agent([[ap(1)]] * 8, clock, trigger_interval_s=2.0)
    played.scanner.refuse_triggers = ScanError("needs more rights")  # type: ignore[attr-defined]
    played.run(clock, max_scans=8)
    elapsed = clock.now - 1000.0 - clock.waits[-1]
    assert played.scanner.triggers == played.triggers_refused  # type: ignore[attr-defined]
    assert 2 <= played.triggers_refused <= elapsed / 2.0 + 1
    assert caplog.text.count("needs more rights") == 1
    assert played.scans == 8


def test_a_network_that_refuses_is_said_once_and_counted(caplog: pytest.LogCaptureFixture) -> None:
    """The sequence counts on, so that ingest sees what is missing."""
    clock = Clock()
    played = agent([[ap(1)]] * 4, clock)
    sink = played.sink
    assert isinstance(sink, Collector)
    sink.refusal = "Network is unreachable"
    played.run(clock, max_scans=3)
    sink.refusal = None
    played.run(clock, max_scans=4)
    assert (sink.sent, sink.failed, sink.packets[0].sequence) == (1, 3, 10)
    assert caplog.text.count("unreachable") == 1


def test_a_late_start_is_jitter_and_not_a_faster_next_scan() -> None:
    """A scan that took longer than the interval moves the plan; jitter is what was late against it."""
    clock = Clock()

    def slow() -> Sequence[AccessPoint]:
        clock.now += 3.0
        return [ap(1)]

    class Late(Clock):
        def wait(self, timeout: float) -> bool:
            return super().wait(timeout + 0.25)

    late = Late()
    clock = late
    played = agent([slow, [ap(1)], [ap(1)]], late)
    played.run(late, max_scans=3)
    jitter = played.report()["jitter_ms"]
    assert jitter["max"] == pytest.approx(250)
    assert late.waits[0] == pytest.approx(3.25), "a scan of 3 s is followed by as long a pause"
    planned = played.pace.shortest_s * 1.25**2
    assert late.waits[1] == pytest.approx(planned), "what was late is taken off the next wait, so that the rate stays"


@given(st.lists(st.lists(st.builds(ap, st.integers(0, 60), st.floats(-300, 300)), max_size=45), max_size=6))
def test_whatever_is_heard_makes_a_packet(heard: list[list[AccessPoint]]) -> None:
    """Any number of access points at any strength: at most 32 slots, within the codec's limits, never 32 bytes long."""
    clock = Clock()
    played = agent(heard, clock)
    played.run(clock, max_scans=len(heard))
    assert isinstance(played.sink, Collector)
    assert len(played.sink.packets) == len(heard)
    for packet in played.sink.packets:
        datagram = encode(packet)
        assert len(datagram) == 24 + 12 * len(packet.slots) <= 24 + 12 * 32
        assert isinstance(decode(datagram), MultiBssid)
