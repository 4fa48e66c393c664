"""Which slot of a host is which access point of a fingerprint.

A slot keeps its access point as long as epoch, generation and run of the agent are the same. A run is told by when it
began: 256 epochs alone repeat. After a restart slots are numbered by first sight, and no address leaves the host: an
access point is then known by channel, band and radio, and by its level where several share these. What could be either
of two is left out, and with fewer than three, or fewer than half, the fingerprint does not apply.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from csi_events.multi_bssid.fingerprint.document import LEAST_SLOTS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from csi_events.multi_bssid.fingerprint.document import Fingerprints
    from csi_events.multi_bssid.scan import Scan

CLOCK_S = 30.0
"""Clocks and the way to ingest may differ by this much, s."""
CLOCK_RATE = 2e-4
"""And run apart by this share of the time since."""
UPTIME_WRAPS_S = 2**32 / 1000
SAME_DB = 12.0
"""A level this far from the learnt one is another access point's."""
MARGIN_DB = 6.0
"""The next candidate must be further away by this much."""
LEAST_SHARE = 0.5
"""Share of a fingerprint's access points that must be found."""


class Alignment(NamedTuple):
    """Where a document's access points are now."""

    columns: NDArray[np.int64]
    """(n,): slot of each access point of the document; -1 for one that was not found."""
    same_run: bool
    """The agent still runs as it did while learning."""
    reason: str | None
    """Why the fingerprint does not apply."""


def same_run(document: Fingerprints, scan: Scan) -> bool:
    """Whether a scan is of the run of the agent in which the document was learnt."""
    if scan.epoch != document.epoch or not np.isfinite(scan.started_s):
        return False
    apart = abs(scan.started_s - document.started_s) % UPTIME_WRAPS_S
    apart = min(apart, UPTIME_WRAPS_S - apart)
    return bool(apart <= CLOCK_S + CLOCK_RATE * abs(scan.t_s - document.learnt_s))


def align(document: Fingerprints, scan: Scan, level_dbm: NDArray[np.float64]) -> Alignment:
    """Find a document's access points among the slots of a scan; (32,) ``level_dbm`` are their levels."""
    same = same_run(document, scan)
    columns = _by_number(document, scan) if same else _by_radio(document, scan, level_dbm)
    found, all_of_them = int(np.count_nonzero(columns >= 0)), len(document.slots)
    reason = None
    if found < max(LEAST_SHARE * all_of_them, LEAST_SLOTS):
        why = "" if same else ", as far as channel, band, radio and level tell; the agent was restarted since"
        reason = f"{found} of its {all_of_them} access points are heard{why}"
    return Alignment(columns, same, reason)


def _by_number(document: Fingerprints, scan: Scan) -> NDArray[np.int64]:
    """Slots that are still the same access point on the same channel; one that is absent (30 s silent) is not found."""
    columns = np.full(len(document.slots), -1, np.int64)
    for place, learnt in enumerate(document.slots):
        i = learnt.slot
        now = (int(scan.generation[i]), int(scan.channel[i]), int(scan.band[i]), int(scan.radio[i]))
        if scan.present[i] and now == (learnt.generation, learnt.channel, learnt.band, learnt.radio):
            columns[place] = i
    return columns


def _by_radio(document: Fingerprints, scan: Scan, level_dbm: NDArray[np.float64]) -> NDArray[np.int64]:
    """Pairs that are each other's nearest in level, clearly, among those of the same channel, band and radio."""
    alike = np.array([
        scan.present & (scan.channel == s.channel) & (scan.band == s.band) & (scan.radio == s.radio)
        for s in document.slots
    ])  # fmt: skip
    learnt = np.array([s.level_dbm for s in document.slots])
    apart = np.where(alike, np.abs(learnt[:, np.newaxis] - level_dbm), np.inf)
    columns = np.full(len(learnt), -1, np.int64)
    for place in range(len(learnt)):
        i = int(np.argmin(apart[place]))
        nearest = apart[place, i]
        rivals = min(np.delete(apart[place], i).min(), np.delete(apart[:, i], place).min(initial=np.inf))
        if nearest <= SAME_DB and rivals >= nearest + MARGIN_DB:
            columns[place] = i
    return columns
