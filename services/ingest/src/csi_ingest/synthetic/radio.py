"""What a cheap receiver makes of a channel: thermal noise, a random phase, automatic gain in steps, eight bits."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from csi_ingest.synthetic.channel import SUBCARRIER_SPACING_HZ, subcarrier_indices

if TYPE_CHECKING:
    from numpy.typing import NDArray

INT8_MAX = 127
HT20_LAST_USED = 28
"""802.11n, 20 MHz: sub-carriers -28..-1 and 1..28 carry energy; an ESP32 sends the others as zeros."""


@dataclass(frozen=True, slots=True)
class RadioParameters:
    """Properties of the receiver."""

    transmit_dbm: float = 15.0
    noise_dbm: float = -85.0
    """Noise power per sub-carrier, referred to the antenna."""
    random_phase: bool = True
    """Whether each frame has a phase and a timing offset of its own, as unsynchronised oscillators give it."""
    timing_jitter_ns: float = 15.0
    """Standard deviation of that timing offset."""
    target_level: float = 32.0
    """RMS magnitude in int8 units that the automatic gain aims at."""
    gain_step_db: float = 3.0
    hysteresis_db: float = 2.5
    """The gain stays while the level is this close to the target; at least half a step."""
    null_subcarriers: bool = True
    """Whether guard and DC sub-carriers are zeros."""


@dataclass(slots=True)
class Receiver:
    """One receiver's state: its gain and its random numbers."""

    parameters: RadioParameters
    generator: np.random.Generator
    gain_db: float | None = None
    """From the square root of a milliwatt at the antenna to int8 units; ``None`` before the first frame."""
    gain_changes: int = 0
    _used: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, dtype=np.bool_))

    def receive(self, channel: NDArray[np.complex128]) -> tuple[NDArray[np.int8], int]:
        """Turn one frame's channel (S,) into int8 I, Q (S, 2) and the RSSI in dBm."""
        parameters = self.parameters
        if len(self._used) != len(channel):
            self._used = used_subcarriers(len(channel)) if parameters.null_subcarriers else np.ones(len(channel), bool)
        signal = 10 ** (parameters.transmit_dbm / 20) * channel
        sigma = 10 ** (parameters.noise_dbm / 20) / np.sqrt(2)
        noise = self.generator.normal(0.0, sigma, (len(channel), 2))
        received = np.where(self._used, signal + noise[:, 0] + 1j * noise[:, 1], 0.0)
        if parameters.random_phase:
            received = received * self._phases(len(channel))
        power = float(np.mean(np.abs(received[self._used]) ** 2))
        scaled = 10 ** (self._adapt_gain(power) / 20) * received
        iq = np.clip(np.rint(np.stack([scaled.real, scaled.imag], axis=-1)), -INT8_MAX, INT8_MAX).astype(np.int8)
        return iq, int(np.clip(np.rint(_decibel(power)), -128, 0))

    def _phases(self, subcarriers: int) -> NDArray[np.complex128]:
        offset_hz = subcarrier_indices(subcarriers) * SUBCARRIER_SPACING_HZ
        delay = self.generator.normal(0.0, self.parameters.timing_jitter_ns * 1e-9)
        turn = self.generator.uniform(0.0, 2 * np.pi)
        return np.asarray(np.exp(1j * (turn - 2 * np.pi * offset_hz * delay)))

    def _adapt_gain(self, power: float) -> float:
        """Return the gain in dB for a frame of mean power ``power`` (mW), changed in whole steps when it must."""
        wanted = 20 * np.log10(self.parameters.target_level) - _decibel(power)
        step = self.parameters.gain_step_db
        tolerance = max(self.parameters.hysteresis_db, step / 2)
        if self.gain_db is None:
            self.gain_db = float(step * np.rint(wanted / step))
        elif abs(wanted - self.gain_db) > tolerance:
            self.gain_db = float(step * np.rint(wanted / step))
            self.gain_changes += 1
        return self.gain_db


def used_subcarriers(count: int) -> NDArray[np.bool_]:
    """Which of ``count`` sub-carriers carry energy: neither DC nor the guard band, scaled from 802.11n's 28 of 32."""
    index = np.abs(subcarrier_indices(count))
    return np.asarray((index >= 1) & (index <= HT20_LAST_USED * count / 64))


def _decibel(power: float) -> float:
    return float(10 * np.log10(max(power, 1e-30)))
