"""I/Q bytes as numpy arrays. Imported only by those who compute: the codec and the messages need no numpy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def iq_view(buffer: bytes | bytearray | memoryview, n_antennas: int, n_subcarriers: int) -> NDArray[np.int8]:
    """View I/Q bytes as int8 of shape (antennas, sub-carriers, 2); ``[..., 0]`` is I. Nothing is copied.

    Raises:
        ValueError: The buffer does not hold ``n_antennas * n_subcarriers * 2`` bytes.
    """
    return np.frombuffer(buffer, np.int8).reshape(n_antennas, n_subcarriers, 2)


def amplitude(buffer: bytes | bytearray | memoryview, n_antennas: int, n_subcarriers: int) -> NDArray[np.float32]:
    """Amplitude sqrt(I^2 + Q^2), float32 of shape (antennas, sub-carriers), 0-181.02, in the radio's own unit.

    Raises:
        ValueError: as ``iq_view``.
    """
    iq = iq_view(buffer, n_antennas, n_subcarriers).astype(np.float32)
    # I^2 + Q^2 is at most 32768, which float32 holds exactly: only the root rounds.
    power: NDArray[np.float32] = np.einsum("asc,asc->as", iq, iq)
    return np.sqrt(power)
