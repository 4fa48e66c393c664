"""One scan as arrays over slots, and which slots have another access point than in the scan before."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from csi_schemas.access_points import amplitude

from csi_events._compile import kernel
from csi_events.multi_bssid.slots import SLOTS, array_bytes

if TYPE_CHECKING:
    from csi_schemas.frame import MultiBssidFrame
    from numpy.typing import NDArray

SAME_READING_S = 0.02
"""Times of hearing nearer than this are one reading: kernels and drivers round them to 10 ms at most."""


@dataclass(frozen=True, slots=True)
class Scan:
    """One scan of one host. Arrays are (32,), one element a slot; where ``present`` is false they hold what is said."""

    t_s: float
    """Receive time, s since any epoch."""
    native: bool
    """Read through an interface that can give 10-20 scans a second."""
    epoch: int
    """0-255, drawn when the agent starts."""
    restarted: bool
    """The sequence numbers say that the agent was started anew."""
    present: NDArray[np.bool_]
    """The slot is in the packet."""
    rssi_dbm: NDArray[np.float64]
    """dBm; NaN where absent."""
    amplitude: NDArray[np.float64]
    """10^((rssi + 100) / 20); NaN where absent."""
    age_s: NDArray[np.float64]
    """Time since the radio heard the access point, s; NaN where absent."""
    channel: NDArray[np.int64]
    """IEEE 802.11 channel; 0 where absent or unknown."""
    band: NDArray[np.int64]
    """``csi_schemas.access_points.Band``; 0 where absent or unknown."""
    radio: NDArray[np.int64]
    """``csi_schemas.access_points.Radio``; 0 where absent or unknown."""
    generation: NDArray[np.int64]
    """0-255; -1 where absent."""
    started_s: float = math.nan
    """When the agent was started by the clock of ``t_s``: times are as exact as the way to ingest is regular."""

    @property
    def count(self) -> int:
        """Access points in the scan."""
        return int(np.count_nonzero(self.present))


def from_frame(frame: MultiBssidFrame) -> Scan:
    """Lay a frame's slots out by their numbers.

    Raises:
        ValueError: a slot is named twice or its number is not 0-31, or a signal strength is not finite.
    """
    present = np.zeros(SLOTS, np.bool_)
    rssi_dbm, linear, age_s = np.full((3, SLOTS), np.nan)
    channel, band, radio = np.zeros((3, SLOTS), np.int64)
    generation = np.full(SLOTS, -1, np.int64)
    for heard in frame.slots:
        i = heard.slot
        if not 0 <= i < SLOTS:
            raise ValueError(f"slot {i} of node {frame.node_id}: slots are 0-{SLOTS - 1}")
        if present[i]:
            raise ValueError(f"slot {i} of node {frame.node_id} is in the scan twice")
        if not -200.0 <= heard.rssi_dbm <= 100.0:
            raise ValueError(f"slot {i} of node {frame.node_id}: {heard.rssi_dbm} dBm is no signal strength")
        present[i] = True
        rssi_dbm[i], linear[i], age_s[i] = heard.rssi_dbm, amplitude(heard.rssi_dbm), heard.age_ms * 1e-3
        channel[i], band[i], radio[i], generation[i] = heard.channel, heard.band, heard.radio, heard.generation
    return Scan(
        t_s=frame.timestamp_ns * 1e-9,
        native=frame.native,
        epoch=frame.epoch,
        restarted=frame.sequence_status == "restarted",
        present=present,
        rssi_dbm=rssi_dbm,
        amplitude=linear,
        age_s=age_s,
        channel=channel,
        band=band,
        radio=radio,
        generation=generation,
        started_s=frame.timestamp_ns * 1e-9 - frame.uptime_ms * 1e-3,
    )


class Changed(NamedTuple):
    """What a scan says of the slots' identity."""

    everything: bool
    """Forget every slot."""
    slots: tuple[int, ...]
    """Forget these."""
    fresh: NDArray[np.bool_]
    """(32,): the reading is a new one, not the one of an earlier scan reported again."""


@dataclass(slots=True)
class Identity:
    """Which access point every slot had when it was last in a scan, and when that was heard."""

    epoch: int = -1
    generation: NDArray[np.int64] = field(default_factory=lambda: np.full(SLOTS, -1, np.int64))
    """(32,); -1 for a slot that was never seen. A slot that is absent for a while keeps what was learnt of it."""
    heard_s: NDArray[np.float64] = field(default_factory=lambda: np.full(SLOTS, -np.inf))
    """(32,): time of the newest reading."""

    @property
    def nbytes(self) -> int:
        """Memory of the arrays, bytes."""
        return array_bytes(self.generation, self.heard_s)

    def observe(self, scan: Scan) -> Changed:
        """Compare a scan with those before.

        What was learnt of every slot goes when ``epoch`` changed or the sequence numbers started anew; what was learnt
        of one slot when its generation changed.
        """
        everything = scan.restarted or (self.epoch >= 0 and scan.epoch != self.epoch)
        self.epoch = scan.epoch
        if everything:
            self.generation[:] = -1
            self.heard_s[:] = -np.inf
        fresh, other, others = compare(
            scan.present, scan.generation, scan.age_s, scan.t_s, SAME_READING_S, self.generation, self.heard_s
        )
        return Changed(everything, tuple(int(i) for i in np.flatnonzero(other)) if others else (), fresh)


@kernel(
    "Tuple((boolean[::1], boolean[::1], int64))(boolean[::1], int64[::1], float64[::1], float64, float64, int64[::1],"
    " float64[::1])"
)
def compare(
    present: NDArray[np.bool_],
    generation: NDArray[np.int64],
    age_s: NDArray[np.float64],
    t_s: float,
    same_s: float,
    known_generation: NDArray[np.int64],
    heard_s: NDArray[np.float64],
) -> tuple[NDArray[np.bool_], NDArray[np.bool_], int]:
    """Compare every slot of a scan with what is known of it. 0.3 us for 32 slots.

    Args:
        present: (32,).
        generation: (32,).
        age_s: (32,), NaN where absent.
        t_s: time of the scan, s.
        same_s: times of hearing nearer than this are one reading.
        known_generation: state, changed: see :class:`Identity`.
        heard_s: state, changed.

    Returns:
        Which readings are new; which slots have another access point than before, and how many.
    """
    slots = len(present)
    fresh = np.zeros(slots, np.bool_)
    other = np.zeros(slots, np.bool_)
    others = 0
    for i in range(slots):
        if not present[i]:
            continue
        if known_generation[i] >= 0 and generation[i] != known_generation[i]:
            other[i] = True
            others += 1
            heard_s[i] = -np.inf
        known_generation[i] = generation[i]
        heard = t_s - age_s[i]
        if heard - heard_s[i] >= same_s:
            fresh[i] = True
            heard_s[i] = heard
    return fresh, other, others
