"""Array recordings become ADR-018 packets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from csi_ingest.recordings import RecordingError, open_recording
from csi_ingest.recordings.arrays import read_arrays
from csi_schemas.codec import CsiPacket, decode
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

T = np.arange(3, dtype=np.int64) * 10_000_000


def write(folder: Path, **arrays: Any) -> Path:
    """An npz file with these arrays."""
    path = folder / "room.npz"
    np.savez(path, **arrays)
    return path


def packets(path: Path, **options: Any) -> list[tuple[int, CsiPacket]]:
    """Decode every datagram of a recording."""
    decoded = [(t, decode(datagram)) for t, datagram in open_recording(path, **options)]
    assert all(isinstance(packet, CsiPacket) for _, packet in decoded)
    return decoded  # type: ignore[return-value]


def iq_of(packet: CsiPacket) -> np.ndarray[Any, np.dtype[np.int8]]:
    """(A, S, 2)."""
    return np.frombuffer(packet.iq, np.int8).reshape(packet.n_antennas, packet.n_subcarriers, 2)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(iq=hnp.arrays(np.int8, st.tuples(st.integers(1, 4), st.integers(1, 3), st.integers(1, 8), st.just(2))))
def test_int8_passes_bit_for_bit(tmp_path: Path, iq: np.ndarray[Any, np.dtype[np.int8]]) -> None:
    """int8 I/Q is in the packets unchanged, antennas and sub-carriers as stored, numbers from 0, times as recorded."""
    t_ns = np.arange(len(iq), dtype=np.int64) * 7_000_000 + 5
    path = write(tmp_path, t_ns=t_ns, iq=iq)
    decoded = packets(path, node=9, frequency_mhz=5180)
    assert np.array_equal(np.stack([iq_of(packet) for _, packet in decoded]), iq)
    assert [packet.sequence for _, packet in decoded] == list(range(len(iq)))
    assert {(packet.node, packet.frequency_mhz) for _, packet in decoded} == {(9, 5180)}
    assert [t for t, _ in decoded] == (t_ns - t_ns[0]).tolist()
    recording = open_recording(path)
    assert (recording.gain, len(recording)) == (1.0, len(iq))
    assert recording.duration == pytest.approx((t_ns[-1] - t_ns[0]) / 1e9)


@pytest.mark.parametrize("kind", ["int16", "amplitude"])
def test_wider_values_are_scaled_by_one_gain(tmp_path: Path, kind: str) -> None:
    """The largest magnitude becomes 127, everything else keeps its ratio to it within rounding, Q of amplitude is 0."""
    generator = np.random.default_rng(1)
    if kind == "int16":
        recorded = generator.integers(-2000, 2000, (3, 2, 16, 2)).astype(np.int16)
        path = write(tmp_path, t_ns=T, iq=recorded)
    else:
        amplitude = generator.uniform(0, 60, (3, 2, 16)).astype(np.float32)
        recorded = np.stack([amplitude, np.zeros_like(amplitude)], axis=-1)
        path = write(tmp_path, t_ns=T, amplitude=amplitude)
    gain = open_recording(path).gain
    sent = np.stack([iq_of(packet) for _, packet in packets(path)]).astype(float)
    assert gain == pytest.approx(127 / np.abs(recorded.astype(float)).max())
    assert np.abs(sent).max() == 127
    assert np.abs(sent - recorded * gain).max() <= 0.5


def test_small_integers_are_not_scaled(tmp_path: Path) -> None:
    """uint8 amplitudes that fit in int8 are sent as they are."""
    amplitude = np.arange(48, dtype=np.uint8).reshape(3, 1, 16)
    path = write(tmp_path, t_ns=T, amplitude=amplitude)
    assert open_recording(path).gain == 1.0
    assert np.array_equal(np.stack([iq_of(packet)[..., 0] for _, packet in packets(path)]), amplitude)


def test_rssi_is_sent_when_recorded(tmp_path: Path) -> None:
    """The recording's own RSSI is in the packets."""
    iq = np.ones((3, 1, 4, 2), np.int8)
    path = write(tmp_path, t_ns=T, iq=iq, rssi_dbm=np.array([-40, -90, -61], np.int16))
    assert [packet.rssi_dbm for _, packet in packets(path)] == [-40, -90, -61]


IQ = np.zeros((3, 1, 4, 2), np.int8)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"iq": IQ}, "no t_ns"),
        ({"t_ns": T}, "neither iq nor amplitude"),
        ({"t_ns": T[:0], "iq": IQ[:0]}, "no frames"),
        ({"t_ns": T[::-1], "iq": IQ}, "t_ns falls at frame 1"),
        ({"t_ns": T[:2], "iq": IQ}, "for 2 time stamps"),
        ({"t_ns": T.astype(float), "iq": IQ}, "t_ns of float64"),
        ({"t_ns": T, "iq": IQ.astype(np.float32)}, "iq is float32"),
        ({"t_ns": T, "iq": IQ[..., 0]}, r"iq is int8 \(3, 1, 4\)"),
        ({"t_ns": T, "iq": np.zeros((3, 1, 600, 2), np.int8)}, "1-512 sub-carriers"),
        ({"t_ns": T, "iq": np.zeros((3, 17, 4, 2), np.int8)}, "1-16 antennas"),
        ({"t_ns": T, "iq": np.zeros((3, 0, 4, 2), np.int8)}, "at least one antenna"),
        ({"t_ns": T, "amplitude": np.full((3, 1, 4), np.nan)}, "negative or not finite"),
        ({"t_ns": T, "amplitude": np.full((3, 1, 4), -1.0)}, "negative or not finite"),
        ({"t_ns": T, "iq": IQ, "rssi_dbm": np.array([-40, 99, 0])}, "-40 to 99|from -40 to 99"),
        ({"t_ns": T, "iq": IQ, "rssi_dbm": np.array([-40])}, "expected int16"),
        ({"t_ns": T, "iq": IQ, "label": np.zeros(2, np.uint8), "label_names": np.array(["a"])}, "label is uint8"),
        ({"t_ns": T, "iq": IQ, "label": np.zeros(3, np.uint8)}, "no label_names"),
        (
            {"t_ns": T, "iq": IQ, "label": np.ones(3, np.uint8), "label_names": np.array(["a"])},
            "label goes from 1 to 1",
        ),
        ({"t_ns": T, "iq": IQ, "bpm": np.float64(0)}, "bpm is float64"),
    ],
)
def test_unusable_arrays_say_why(tmp_path: Path, arrays: dict[str, Any], message: str) -> None:
    """Every form that cannot be sent is refused with the file's name and what is wrong with it."""
    with pytest.raises(RecordingError, match=message) as caught:
        open_recording(write(tmp_path, **arrays))
    assert "room.npz" in str(caught.value)


def test_a_damaged_archive_says_so(tmp_path: Path) -> None:
    """A file that ends early is refused."""
    path = write(tmp_path, t_ns=T, iq=IQ)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(RecordingError, match="no readable npz recording"):
        open_recording(path)


def test_pickled_arrays_are_never_loaded(tmp_path: Path) -> None:
    """An archive that would run code on loading is refused."""
    path = write(tmp_path, t_ns=T, iq=np.array([{"a": 1}, {}, {}], dtype=object))
    with pytest.raises(RecordingError, match="no readable npz recording"):
        open_recording(path)


@pytest.mark.parametrize("options", [{"node": 256}, {"node": -1}, {"frequency_mhz": -1}, {"frequency_mhz": 10**6}])
def test_what_a_header_cannot_carry_is_refused(tmp_path: Path, options: dict[str, int]) -> None:
    """A node number beyond a u8 or an impossible frequency is refused when the recording is opened."""
    with pytest.raises(RecordingError, match="cannot be sent as node"):
        open_recording(write(tmp_path, t_ns=T, iq=IQ), **options)


@pytest.mark.parametrize("content", [b"# a page of text\n", b"\x00\x01\x02", b""])
def test_a_file_that_is_no_archive_is_called_that(tmp_path: Path, content: bytes) -> None:
    """The message says what the file should be, not what numpy would need to load a pickle."""
    path = tmp_path / "page.npz"
    path.write_bytes(content)
    with pytest.raises(RecordingError, match=r"no readable npz recording.*t_ns") as refused:
        read_arrays(path)
    assert "pickle" not in str(refused.value)
