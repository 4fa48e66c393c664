"""The committed reference signatures and the room they come from."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest
from csi_introspection import reference
from csi_introspection.library import check, file_text
from csi_introspection.settings import reference_signatures
from csi_schemas.signature import Signature

SIGNATURES = Path(__file__).parents[3] / "signatures"


def test_the_committed_files_are_what_the_simulator_makes() -> None:
    """``python -m csi_introspection.reference signatures`` changes nothing."""
    made = {f"{signature.id}.sig.json": file_text(signature) for signature in reference.references()}
    committed = {path.name: path.read_bytes() for path in SIGNATURES.glob("*.sig.json")}
    assert committed == made


def test_the_files_are_valid_and_say_that_they_are_synthetic() -> None:
    """They pass the check, have 64 rows at 30 a second and are marked synthetic; only the idle room is a rest."""
    report = check(SIGNATURES)
    assert report.problems == []
    assert {s.id: s.rest for s in report.signatures} == {"door_open": False, "idle_room": True, "walking_slow": False}
    assert {(s.length, s.rate_hz, s.provenance) for s in report.signatures} == {(64, 30.0, "synthetic")}


def test_a_file_reads_back_as_the_signature() -> None:
    """The layout of one row a line loses nothing."""
    for signature in reference.references():
        assert msgspec.json.decode(file_text(signature), type=Signature) == signature


def test_the_service_finds_them_in_a_checkout() -> None:
    """The default library is the checkout's."""
    assert reference_signatures() == SIGNATURES


def test_the_channel_is_the_sum_of_its_paths() -> None:
    """Without reflectors' motion the channel repeats; one reflector adds gain x exp(-j 2 pi f d / c) to it."""
    still = reference.channel(None, 0.0, 3)
    np.testing.assert_allclose(still[0], still[2])
    place = np.array([[2.0, 1.0]])
    added = reference.channel(place, 0.3, 1)[0] - still[0]
    length = np.linalg.norm(place[0] - reference.TRANSMITTER) + np.linalg.norm(place[0] - reference.RECEIVER)
    direct = np.linalg.norm(reference.RECEIVER - reference.TRANSMITTER)
    f = reference.CARRIER_HZ + 5 * reference.SPACING_HZ
    expected = 0.3 * direct / length * np.exp(-2j * np.pi * f * length / reference.SPEED_OF_LIGHT)
    assert added[5] == pytest.approx(expected)


def test_null_subcarriers_stay_zero() -> None:
    """Guard and DC sub-carriers carry no noise either, as on the radio."""
    iq = reference.record(reference.walk(10), 0.5, 0, quiet_frames=5).reshape(15, 64, 2)
    silent = [k for k in range(64) if not iq[:, k].any()]
    assert silent == [0, *range(27, 38)]


def test_the_command_needs_a_folder(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a folder it says how it is used and ends with 2."""
    monkeypatch.setattr("sys.argv", ["reference"])
    assert reference.main() == 2
    assert "usage" in capsys.readouterr().err


def test_the_command_writes_the_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It makes the folder and writes the three files."""
    monkeypatch.setattr("sys.argv", ["reference", str(tmp_path / "made")])
    assert reference.main() == 0
    assert sorted(path.name for path in (tmp_path / "made").iterdir()) == [
        "door_open.sig.json",
        "idle_room.sig.json",
        "walking_slow.sig.json",
    ]
