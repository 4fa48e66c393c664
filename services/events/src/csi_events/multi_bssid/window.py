"""The scans of one node that go into one update, and the features of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np

from csi_events.multi_bssid.slots import SLOTS

if TYPE_CHECKING:
    from csi_schemas.frame import MultiBssidFrame
    from numpy.typing import NDArray

    from csi_events.features import FeatureMemory, Features
    from csi_events.multi_bssid.scan import Scan

ClosedBy = Literal["frames", "duration", "timeout"]


@dataclass(slots=True)
class ScanWindow:
    """The window of one node that is still open; the rule is that of windows of CSI frames."""

    frames: int
    """It closes on this many scans ..."""
    duration_ns: int
    """... or before a scan this much later than its first."""
    t_ns: list[int] = field(default_factory=list)
    rssi_dbm: list[NDArray[np.float64]] = field(default_factory=list)
    """(32,) each."""
    amplitude: list[NDArray[np.float64]] = field(default_factory=list)
    """(32,) each."""
    level: NDArray[np.float64] = field(default_factory=lambda: np.full(SLOTS, np.nan))
    """(32,): amplitude that a slot's amplitudes are divided by, its first; NaN before it."""

    @property
    def full(self) -> bool:
        """It holds all scans it can."""
        return len(self.t_ns) >= self.frames

    def closes(self, t_ns: int) -> ClosedBy | None:
        """Whether it closes before a scan at ``t_ns``."""
        return "duration" if self.t_ns and not 0 <= t_ns - self.t_ns[0] < self.duration_ns else None

    def add(self, scan: Scan, frame: MultiBssidFrame) -> None:
        """Take one scan."""
        self.t_ns.append(frame.timestamp_ns)
        self.rssi_dbm.append(scan.rssi_dbm)
        self.amplitude.append(scan.amplitude)

    def emptied(self) -> ScanWindow:
        """Return the window that comes next."""
        return ScanWindow(self.frames, self.duration_ns, level=self.level)

    def mean_rssi(self) -> float:
        """Mean over scans and slots, dBm; -100 when nothing was heard."""
        rows = np.array(self.rssi_dbm)
        known = rows[~np.isnan(rows)]
        return float(known.mean()) if len(known) else -100.0

    def mean_amplitude(self) -> NDArray[np.float64]:
        """Mean over scans of every slot up to the last one heard; 0 where a slot was not heard."""
        rows = np.array(self.amplitude)
        known = ~np.isnan(rows)
        count = known.sum(axis=0)
        mean = np.where(known, rows, 0.0).sum(axis=0) / np.maximum(count, 1)
        heard = np.flatnonzero(count)
        return np.asarray(mean[: heard[-1] + 1] if len(heard) else mean[:1])

    def features(self, memory: FeatureMemory) -> Features:
        """Features of the window, each slot's amplitude relative to its first one, as CSI's sub-carriers.

        A slot without a reading is constant there: it adds nothing to variance and power.
        """
        rows = np.array(self.amplitude)
        first = np.isnan(self.level) & ~np.isnan(rows).all(axis=0)
        for i in np.flatnonzero(first):
            column = rows[:, i]
            self.level[i] = column[~np.isnan(column)][0]
        relative = rows / self.level
        x = np.where(np.isnan(relative), 1.0, relative).astype(np.float32)
        grouped = np.ascontiguousarray(x.reshape(len(x), 8, SLOTS // 8).mean(axis=2))
        return memory.window(np.array(self.t_ns, np.int64), x, grouped)
