"""A scanner and a sink that do what a test says, on a clock the test owns."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from csi_schemas.codec import MultiBssid
from csi_wifiscan.access_point import AccessPoint

Step = Sequence[AccessPoint] | Exception | Callable[[], Sequence[AccessPoint]]


class Clock:
    """Monotonic seconds that pass only in waits; also the stop event, set when the script ends."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now
        self.waits: list[float] = []
        self.stopped = False

    def __call__(self) -> float:
        """Seconds."""
        return self.now

    def is_set(self) -> bool:
        """Whether to stop."""
        return self.stopped

    def wait(self, timeout: float) -> bool:
        """Let the time pass."""
        self.waits.append(timeout)
        self.now += timeout
        return self.stopped


class ScriptedScanner:
    """Plays a list of scans."""

    name = "scripted"
    native = True
    interval_s = 0.05

    def __init__(self, steps: Sequence[Step], trigger_interval_s: float | None = None) -> None:
        self.steps = list(steps)
        self.trigger_interval_s = trigger_interval_s
        self.triggers = 0
        self.refuse_triggers: Exception | None = None

    def scan(self) -> Sequence[AccessPoint]:
        """The next step; an exception is raised."""
        step = self.steps.pop(0)
        if isinstance(step, Exception):
            raise step
        return step() if callable(step) else step

    def trigger(self) -> None:
        """Counted."""
        self.triggers += 1
        if self.refuse_triggers is not None:
            raise self.refuse_triggers

    def close(self) -> None:
        """Nothing is held."""


class Collector:
    """Keeps packets."""

    def __init__(self) -> None:
        self.packets: list[MultiBssid] = []
        self.sent = 0
        self.failed = 0
        self.refusal: str | None = None

    def send(self, packet: MultiBssid) -> str | None:
        """Keep or refuse."""
        if self.refusal is None:
            self.packets.append(packet)
            self.sent += 1
        else:
            self.failed += 1
        return self.refusal
