"""The door: authentic datagrams once, everything else with its reason; keys are never said."""

from __future__ import annotations

from pathlib import Path

import pytest
from csi_ingest.authentication import MAX_WINDOWS, WINDOW, Gate, ReplayWindow, read_keys
from csi_ingest.buffer import PendingBuffer
from csi_ingest.intake import Intake
from csi_ingest.ledger import Ledger, Outcome
from csi_ingest.nodes import NodeKey, NodeTable
from csi_ingest.service import gate_of
from csi_ingest.settings import IngestSettings
from csi_runtime.errors import ConfigurationError
from csi_schemas.codec import BssidSlot, MultiBssid, PacketError, encode, encode_csi
from csi_schemas.codec.authentication import Sealer, split
from csi_schemas.common import Provenance
from csi_schemas.frame import AnyFrame, CsiFrame, MultiBssidFrame
from csi_schemas.topics import FRAMES, REJECTED
from hypothesis import given
from hypothesis import strategies as st
from msgspec import json

KEY, OTHER = bytes(32), bytes([1] * 32)
HOST = "00c0ffee00c0ffee"
SOURCE = ("192.0.2.1", 40000)


def csi(node: int = 1, sequence: int = 0) -> bytes:
    """A CSI datagram."""
    return encode_csi(node, bytes(128), sequence=sequence, n_subcarriers=64)


def scan(sequence: int = 0, *slots: int) -> bytes:
    """A multi-BSSID datagram."""
    readings = tuple(BssidSlot(slot=slot, rssi_dbm=-60.0, age_ms=5) for slot in slots)
    return encode(MultiBssid(host=HOST, sequence=sequence, uptime_ms=5, slots=readings, epoch=4, native=True))


VITALS = b"\x02\x00\x11\xc5\x09" + bytes(27)


def guarded(keys: dict[str, bytes | None] | None) -> Intake:
    """An intake with or without a gate."""
    gate = None if keys is None else Gate(keys)
    return Intake(Ledger(), PendingBuffer(10_000, 10**7, 1.0), NodeTable(5.0), gate=gate)


def offer(intake: Intake, datagram: bytes, provenance: Provenance = "live") -> str:
    """Hand a datagram in; its reject reason, ``duplicate``, or the topic it goes to."""
    held = len(intake.buffer.arrived)
    duplicates = intake.ledger.outcomes[Outcome.DUPLICATE]
    intake.take(datagram, 5_000_000, SOURCE, provenance)
    assert intake.ledger.imbalance() == 0
    if intake.ledger.outcomes[Outcome.DUPLICATE] > duplicates:
        assert len(intake.buffer.arrived) == held
        return "duplicate"
    record = intake.buffer.arrived[-1]
    if record.topic == REJECTED.name:
        assert record.value == datagram
        return str(record.detail)
    return record.topic


@pytest.mark.parametrize("packet", [csi(), scan(0, 0, 1), scan(), VITALS], ids=["csi", "scan", "empty scan", "vitals"])
def test_agents_and_esp32_alike(packet: bytes) -> None:
    """With the key: in, and published as without; without, with another key or changed: dead letter with its reason."""
    plain = offer(guarded(None), packet)
    assert plain in (FRAMES.name, "csi.telemetry.v1")
    sealed = Sealer(KEY, 1).seal(packet)
    door = guarded({"*": KEY})
    assert offer(door, sealed) == plain
    assert offer(door, sealed) == "duplicate"
    assert offer(door, packet) == "unauthenticated"
    assert offer(door, Sealer(OTHER, 2).seal(packet)) == "bad_authenticator"
    changed = bytearray(Sealer(KEY, 2).seal(packet))
    changed[8 if packet[:4] == scan()[:4] and len(packet) != 32 else 12] ^= 1
    assert offer(door, bytes(changed)) == "bad_authenticator"
    assert offer(door, Sealer(KEY, 0).seal(packet)) == "replayed"
    assert offer(guarded(None), sealed) == plain, "without keys at ingest an authenticator is taken off, unchecked"


def test_each_source_has_its_own_choice() -> None:
    """A node's own key instead of the common one, nodes that may send in the clear, and no key: refused."""
    door = guarded({"1": KEY, "2": OTHER, HOST: None})
    assert offer(door, Sealer(KEY, 1).seal(csi(1))) == FRAMES.name
    assert offer(door, Sealer(KEY, 1).seal(csi(2))) == "bad_authenticator", "a node's key is good for that node alone"
    assert offer(door, Sealer(OTHER, 1).seal(csi(2))) == FRAMES.name
    assert offer(door, scan(0, 0)) == FRAMES.name
    assert offer(door, csi(3)) == "unauthenticated"
    assert offer(door, Sealer(KEY, 1).seal(csi(3))) == "unauthenticated"


def test_recordings_and_simulations_need_no_key() -> None:
    """Their ports listen on loopback; a recording of authenticated datagrams plays, again and again."""
    door = guarded({"*": KEY})
    assert offer(door, csi(1, 0), "replay") == FRAMES.name
    assert offer(door, Sealer(KEY, 1).seal(csi(1, 1)), "replay") == FRAMES.name
    assert offer(door, csi(1, 0), "synthetic") == FRAMES.name


def test_a_replayed_datagram_is_no_sign_of_life() -> None:
    """Whoever recorded a node's datagrams cannot keep it from going stale; the node is told of nothing."""
    door = guarded({"*": KEY})
    sealed = Sealer(KEY, 7).seal(csi())
    offer(door, sealed)
    node = door.nodes.nodes[NodeKey("live", "1")]
    door.now = 100.0
    assert offer(door, sealed) == "duplicate"
    assert offer(door, Sealer(KEY, 6).seal(csi())) == "replayed"
    assert (node.last_seen, node.sequence.duplicates) == (0.0, 1)


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 3 * WINDOW)), max_size=60))
def test_every_datagram_is_let_in_at_most_once(sent: list[tuple[int, int]]) -> None:
    """In any order: never twice, never of an older session, and always when new and within the window."""
    window = ReplayWindow()
    let_in: set[tuple[int, int]] = set()
    newest = (-1, -1)
    for session, counter in sent:
        old = session < newest[0] or (session == newest[0] and counter <= newest[1] - WINDOW)
        if old:
            with pytest.raises(PacketError, match="replayed"):
                window.admit(session, counter)
            continue
        assert window.admit(session, counter) == ((session, counter) not in let_in)
        let_in.add((session, counter))
        newest = max(newest, (session, counter))


def test_windows_are_bounded_and_only_for_holders_of_a_key() -> None:
    """Junk leaves no trace; the node heard longest ago is forgotten first."""
    gate = Gate({"*": KEY})
    body, seal = split(Sealer(KEY, 1).seal(csi()))
    with pytest.raises(PacketError):
        gate.admit("junk", b"x", seal)
    for node in range(MAX_WINDOWS + 5):
        gate.admit(str(node), body, seal)
        gate.admit("0", *split(Sealer(KEY, 2 + node).seal(csi())))
    assert len(gate.windows) == MAX_WINDOWS
    assert "0" in gate.windows
    assert "1" not in gate.windows


def test_scans_are_frames_with_their_accounting() -> None:
    """Kind multi_bssid, keyed by host; gaps, second copies and restarts are counted for each agent."""
    taken = guarded(None)
    sequences = (0, 1, 4, 4, 3, 2**31)
    said = [offer(taken, scan(n, 0, 5)) for n in sequences]
    assert said == [FRAMES.name] * 3 + ["duplicate"] + [FRAMES.name] * 2
    offer(taken, csi())
    frames = [json.decode(record.value, type=AnyFrame) for record in taken.buffer.arrived]
    assert isinstance(frames.pop(), CsiFrame)
    scans = [frame for frame in frames if isinstance(frame, MultiBssidFrame)]
    assert [(f.sequence, f.sequence_status, f.missing_before) for f in scans] == [
        (0, "first", 0), (1, "in_order", 0), (4, "gap", 2), (3, "reordered", 0), (2**31, "restarted", 0),
    ]  # fmt: skip
    assert {(f.node_id, f.source, f.epoch, f.native, f.provenance) for f in scans} == {
        (HOST, "wifi-enhanced:2", 4, True, "live")
    }
    assert [slot.slot for slot in scans[0].slots] == [0, 5]
    assert {record.key for record in list(taken.buffer.arrived)[:5]} == {HOST.encode()}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("1", "line 2 .* has 1 words"),
        ("1 secretsecretsecretsecretsecretsecret", "not hexadecimal"),
        ("1 5ec4e7", "3 bytes"),
        ("* " + "00" * 16, "second key"),
    ],
)
def test_a_key_file_is_checked_by_line_and_never_quoted(tmp_path: Path, line: str, said: str) -> None:
    """Which line, what is wrong, and no key."""
    file = tmp_path / "keys"
    file.write_text(f"* {'ab' * 32}\n{line}\n")
    with pytest.raises(ConfigurationError, match=said) as error:
        read_keys(None, file)
    for secret in ("ab" * 32, "secretsecret", "5ec4e7"):
        assert secret not in str(error.value)


def test_an_empty_key_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """What docker compose passes on when nothing is set; a key that is set is in no representation of the settings."""
    monkeypatch.setenv("CSIFLOW_INGEST_AUTH_KEY", "")
    assert gate_of(IngestSettings()) is None
    monkeypatch.setenv("CSIFLOW_INGEST_AUTH_KEY", KEY.hex())
    settings = IngestSettings()
    gate = gate_of(settings)
    assert gate is not None
    assert gate.keys == {"*": KEY}
    assert KEY.hex() not in repr(settings) + str(settings) + repr(gate)


def test_keys_come_from_both_settings(tmp_path: Path) -> None:
    """The key of the environment is every node's, the file's lines are the named ones'; comments are passed over."""
    file = tmp_path / "keys"
    file.write_text(f"# nodes\n\n7 {OTHER.hex()}  # kitchen\n{HOST} open\n")
    keys = read_keys(KEY.hex(), file)
    assert keys == {"*": KEY, "7": OTHER, HOST: None}
    assert OTHER.hex() not in repr(Gate(keys))
    assert repr(OTHER) not in repr(Gate(keys))
    with pytest.raises(ConfigurationError, match=r"CSIFLOW_INGEST_AUTH_KEY: .*not hexadecimal"):
        read_keys("secret", None)
    with pytest.raises(ConfigurationError, match="cannot read"):
        read_keys(None, tmp_path / "absent")
