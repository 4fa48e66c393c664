"""Learnt states are recognised, other ones are not, and access points are found again or said to be lost."""

from __future__ import annotations

import shutil
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pytest
from csi_events.multi_bssid.fingerprint import model
from csi_events.multi_bssid.fingerprint.alignment import align, same_run
from csi_events.multi_bssid.fingerprint.document import STATES, Fingerprints, faults, read, write
from csi_events.multi_bssid.fingerprint.learn import LearnError, Take, learn
from csi_events.multi_bssid.fingerprint.levels import LevelState, follow, vector
from csi_events.multi_bssid.fingerprint.library import Library
from csi_events.multi_bssid.fingerprint.matcher import Match, Matcher
from csi_events.multi_bssid.scan import Identity, Scan
from csi_events.multi_bssid.slots import SLOTS
from hypothesis import given, settings
from hypothesis import strategies as st
from unit.events.multi_bssid.fingerprints import NODE, Room

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


def matched(matcher: Matcher, scans: Iterable[Scan], documents: tuple[Fingerprints, ...]) -> list[Match]:
    """Return the match after every scan, identity watched as the pipeline does."""
    identity, said = Identity(), []
    for scan in scans:
        changed = identity.observe(scan)
        if changed.everything:
            matcher.clear()
        for slot in changed.slots:
            matcher.forget(slot)
        said.append(matcher.observe(scan, changed.fresh, documents))
    return said


@pytest.fixture(scope="module")
def learnt() -> tuple[Room, Fingerprints]:
    """A room and its fingerprints; tests copy the room."""
    room = Room()
    return room, room.learn()


def again(room: Room, **changes: object) -> Room:
    """Return the same room, heard with other noise; every room has its own."""
    copy = replace(room, **changes)  # type: ignore[arg-type]
    copy.random = np.random.default_rng([99, room.seed])
    return copy


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**32), st.integers(1, 80), st.floats(0.05, 1.0))
def test_levels_equal_their_naive_twin(seed: int, scans: int, share: float) -> None:
    """Level and variance are those of exponential weights that go back over a slot's readings."""
    random = np.random.default_rng(seed)
    state, t_s = LevelState(), 0.0
    history: list[list[tuple[float, float]]] = [[] for _ in range(SLOTS)]
    for _ in range(scans):
        t_s += float(random.exponential(0.3))
        rssi, fresh = random.normal(-60.0, 3.0, SLOTS), random.random(SLOTS) < share
        follow(t_s, rssi, fresh, state.record)
        for slot in np.flatnonzero(fresh).tolist():
            history[slot].append((t_s, float(rssi[slot])))
    made = vector(state, t_s, 30.0)
    for slot, heard in enumerate(history):
        if not heard or t_s - heard[-1][0] > 30.0:
            assert made[slot] == -95.0
            continue
        weights = np.ones(1)
        for number in range(1, len(heard)):
            alpha = max(1 - np.exp(-(heard[number][0] - heard[number - 1][0]) / 2.0), 1 / (number + 1))
            weights = np.append(weights * (1 - alpha), alpha)
        values = np.array([x for _, x in heard])
        mean = weights @ values
        assert made[slot] == pytest.approx(mean, abs=1e-4)
        assert made[SLOTS + slot] == pytest.approx(0.5 * np.log(weights @ (values - mean) ** 2 + 0.05), abs=1e-3)


def test_learnt_states_are_recognised() -> None:
    """In eight rooms each of the four, heard again in the same run, is named in 90 % of matches, never as another."""
    names: Counter[tuple[str, str | None]] = Counter()
    for seed in range(8):
        room = Room(seed=seed)
        document = room.learn()
        for state in STATES:
            said = matched(Matcher(), again(room).scans(state, 25.0), (document,))[60:]
            names.update((state, match.posture) for match in said)
            assert said[-1].document == "lab"
    for state in STATES:
        assert names[state, state] >= 0.9 * 8 * 190
        assert not any(names[state, other] for other in STATES if other != state)


@pytest.mark.parametrize("gain_db", [-15.0, 10.0])
def test_empty_is_not_empty_at_another_scale(learnt: tuple[Room, Fingerprints], gain_db: float) -> None:
    """A room all of whose levels are 10 dB higher or 15 dB lower is none that was learnt; the nearest is said."""
    room, document = learnt
    said = matched(Matcher(), again(room, gain_db=gain_db).scans("empty", 20.0), (document,))[60:]
    assert {match.posture for match in said} == {None}
    assert "no learnt state" in str(said[-1].reason)


def test_a_state_that_was_not_learnt_is_unknown(learnt: tuple[Room, Fingerprints]) -> None:
    """Other paths shadowed than in any take: unknown in at least 95 % of matches."""
    room, document = learnt
    other = again(room)
    other.shadow = {"empty": Room(seed=77).shadow["standing"][::-1].copy()}
    said = matched(Matcher(), other.scans("empty", 40.0), (document,))[60:]
    assert np.mean([match.posture is None for match in said]) >= 0.95


def test_rejection_is_calibrated() -> None:
    """Windows of a fresh take from the same state are rejected about as often as promised, over many rooms."""
    rejected = []
    for seed in range(12):
        room = Room(seed=seed)
        document = room.learn(rounds=3)
        ready = model.prepare(document, np.ones(len(document.slots), np.bool_))
        state = LevelState()
        columns = np.array([s.slot for s in document.slots])
        for number, scan in enumerate(again(room).scans("standing", 30.0)):
            follow(scan.t_s, scan.rssi_dbm, scan.present, state.record)
            if number > 50 and number % 5 == 0:
                now = vector(state, scan.t_s, 30.0)[np.concatenate([columns, columns + SLOTS])]
                place = ready.names.index("standing")
                distance = ready.indexes[place].nearest(now / ready.scale).distance
                rejected.append(model.credibility(distance, ready.own[place]) <= model.REJECTED)
    assert np.mean(rejected) <= 2 * model.REJECTED


def test_conformal_p_values_are_ranks() -> None:
    """Closed form: of 19 scores, a distance beyond k of them has the p-value (20 - k) / 20."""
    own = np.arange(1.0, 20.0)
    assert [model.credibility(d, own) for d in (0.5, 10.5, 19.5)] == [1.0, 0.5, 0.05]


def test_cross_validation_tells_what_can_be_told_apart(learnt: tuple[Room, Fingerprints]) -> None:
    """States that differ are told apart; two that are the same are said to be confused."""
    counts = model.cross_validate(learnt[1])
    assert all(counts[state][state] >= 0.85 * sum(counts[state].values()) for state in STATES)
    room = Room()
    room.shadow["sitting"] = room.shadow["standing"]
    confused = model.cross_validate(room.learn())
    assert confused["sitting"]["sitting"] < 0.8 * sum(confused["sitting"].values())


def heard_again(room: Room, document: Fingerprints) -> tuple[list[int], str | None]:
    """Return the access points the document's slots are taken for after 10 s, and the reason why it does not apply."""
    state = LevelState()
    for scan in room.scans("empty", 10.0):
        follow(scan.t_s, scan.rssi_dbm, scan.present, state.record)
    found = align(document, scan, state.level_dbm)
    return [-1 if slot < 0 else room.order[slot] for slot in found.columns], found.reason


def test_access_points_are_found_again_after_a_restart(learnt: tuple[Room, Fingerprints]) -> None:
    """Slots in another order: each access point is found by its radio, none is taken for another, states are named."""
    room, document = learnt
    other = again(room)
    other.restart()
    assert other.order != list(range(12))
    assert heard_again(other, document) == (list(range(12)), None)
    said = matched(Matcher(), other.scans("sitting", 30.0), (document,))[60:]
    assert Counter(match.posture for match in said)["sitting"] >= 0.9 * len(said)


def test_access_points_that_could_be_either_of_two_are_left_out() -> None:
    """Twelve on four channels: whichever is found is the right one; close levels on a channel are left out."""
    wrong = found = 0
    for seed in range(30):
        room = Room(shared_channels=4, seed=seed)
        document = room.learn(rounds=1)
        room.restart()
        places, _ = heard_again(room, document)
        found += sum(place >= 0 for place in places)
        wrong += sum(place not in {-1, number} for number, place in enumerate(places))
    assert wrong == 0
    assert 0 < found < 30 * 12


def test_a_fingerprint_of_another_neighbourhood_does_not_apply(learnt: tuple[Room, Fingerprints]) -> None:
    """Too few access points found again: it is said, with numbers, and nothing is matched."""
    room, document = learnt
    other = again(room, first=8)
    other.restart()
    said = matched(Matcher(), other.scans("empty", 10.0), (document,))
    assert {match.posture for match in said} == {None}
    assert "do not apply: 4 of its 12 access points are heard" in str(said[-1].reason)
    assert "restarted" in str(said[-1].reason)


def test_a_run_is_told_by_its_beginning(learnt: tuple[Room, Fingerprints]) -> None:
    """The same epoch drawn again is another run; a clock that is some seconds off is not; 49 days wrap."""
    room, document = learnt
    scan = again(room).scans("empty", 0.1)[0]
    assert same_run(document, scan)
    assert same_run(document, replace(scan, started_s=scan.started_s + 5.0))
    assert same_run(document, replace(scan, started_s=scan.started_s + 2**32 / 1000))
    assert not same_run(document, replace(scan, started_s=scan.started_s + 600.0))
    assert not same_run(document, replace(scan, epoch=scan.epoch + 1))


def test_a_slot_that_changed_hands_is_not_compared(learnt: tuple[Room, Fingerprints]) -> None:
    """Another generation: the slot is left out, the rest still matches."""
    room, document = learnt
    scans = again(room).scans("sitting", 30.0)
    changed = [replace(s, generation=np.where(np.arange(SLOTS) == 2, 4, s.generation)) for s in scans]
    matcher = Matcher()
    names = Counter(match.posture for match in matched(matcher, changed, (document,))[60:])
    assert set(names) <= {"sitting", None}
    assert names["sitting"] >= 0.7 * names.total()


def test_without_fingerprints_the_answer_is_that(learnt: tuple[Room, Fingerprints]) -> None:
    """No document: unknown, and how to learn one; a document that goes is not matched any more."""
    room, document = learnt
    matcher = Matcher()
    assert "csiflow fingerprint learn" in str(matched(matcher, again(room).scans("empty", 5.0), ())[-1].reason)
    assert matched(matcher, again(room).scans("empty", 10.0), (document,))[-1].posture == "empty"
    assert 4 * 1024 < matcher.nbytes < 256 * 1024
    assert matched(matcher, again(room).scans("empty", 1.0), ())[-1].posture is None


@pytest.mark.parametrize(
    ("seconds", "states", "said"),
    [(5.0, STATES, "it must last at least 8 s"), (18.0, STATES[:1], "1 state is not enough")],
)
def test_takes_that_make_no_fingerprint_are_refused(seconds: float, states: tuple[str, ...], said: str) -> None:
    """The message says what is missing."""
    room = Room()
    takes = [Take(state, room.scans(state, seconds)) for state in states]
    with pytest.raises(LearnError, match=said):
        learn(takes, identity="x", node_id=NODE, learnt_at="", provenance="synthetic")


def test_takes_across_a_restart_are_refused() -> None:
    """Slots mean something else afterwards."""
    room = Room()
    first = Take("empty", room.scans("empty", 12.0))
    room.restart()
    second = Take("walking", room.scans("walking", 12.0))
    with pytest.raises(LearnError, match="restarted in or before take 2"):
        learn([first, second], identity="x", node_id=NODE, learnt_at="", provenance="synthetic")


def test_a_document_is_written_and_read_whole(learnt: tuple[Room, Fingerprints], tmp_path: Path) -> None:
    """What is read equals what was written; an existing file is not replaced unasked; damage is named."""
    path = tmp_path / "lab.fingerprint.json"
    write(path, learnt[1])
    assert read(path) == (learnt[1], [])
    with pytest.raises(FileExistsError):
        write(path, learnt[1])
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
    path.write_bytes(path.read_bytes()[:-40] + b"]")
    document, problems = read(path)
    assert document is None
    assert "malformed" in problems[0].message
    broken = msgspec.structs.replace(learnt[1], slots=learnt[1].slots[:2])
    assert any("at least 3" in fault for fault in faults(broken))


def test_the_library_follows_its_folder(learnt: tuple[Room, Fingerprints], tmp_path: Path) -> None:
    """Files that come, change, break and go count at the next look; a broken one's last good version stays in use."""
    folder = tmp_path / "later"
    library = Library(folder)
    assert not library.look()
    assert library.of(NODE) == ()
    folder.mkdir()
    path = folder / "lab.fingerprint.json"
    write(path, learnt[1])
    assert library.look()
    first = library.of(NODE)
    assert first == (learnt[1],)
    assert not library.look()
    assert library.of(NODE) is first
    assert library.of("1") == ()
    path.write_text("{}")
    assert not library.look()  # perhaps it is being written
    assert library.look()
    assert library.of(NODE) is first
    assert "kind" in library.problems[0].message
    write(path, msgspec.structs.replace(learnt[1], id="other"), replace=True)
    library.look()
    assert [document.id for document in library.of(NODE)] == ["other"]
    shutil.rmtree(folder)
    assert library.look()
    assert library.of(NODE) == ()
    assert not library.look()
