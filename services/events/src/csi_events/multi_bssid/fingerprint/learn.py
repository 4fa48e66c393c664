"""Learning: takes of a room's states become a document."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from csi_events.multi_bssid.fingerprint.document import (
    LEAST_SLOTS,
    MOST_WINDOWS,
    Fingerprints,
    LearntSlot,
    State,
    Window,
)
from csi_events.multi_bssid.fingerprint.levels import FLOOR_DBM, LevelState, follow, vector
from csi_events.multi_bssid.scan import Identity
from csi_events.multi_bssid.slots import SLOTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from csi_schemas.common import Provenance
    from numpy.typing import NDArray

    from csi_events.multi_bssid.scan import Scan

WINDOW_S = 0.5
"""Time between two windows of a take, s."""
SETTLE_S = 3.0
"""The first seconds of a take are not learnt: levels remember what was before."""
LEAST_WINDOWS = 10
"""Windows a take needs."""
HEARD_SHARE = 0.9
"""An access point takes part if it is heard in this share of the windows of every state."""
EXPIRY_S = 30.0


class LearnError(ValueError):
    """The takes make no fingerprint; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Take:
    """One state, held for some time."""

    state: str
    scans: Sequence[Scan]


@dataclass(slots=True)
class _Run:
    """What all takes must have in common: one run of the agent."""

    identity: Identity = field(default_factory=Identity)
    levels: LevelState = field(default_factory=LevelState)
    newest: Scan | None = None

    def windows(self, take: Take, number: int) -> NDArray[np.float32]:
        """Return the (w, 64) vectors of a take.

        Raises:
            LearnError: the agent was restarted, slots changed hands, or the take is too short.
        """
        made: list[NDArray[np.float32]] = []
        begin_s = take.scans[0].t_s if take.scans else 0.0
        next_s = begin_s + SETTLE_S
        for scan in take.scans:
            changed = self.identity.observe(scan)
            if changed.everything:
                raise LearnError(f"the agent was restarted in or before take {number}: begin anew")
            for slot in changed.slots:
                self.levels.forget(slot)
            state = self.levels
            follow(scan.t_s, scan.rssi_dbm, changed.fresh, state.record)
            self.newest = scan
            if scan.t_s >= next_s:
                made.append(vector(state, scan.t_s, EXPIRY_S))
                next_s += WINDOW_S
        if len(made) < LEAST_WINDOWS:
            raise LearnError(
                f"take {number} ({take.state}) has {len(made)} windows of {LEAST_WINDOWS}: it must last at least "
                f"{SETTLE_S + LEAST_WINDOWS * WINDOW_S:g} s, with scans every {WINDOW_S:g} s"
            )
        return np.stack(made)


def learn(
    takes: Sequence[Take], *, identity: str, node_id: str, learnt_at: str, provenance: Provenance
) -> Fingerprints:
    """Make a document of takes, in the order in which they were heard.

    Raises:
        LearnError: they make none.
    """
    run = _Run()
    vectors = [run.windows(take, number + 1) for number, take in enumerate(takes)]
    names = list(dict.fromkeys(take.state for take in takes))
    if run.newest is None or len(names) < 2:
        raise LearnError(f"{len(names)} state is not enough: a fingerprint tells at least two apart")
    numbered = [(take.state, number, v) for number, (take, v) in enumerate(zip(takes, vectors, strict=True))]
    by_state = {name: [(number, v) for state, number, v in numbered if state == name] for name in names}
    heard = np.ones(SLOTS, np.bool_)
    for parts in by_state.values():
        levels = np.concatenate([v for _, v in parts])[:, :SLOTS]
        heard &= np.mean(levels > FLOOR_DBM, axis=0) >= HEARD_SHARE
    heard &= run.newest.present
    slots = np.flatnonzero(heard)
    if len(slots) < LEAST_SLOTS:
        raise LearnError(
            f"{len(slots)} access points were heard in {HEARD_SHARE:.0%} of every state, of at least {LEAST_SLOTS}: "
            "choose another place for the host"
        )
    return Fingerprints(
        kind="csiflow-fingerprints",
        version=1,
        id=identity,
        node_id=node_id,
        learnt_at=learnt_at,
        provenance=provenance,
        epoch=run.newest.epoch,
        started_s=round(run.newest.started_s, 3),
        learnt_s=round(run.newest.t_s, 3),
        slots=tuple(_learnt_slot(int(slot), run.newest, vectors) for slot in slots),
        states=tuple(_state(name, parts, slots) for name, parts in by_state.items()),
    )


def _learnt_slot(slot: int, newest: Scan, vectors: list[NDArray[np.float32]]) -> LearntSlot:
    return LearntSlot(
        slot=slot,
        generation=int(newest.generation[slot]),
        channel=int(newest.channel[slot]),
        band=int(newest.band[slot]),
        radio=int(newest.radio[slot]),
        level_dbm=round(float(np.mean(np.concatenate(vectors)[:, slot])), 2),
    )


def _state(name: str, parts: list[tuple[int, NDArray[np.float32]]], slots: NDArray[np.int64]) -> State:
    windows = []
    for number, vectors in parts:
        for row in vectors[np.unique(np.linspace(0, len(vectors) - 1, MOST_WINDOWS // len(parts)).astype(int))]:
            levels = tuple(round(float(x), 2) for x in row[slots])
            windows.append(Window(number, levels, tuple(round(float(x), 3) for x in row[SLOTS + slots])))
    return State(name, tuple(windows))
