"""The radio channel of a furnished room: direct path, wall reflections, and one body that scatters.

Sum of paths, ``H(f) = sum_p a_p exp(-2 pi i f d_p / c)``, after Friis for the direct path, the image method for walls
(Allen & Berkley 1979, doi:10.1121/1.382599, first order) and the bistatic radar equation for the body, which is lit
and seen directly and by way of each wall. Not modelled: the body's shadow, polarisation, antenna patterns.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

SPEED_OF_LIGHT = 299_792_458.0
"""m/s."""
SUBCARRIER_SPACING_HZ = 312_500.0
"""IEEE 802.11n, 20 MHz."""
_NEAREST_M = 0.1
"""Path lengths are not let below this: the far-field formulas diverge."""


@dataclass(frozen=True, slots=True)
class Room:
    """A box from the origin to ``size``."""

    size: tuple[float, float, float] = (6.0, 4.5, 2.6)
    """Metres: x, y, z."""
    reflection: float = 0.6
    """Amplitude reflection coefficient of every wall, floor and ceiling, 0 (none) to 1."""


@dataclass(frozen=True, slots=True)
class Link:
    """One transmitter and one receiver in a room."""

    transmitter: tuple[float, float, float]
    """Metres."""
    receiver: tuple[float, float, float]
    frequency_mhz: int = 2437
    n_subcarriers: int = 64
    room: Room = Room()
    direct_loss_db: float = 8.0
    """What furniture and people in the way take from the direct path."""
    radar_cross_section: float = 1.0
    """Of the body, m^2; 0.3-1.5 at 2.4 GHz for an adult."""

    @property
    def wavelength(self) -> float:
        """Metres, at the centre frequency."""
        return SPEED_OF_LIGHT / (self.frequency_mhz * 1e6)

    @property
    def frequencies(self) -> NDArray[np.float64]:
        """Frequency of each sub-carrier, Hz (S,)."""
        return self.frequency_mhz * 1e6 + subcarrier_indices(self.n_subcarriers) * SUBCARRIER_SPACING_HZ

    def static_channel(self) -> NDArray[np.complex128]:
        """Return H of the empty room (S,): direct path and one reflection on each of six surfaces."""
        images, signs = _images(self.transmitter, self.room)
        signs[0] = 10 ** (-self.direct_loss_db / 20)
        distance = _distances(images, np.array(self.receiver))
        amplitude = signs * self.wavelength / (4 * np.pi * distance)
        return np.asarray(amplitude @ _phasors(self.frequencies, distance))

    def scattered_channel(self, body: NDArray[np.float64]) -> NDArray[np.complex128]:
        """Return H over the body at the positions ``body`` (T, 3), metres, with at most one wall a path: (T, S)."""
        transmitters, lit = _images(self.transmitter, self.room)
        receivers, seen = _images(self.receiver, self.room)
        out = _distances(transmitters, body[:, np.newaxis])
        back = _distances(receivers, body[:, np.newaxis])
        constant = self.wavelength * np.sqrt(self.radar_cross_section) / (4 * np.pi) ** 1.5
        # (T, 13): direct both ways, then lit by way of each wall, then seen by way of each wall
        product = np.concatenate([lit / (out * back[:, :1]), (seen / (out[:, :1] * back))[:, 1:]], axis=1)
        length = np.concatenate([out + back[:, :1], (out[:, :1] + back)[:, 1:]], axis=1)
        phasors = _phasors(self.frequencies, length)
        return np.asarray(constant * np.einsum("tp,tps->ts", product, phasors))


def subcarrier_indices(count: int) -> NDArray[np.float64]:
    """Index of each of ``count`` sub-carriers (S,), in the order ESP32 nodes send: 0, 1, ... S/2-1, -S/2, ... -1."""
    return np.asarray(np.fft.fftfreq(count, 1 / count), dtype=np.float64)


def _images(point: tuple[float, float, float], room: Room) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return a point and its mirror images in the six surfaces (7, 3), and the amplitude factor of each (7,)."""
    images = np.tile(np.array(point, dtype=np.float64), (7, 1))
    for axis, extent in enumerate(room.size):
        images[1 + 2 * axis, axis] *= -1
        images[2 + 2 * axis, axis] = 2 * extent - point[axis]
    return images, np.array([1.0, *[-room.reflection] * 6])


def _distances(points: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.maximum(np.linalg.norm(points - other, axis=-1), _NEAREST_M))


def _phasors(frequencies: NDArray[np.float64], lengths: NDArray[np.float64]) -> NDArray[np.complex128]:
    """exp(-2 pi i f d / c) for lengths of any shape: (..., S)."""
    return np.exp(-2j * np.pi / SPEED_OF_LIGHT * np.multiply.outer(lengths, frequencies))
