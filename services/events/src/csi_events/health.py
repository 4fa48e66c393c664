"""The state of a stream's radio: rate, loss, dead sub-carriers, against what they were at calibration."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from csi_schemas.sensing import RadioHealth

from csi_events.normalise import live_in_steps

if TYPE_CHECKING:
    from csi_events.quiet import Quiet
    from csi_events.stretch import Kept

MEMORY_S = 30.0
"""Time constant over which rate and loss are averaged, s."""
LONGEST_S = 10.0
"""A silence counts as this much time at most."""
LOOK_NS = 1_000_000_000
"""Dead sub-carriers are looked for at most this often."""
HOLD_NS = 10_000_000_000
"""A trouble must last this long before it is announced."""
LOW_RATE = 0.5
"""Share of the calibrated frame rate below which the rate is a trouble."""
HIGH_LOSS = 0.2
"""Share of lost frames from which loss is a trouble."""
MANY_DEAD = 0.2
"""Share of the calibrated sub-carriers that are dead from which they are a trouble."""


@dataclass(slots=True)
class Health:
    """What one stream's radio did over the last ``MEMORY_S``."""

    frames: float = 0.0
    missing: float = 0.0
    seconds: float = 0.0
    newest_ns: int | None = None
    looked_ns: int | None = None
    dead: int = 0
    """Calibrated sub-carriers that carried nothing when last looked at."""
    since_ns: dict[str, int] = field(default_factory=dict)
    """Troubles and when they began."""
    announced: set[str] = field(default_factory=set)

    def observe(self, t_ns: list[int], missing: int, quiet: Quiet) -> list[str]:
        """Take one window's frames, ascending in time, of a calibrated stream.

        Args:
            t_ns: receive times.
            missing: frames lost before them.
            quiet: the calibration to compare with.

        Returns:
            Troubles that have lasted for ``HOLD_NS`` and were not announced before, in words.
        """
        now_ns = t_ns[-1]
        before_ns = self.newest_ns if self.newest_ns is not None else t_ns[0]
        self.newest_ns = now_ns
        elapsed_s = min(LONGEST_S, max(0.0, (now_ns - before_ns) * 1e-9))
        keep = math.exp(-elapsed_s / MEMORY_S)
        self.frames = keep * self.frames + len(t_ns)
        self.missing = keep * self.missing + missing
        self.seconds = keep * self.seconds + elapsed_s
        return self._news(self._troubles(quiet), now_ns)

    def look(self, amplitude: Kept, quiet: Quiet, now_ns: int) -> Iterator[float] | None:
        """Return the steps of looking for dead sub-carriers in a window's frames, when that is due.

        Args:
            amplitude: (frames, antennas, sub-carriers), or squares as whole numbers; a copy is kept until the steps are
                done.
            quiet: the calibration to compare with.
            now_ns: receive time of the newest frame.
        """
        if self.looked_ns is not None and 0 <= now_ns - self.looked_ns < LOOK_NS:
            return None
        self.looked_ns = now_ns
        return self._look(amplitude.copy(), quiet)

    def _look(self, amplitude: Kept, quiet: Quiet) -> Iterator[float]:
        live = yield from live_in_steps(amplitude)
        self.dead = int(np.sum(quiet.live & ~live))

    @property
    def rate_hz(self) -> float:
        """Frames per second received; 0 before there is a second window."""
        return self.frames / self.seconds if self.seconds > 0 else 0.0

    @property
    def loss(self) -> float:
        """Share of frames lost."""
        return self.missing / (self.missing + self.frames) if self.frames else 0.0

    def report(self, quiet: Quiet, drift: float) -> RadioHealth:
        """Return the fields of an update; ``drift`` in quiet standard deviations."""
        states = 1 + len(quiet.gain.read)
        return RadioHealth(round(self.rate_hz, 2), round(self.loss, 4), self.dead, states, round(drift, 2))

    def _troubles(self, quiet: Quiet) -> dict[str, str]:
        live = len(quiet.inverse_noise)
        found: dict[str, str] = {}
        if self.seconds >= LONGEST_S and self.rate_hz < LOW_RATE * quiet.rate_hz:
            found["rate"] = f"{self.rate_hz:.1f} frames/s where it was calibrated at {quiet.rate_hz:.1f}"
        if self.missing and self.loss > HIGH_LOSS:
            found["loss"] = f"{100 * self.loss:.0f} % of its frames are lost"
        if self.dead > MANY_DEAD * live:
            found["dead"] = f"{self.dead} of {live} sub-carriers carry no signal any more"
        return found

    def _news(self, troubles: dict[str, str], now_ns: int) -> list[str]:
        if not troubles and not self.since_ns:  # nor was anything announced
            return []
        self.since_ns = {kind: self.since_ns.get(kind, now_ns) for kind in troubles}
        self.announced &= set(troubles)
        news = [k for k in troubles if k not in self.announced and now_ns - self.since_ns[k] >= HOLD_NS]
        self.announced.update(news)
        return [troubles[kind] for kind in news]
