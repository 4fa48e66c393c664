"""The loop: scan, give slots, send, wait; a failed scan is an event, not an end."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from csi_wifiscan.errors import ScanError
from csi_wifiscan.frame import multi_bssid
from csi_wifiscan.pace import Jitter, Pace
from csi_wifiscan.privacy import anonymous
from csi_wifiscan.registry import Registry

if TYPE_CHECKING:
    from csi_schemas.codec import MultiBssid

    from csi_wifiscan.scanners import Scanner

log = logging.getLogger(__name__)

REPORT_INTERVAL_S = 30.0


class Stop(Protocol):
    """What ``threading.Event`` offers to wait with."""

    def is_set(self) -> bool:
        """Whether to stop."""
        ...

    def wait(self, timeout: float) -> bool:
        """Wait for it; returns whether to stop."""
        ...


class Sink(Protocol):
    """Where packets go."""

    sent: int
    failed: int

    def send(self, packet: MultiBssid) -> str | None:
        """Send one packet; returns why it could not go."""
        ...


@dataclass(slots=True)
class Agent:
    """One host's agent. ``clock`` and the stop event are the only sense of time it has."""

    scanner: Scanner
    sink: Sink
    pace: Pace
    host: str
    epoch: int
    sequence: int
    """Of the first frame; drawn at random, so that a restart shows as one."""
    registry: Registry = field(default_factory=Registry)
    clock: Any = time.monotonic
    scans: int = 0
    failures: int = 0
    triggers_refused: int = 0
    recycled: int = 0
    jitter: Jitter = field(default_factory=Jitter)
    _started: float = 0.0
    _triggered: float | None = None
    _said: set[str] = field(default_factory=set)

    def run(self, stop: Stop, max_scans: int | None = None) -> None:
        """Scan until told to stop, or for so many scans."""
        self._started = due = reported = self.clock()
        while not stop.is_set() and (max_scans is None or self.scans + self.failures < max_scans):
            now = self.clock()
            late = now - due
            self.jitter.add(late)
            interval = self._step(now, stop)
            due += interval + (late if late > interval else 0.0)  # keeps the rate, and does not catch up in a burst
            if self.clock() - reported >= REPORT_INTERVAL_S:
                reported = self.clock()
                log.info("report %s", self.report())
            if stop.wait(max(0.0, due - self.clock())):
                break

    def report(self) -> dict[str, Any]:
        """Figures of the run so far."""
        jitter = self.jitter.percentiles()
        return {
            "scanner": self.scanner.name,
            "scans": self.scans,
            "failed_scans": self.failures,
            "sent": self.sink.sent,
            "not_sent": self.sink.failed,
            "access_points": sum(1 for _ in self.registry.active()),
            "recycled_slots": self.recycled,
            "interval_ms": round(self.pace.interval_s * 1000, 1),
            "jitter_ms": jitter._asdict() if jitter else None,
        }

    def _step(self, now: float, stop: Stop) -> float:
        """Make one scan; returns the seconds from ``now`` to the next."""
        self._trigger(now)
        try:
            readings = self.scanner.scan()
        except Exception as error:  # noqa: BLE001 - whatever a platform throws is a failed scan
            if stop.is_set():  # Ctrl-C reaches the program that scans, too
                return 0.0
            self.failures += 1
            wait = self.pace.failed()
            if self.pace.failures & (self.pace.failures - 1) == 0:  # the 1st, 2nd, 4th, 8th ... in a row
                log.warning("scan failed, %d in a row: %s; next in %.1f s", self.pace.failures, anonymous(error), wait)
            return wait
        if self.pace.failures:
            log.info("scans work again after %d failures", self.pace.failures)
        finished = self.clock()
        update = self.registry.update(readings, finished)
        self.scans += 1
        self.recycled += update.recycled
        packet = multi_bssid(
            self.registry,
            host=self.host,
            sequence=self.sequence + self.scans - 1,
            epoch=self.epoch,
            uptime_s=finished - self._started,
            now=finished,
            native=self.scanner.native,
        )
        refused = self.sink.send(packet)
        if refused is not None:
            self._once(f"the network refuses packets: {refused}")
        if update.without_slot:
            self._once("more access points than slots; the weaker ones wait until a slot is free")
        return self.pace.scanned(update.fresh, update.moved, finished - now)

    def _trigger(self, now: float) -> None:
        every = self.scanner.trigger_interval_s
        if every is None or (self._triggered is not None and now - self._triggered < every):
            return
        self._triggered = now
        try:
            self.scanner.trigger()
        except ScanError as error:
            self.triggers_refused += 1
            self._once(f"no fresh scans on demand, others' scans are read: {error}")

    def _once(self, message: str) -> None:
        if message not in self._said:
            self._said.add(message)
            log.warning("%s", message)
