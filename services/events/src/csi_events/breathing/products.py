"""What a frame contributes to breathing where there are several antennas: products of antenna pairs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from csi_events._compile import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

GROUPS = 8
MAX_PAIRS = 15


def product_columns(live: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Sub-carriers that are live on all antennas of ``live`` (antennas, sub-carriers)."""
    return np.flatnonzero(live.all(axis=0))


def product_count(antennas: int, shared: NDArray[np.int64]) -> int:
    """Products of a frame of so many antennas whose shared sub-carriers are these."""
    return min(MAX_PAIRS, antennas * (antennas - 1) // 2) * min(GROUPS, len(shared))


_WRITE = "void({0}[:,::1], {0}[:,::1], float64[::1], complex64[::1])"


@kernel(_WRITE.format("float32"), _WRITE.format("float64"))
def _write_products(
    real: NDArray[np.floating],
    imaginary: NDArray[np.floating],
    inverse_rms: NDArray[np.float64],
    products: NDArray[np.complex64],
) -> None:
    """Multiply pairs of antennas whose I and Q (antennas, sub-carriers) are whole numbers: sums have no error."""
    antennas, width = real.shape
    groups = min(GROUPS, width)
    pairs = len(products) // groups
    pair = 0
    for a in range(antennas):
        for b in range(a + 1, antennas):
            if pair == pairs:
                return
            for g in range(groups):
                first, stop = g * width // groups, (g + 1) * width // groups
                real_a, imaginary_a = real[a, first:stop], imaginary[a, first:stop]
                real_b, imaginary_b = real[b, first:stop], imaginary[b, first:stop]
                along, across = 0 * real[0, 0], 0 * real[0, 0]  # in the precision of what is added up
                for k in range(len(real_a)):
                    along += real_a[k] * real_b[k] + imaginary_a[k] * imaginary_b[k]
                    across += imaginary_a[k] * real_b[k] - real_a[k] * imaginary_b[k]
                scale = inverse_rms[a] * inverse_rms[b] / (stop - first)
                products[pair * groups + g] = complex(np.float64(along) * scale, np.float64(across) * scale)
            pair += 1


_TAKE = "void({0}[:,:,::1], int64[::1], {1}[:,::1], {1}[:,::1], float64[::1])"


@kernel(_TAKE.format("int8", "float32"), _TAKE.format("int16", "float64"))
def _take_shared(
    iq: NDArray[np.integer],
    shared: NDArray[np.int64],
    real: NDArray[np.floating],
    imaginary: NDArray[np.floating],
    inverse_rms: NDArray[np.float64],
) -> None:
    """Write I and Q of the sub-carriers ``shared``, and 1 / root mean square of every antenna over them."""
    width = len(shared)
    for a in range(len(iq)):
        heard, own_real, own_imaginary = iq[a], real[a], imaginary[a]
        if width == iq.shape[1]:  # all of them, as is usual: the loop is vectorised
            for k in range(width):
                own_real[k], own_imaginary[k] = heard[k, 0], heard[k, 1]
        else:
            for k in range(width):
                own_real[k], own_imaginary[k] = heard[shared[k], 0], heard[shared[k], 1]
        power = 0.0
        for k in range(width):
            power += np.float64(own_real[k] * own_real[k] + own_imaginary[k] * own_imaginary[k])
        inverse_rms[a] = 1.0 / (np.sqrt(power / width) + 1e-9)


@kernel("void(int8[:,:,::1], int64[::1], complex64[::1])")
def _products_of_8_bits(iq: NDArray[np.integer], shared: NDArray[np.int64], products: NDArray[np.complex64]) -> None:
    """In single precision, which holds the sums of a group of up to 512 sub-carriers without an error."""
    shape = len(iq), len(shared)
    real, imaginary, inverse_rms = np.empty(shape, np.float32), np.empty(shape, np.float32), np.empty(len(iq))
    _take_shared(iq, shared, real, imaginary, inverse_rms)
    _write_products(real, imaginary, inverse_rms, products)


@kernel("void(int16[:,:,::1], int64[::1], complex64[::1])")
def _products_of_16_bits(iq: NDArray[np.integer], shared: NDArray[np.int64], products: NDArray[np.complex64]) -> None:
    """In double precision."""
    shape = len(iq), len(shared)
    real, imaginary, inverse_rms = np.empty(shape), np.empty(shape), np.empty(len(iq))
    _take_shared(iq, shared, real, imaginary, inverse_rms)
    _write_products(real, imaginary, inverse_rms, products)


def antenna_products(iq: NDArray[np.integer], shared: NDArray[np.int64], products: NDArray[np.complex64]) -> None:
    """Conjugate products of antenna pairs: phase differences that the radios' clocks cannot disturb.

    Every antenna is divided by its root mean square over the sub-carriers live on all antennas. The first ``MAX_PAIRS``
    pairs in the order (0, 1), (0, 2) ... (1, 2) ...; each averaged in at most ``GROUPS`` neighbouring groups.

    Args:
        iq: (antennas, sub-carriers, 2) of one frame, int8 or int16.
        shared: see :func:`product_columns`.
        products: (:func:`product_count`,), written.
    """
    if len(shared):
        (_products_of_8_bits if iq.dtype == np.int8 else _products_of_16_bits)(iq, shared, products)
