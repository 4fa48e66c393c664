"""A made-up room for tests of fingerprints: what each state does to each access point."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from csi_events.multi_bssid.fingerprint.document import STATES, Fingerprints
from csi_events.multi_bssid.fingerprint.learn import Take, learn
from csi_events.multi_bssid.scan import Scan, from_frame
from csi_schemas.frame import MultiBssidFrame
from csi_schemas.telemetry import BssidSlot

NODE = "00c0ffee00c0ffee"
SCAN_HZ = 10.0


@dataclass
class Room:
    """Access points on channels of their own or shared, each with its level, and shadows by state."""

    access_points: int = 12
    shared_channels: int = 12
    """Different (channel, band) pairs: fewer than access points, and some share one."""
    seed: int = 1
    gain_db: float = 0.0
    epoch: int = 7
    uptime_s: float = 100.0
    t_s: float = 1.7e9
    order: list[int] = field(default_factory=list)
    """Access point of each slot; empty: as they come."""
    first: int = 0
    """The first access points are switched off."""

    def __post_init__(self) -> None:
        """Draw the room."""
        random = np.random.default_rng(self.seed)
        self.level = random.uniform(-85.0, -45.0, self.access_points)
        self.shadow = {
            state: np.where(random.random(self.access_points) < 0.5, random.uniform(3.0, 8.0, self.access_points), 0.0)
            for state in STATES
        }
        self.shadow["empty"][:] = 0.0
        self.random = np.random.default_rng([self.seed, 1])
        self.order = self.order or list(range(self.access_points))

    def restart(self, order: list[int] | None = None) -> None:
        """Start the agent anew: another epoch, another numbering."""
        self.epoch, self.uptime_s, self.t_s = self.epoch + 1, 1.0, self.t_s + 60.0
        self.order = order if order is not None else self.random.permutation(self.access_points).tolist()

    def frame(self, state: str) -> MultiBssidFrame:
        """Scan once."""
        self.t_s += 1.0 / SCAN_HZ
        self.uptime_s += 1.0 / SCAN_HZ
        away = self.random.normal(0.0, 2.5 if state == "walking" else 0.0, self.access_points) * (
            self.shadow[state] > 0
        )
        level = self.level - self.shadow[state] + away + self.gain_db
        readings = np.round(level + self.random.normal(0.0, 0.7, self.access_points), 0)
        slots = tuple(
            BssidSlot(
                slot,
                float(readings[a]),
                0,
                channel=1 + a % self.shared_channels,
                band=1,
                radio=4 + a % self.shared_channels % 3,
                generation=3,
            )
            for slot, a in enumerate(self.order)
            if a >= self.first
        )
        stamp = round(self.t_s * 1e9)
        uptime = round(self.uptime_s * 1e3)
        return MultiBssidFrame(NODE, stamp, 0, "synthetic", "wifi", uptime, self.epoch, True, slots)

    def scans(self, state: str, seconds: float) -> list[Scan]:
        """Scan for some time."""
        return [from_frame(self.frame(state)) for _ in range(round(seconds * SCAN_HZ))]

    def learn(self, rounds: int = 2, seconds: float = 18.0) -> Fingerprints:
        """Learn the four states, ``rounds`` takes each."""
        takes = [Take(state, self.scans(state, seconds)) for _ in range(rounds) for state in STATES]
        return learn(takes, identity="lab", node_id=NODE, learnt_at="2026-01-01T00:00:00Z", provenance="synthetic")
