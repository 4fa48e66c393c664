"""A frame becomes arrays over slots, and what was learnt of a slot ends with its access point."""

from __future__ import annotations

import math

import numpy as np
import pytest
from csi_events.multi_bssid.scan import SAME_READING_S, Identity, Scan, compare, from_frame
from csi_events.multi_bssid.slots import SLOTS
from csi_schemas.frame import MultiBssidFrame, SequenceStatus
from csi_schemas.telemetry import BssidSlot
from hypothesis import given
from hypothesis import strategies as st


def frame(
    *slots: BssidSlot, t_ms: int = 0, epoch: int = 7, sequence_status: SequenceStatus = "in_order"
) -> MultiBssidFrame:
    """Return a frame of these slots."""
    return MultiBssidFrame(
        node_id="00c0ffee00c0ffee",
        timestamp_ns=t_ms * 1_000_000,
        sequence=t_ms,
        provenance="synthetic",
        source=f"wifi-enhanced:{len(slots)}",
        uptime_ms=t_ms,
        epoch=epoch,
        native=True,
        slots=slots,
        sequence_status=sequence_status,
    )


def heard(slot: int, rssi_dbm: float = -60.0, age_ms: int = 0, generation: int = 0) -> BssidSlot:
    """Return one reading."""
    return BssidSlot(slot, rssi_dbm, age_ms, channel=6, band=1, radio=6, generation=generation)


def observe(identity: Identity, *slots: BssidSlot, t_ms: int = 0, epoch: int = 7, restarted: bool = False) -> str:
    """Show a scan; name what is forgotten."""
    scan = from_frame(frame(*slots, t_ms=t_ms, epoch=epoch, sequence_status="restarted" if restarted else "in_order"))
    changed = identity.observe(scan)
    return "everything" if changed.everything else ",".join(map(str, changed.slots))


def test_readings_are_laid_out_by_slot() -> None:
    """A reading is at its slot's index, with ADR-022's amplitude; other elements say absent."""
    scan: Scan = from_frame(frame(heard(31, -40.0, age_ms=30), heard(2, -100.0), t_ms=1500))
    assert scan.t_s == 1.5
    assert np.flatnonzero(scan.present).tolist() == [2, 31]
    assert scan.count == 2
    assert scan.rssi_dbm[31] == -40.0
    assert scan.amplitude[[2, 31]].tolist() == pytest.approx([1.0, 1000.0])
    assert scan.age_s[31] == pytest.approx(0.03)
    assert math.isnan(scan.rssi_dbm[0])
    assert math.isnan(scan.amplitude[0])
    assert scan.generation[[0, 2]].tolist() == [-1, 0]


@pytest.mark.parametrize(
    ("slots", "said"),
    [
        ((heard(32),), "slots are 0-31"),
        ((heard(-1),), "slots are 0-31"),
        ((heard(3), heard(3)), "twice"),
        ((heard(3, math.nan),), "no signal strength"),
        ((heard(3, 1e4),), "no signal strength"),
    ],
)
def test_what_is_no_scan_is_refused(slots: tuple[BssidSlot, ...], said: str) -> None:
    """What would break arrays or poison running sums is refused with its reason."""
    with pytest.raises(ValueError, match=said):
        from_frame(frame(*slots))


def test_nothing_is_forgotten_of_an_access_point_that_returns() -> None:
    """A slot that is absent for a while and comes back with its generation keeps what was learnt."""
    identity = Identity()
    assert not observe(identity, heard(0), heard(1))
    assert not observe(identity, heard(0), t_ms=50)
    assert not observe(identity, heard(0), heard(1), t_ms=100)


def test_another_generation_forgets_its_slot_alone() -> None:
    """The slot has another access point; the others have not. It holds after an absence as well."""
    identity = Identity()
    observe(identity, heard(0), heard(1), heard(2))
    observe(identity, heard(0), heard(2), t_ms=50)
    assert observe(identity, heard(0), heard(1, generation=1), heard(2, generation=255), t_ms=100) == "1,2"
    assert not observe(identity, heard(0), heard(1, generation=1), heard(2, generation=255), t_ms=150)


@pytest.mark.parametrize(("epoch", "restarted"), [(8, False), (7, True)])
def test_another_start_of_the_agent_forgets_everything(epoch: int, *, restarted: bool) -> None:
    """Slots are numbered anew, whatever their generations say."""
    identity = Identity()
    observe(identity, heard(0), heard(1))
    assert observe(identity, heard(0, generation=1), t_ms=50, epoch=epoch, restarted=restarted) == "everything"
    assert not observe(identity, heard(0, generation=1), heard(1, generation=9), t_ms=100, epoch=epoch)


def test_a_reading_that_is_reported_again_is_not_fresh() -> None:
    """A scan at 100 ms with an age of 95 ms repeats the reading of 5 ms, within the rounding of kernels."""
    identity = Identity()
    scans = [(5, 0), (100, 95), (200, 205), (250, 0), (300, 0)]
    fresh = [bool(identity.observe(from_frame(frame(heard(4, age_ms=age), t_ms=t)))[2][4]) for t, age in scans]
    assert fresh == [True, False, False, True, True]


@given(st.integers(0, 2**32 - 1))
def test_the_kernel_that_compares_is_its_naive_twin(seed: int) -> None:
    """Slot by slot as one would write it, over scans in which slots come, go, repeat readings and change hands."""
    random = np.random.default_rng(seed)
    known, heard = np.full(SLOTS, -1), np.full(SLOTS, -np.inf)
    naive_known, naive_heard = known.tolist(), heard.tolist()
    for t_s in np.cumsum(random.choice([0.005, 0.05, 3.0], 12)).tolist():
        present = random.random(SLOTS) < 0.7
        generation = np.where(present, random.choice([0, 0, 0, 1], SLOTS), -1)
        age_s = np.where(present, random.choice([0.0, 0.004, 0.06, 2.0], SLOTS), np.nan)
        fresh, other, others = compare(present, generation, age_s, t_s, SAME_READING_S, known, heard)
        for i in range(SLOTS):
            changed = new = False
            if present[i]:
                changed = naive_known[i] not in {-1, int(generation[i])}
                if changed:
                    naive_heard[i] = -np.inf
                naive_known[i] = int(generation[i])
                new = t_s - float(age_s[i]) - naive_heard[i] >= SAME_READING_S
                if new:
                    naive_heard[i] = t_s - float(age_s[i])
            assert (bool(fresh[i]), bool(other[i])) == (new, changed)
        assert others == np.count_nonzero(other)
        assert known.tolist() == naive_known
        assert heard.tolist() == naive_heard
