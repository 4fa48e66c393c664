"""I/Q bytes as arrays."""

from __future__ import annotations

import numpy as np
import pytest
from csi_schemas.codec import CsiPacket, decode, encode_csi
from csi_schemas.iq import amplitude, iq_view
from hypothesis import given
from hypothesis import strategies as st


def test_a_view_is_antenna_major_and_copies_nothing() -> None:
    """Shape (antennas, sub-carriers, 2) over the bytes of the datagram itself."""
    iq = np.arange(-6, 6, dtype=np.int8).reshape(2, 3, 2)
    datagram = encode_csi(1, iq.data, sequence=0, n_subcarriers=3, n_antennas=2)
    packet = decode(datagram)
    assert isinstance(packet, CsiPacket)
    view = iq_view(packet.iq, 2, 3)
    np.testing.assert_array_equal(view, iq)
    assert view.dtype == np.int8
    assert np.shares_memory(view, np.frombuffer(datagram, np.int8))


@given(st.integers(1, 4), st.integers(1, 32), st.data())
def test_amplitude_is_the_modulus(antennas: int, subcarriers: int, data: st.DataObject) -> None:
    """float32 sqrt(I^2 + Q^2) per sub-carrier, the same as the modulus of the complex number."""
    length = 2 * antennas * subcarriers
    body = data.draw(st.binary(min_size=length, max_size=length))
    expected = np.empty((antennas, subcarriers))
    signed = memoryview(body).cast("b")
    for antenna in range(antennas):
        for subcarrier in range(subcarriers):
            at = 2 * (antenna * subcarriers + subcarrier)
            expected[antenna, subcarrier] = abs(complex(signed[at], signed[at + 1]))
    result = amplitude(body, antennas, subcarriers)
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, expected, rtol=1e-6)


def test_the_extremes() -> None:
    """3-4-5 and the largest int8 pair, whose squares do not fit in a byte."""
    body = np.array([3, -4, -128, -128], np.int8).tobytes()
    np.testing.assert_array_equal(amplitude(body, 1, 2), np.array([[5.0, np.sqrt(32768.0)]], np.float32))


def test_a_wrong_length_is_an_error() -> None:
    """A buffer that is not antennas x sub-carriers x 2 bytes cannot be shaped."""
    with pytest.raises(ValueError, match="reshape"):
        iq_view(bytes(6), 1, 4)
