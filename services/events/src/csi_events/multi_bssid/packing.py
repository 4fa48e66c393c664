"""Readings as codes of a few bits, side by side without gaps: what blocks of the history are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from csi_events._compile import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

UNITS_PER_DB = 100
NO_READING = -32768
"""Stands for no reading among those in 0.01 dBm."""


@kernel("void(float64[::1], int64, int16[:,::1])")
def keep(rssi_dbm: NDArray[np.float64], place: int, block: NDArray[np.int16]) -> None:
    """Write (32,) readings in dBm, NaN for none, into column ``place`` of a block in 0.01 dBm."""
    for i in range(len(rssi_dbm)):
        value = rssi_dbm[i] * UNITS_PER_DB
        block[i, place] = np.int16(np.rint(value)) if abs(value) < 32767.0 else np.int16(NO_READING)


@kernel("void(int64[::1], int64, uint8[::1])")
def pack_row(codes: NDArray[np.int64], bits: int, row: NDArray[np.uint8]) -> None:
    """Pack codes, a multiple of 8 of them, least significant bits first: 8 codes are ``bits`` bytes."""
    at = 0
    for group in range(0, len(codes), 8):
        word = np.uint64(0)
        for k in range(8):
            word |= np.uint64(codes[group + k]) << np.uint64(k * bits)
        for _ in range(bits):
            row[at] = np.uint8(word & np.uint64(0xFF))
            word >>= np.uint64(8)
            at += 1


@kernel("void(uint8[::1], int64, int64[::1])")
def unpack_row(row: NDArray[np.uint8], bits: int, codes: NDArray[np.int64]) -> None:
    """Unpack what :func:`pack_row` packed into ``codes``."""
    mask = np.uint64((1 << bits) - 1)
    at = 0
    for group in range(0, len(codes), 8):
        word = np.uint64(0)
        for byte in range(bits):
            word |= np.uint64(row[at]) << np.uint64(8 * byte)
            at += 1
        for k in range(8):
            codes[group + k] = np.int64((word >> np.uint64(k * bits)) & mask)


@kernel("void(int16[:,::1], int64, int64, int64, uint8[:,::1], int16[::1], uint16[::1])")
def pack(
    rssi: NDArray[np.int16],
    scans: int,
    bits: int,
    steps: int,
    codes: NDArray[np.uint8],
    least: NDArray[np.int16],
    span: NDArray[np.uint16],
) -> None:
    """Quantise a block; 3 us for 32 slots.

    Args:
        rssi: (32, 32 scans) 0.01 dBm; -32768 for none.
        scans: how many scans there are.
        bits: of a code.
        steps: of the range; at most 2^bits - 2.
        codes: (32, 4 bits), written.
        least: (32,), written.
        span: (32,), written.
    """
    row = np.empty(rssi.shape[1], np.int64)
    for i in range(len(rssi)):
        low, high = 32767, -32768
        for scan in range(scans):
            value = int(rssi[i, scan])
            if value != NO_READING:
                low = min(low, value)
                high = max(high, value)
        if high < low:
            low = high = 0
        least[i], span[i] = low, high - low
        scale = steps / (high - low) if high > low else 0.0
        for scan in range(len(row)):
            read = scan < scans and rssi[i, scan] != NO_READING
            row[scan] = 1 + int(np.rint((rssi[i, scan] - low) * scale)) if read else 0
        pack_row(row, bits, codes[i])


@kernel("void(uint8[:,::1], int64, int64, int64, int64, uint8[:,::1])")
def coarsen(
    codes: NDArray[np.uint8], bits: int, steps: int, fewer_bits: int, fewer_steps: int, target: NDArray[np.uint8]
) -> None:
    """Write codes with fewer bits into ``target``; ends of the range stay ends, none stays none. 2 us."""
    row = np.empty(codes.shape[1] * 8 // bits, np.int64)
    table = np.empty(1 << bits, np.int64)
    table[0] = 0
    for code in range(1, len(table)):
        table[code] = 1 + int(np.rint((code - 1) * fewer_steps / steps))
    for i in range(len(codes)):
        unpack_row(codes[i], bits, row)
        for scan in range(len(row)):
            row[scan] = table[row[scan]]
        pack_row(row, fewer_bits, target[i])
