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


_PRODUCTS = "void({0}[:,:,::1], int64[::1], complex64[::1])"


@kernel(_PRODUCTS.format("int8"), _PRODUCTS.format("int16"))
def antenna_products(iq: NDArray[np.integer], shared: NDArray[np.int64], products: NDArray[np.complex64]) -> None:
    """Conjugate products of antenna pairs: phase differences that the radios' clocks cannot disturb.

    Every antenna is divided by its root mean square over the sub-carriers live on all antennas. The first ``MAX_PAIRS``
    pairs in the order (0, 1), (0, 2) ... (1, 2) ...; each averaged in at most ``GROUPS`` neighbouring groups.

    Args:
        iq: (antennas, sub-carriers, 2) of one frame.
        shared: see :func:`product_columns`.
        products: (:func:`product_count`,), written.
    """
    antennas, width = iq.shape[0], len(shared)
    if width == 0:
        return
    groups = min(GROUPS, width)
    pairs = len(products) // groups
    real, imaginary, inverse_rms = np.empty((antennas, width)), np.empty((antennas, width)), np.empty(antennas)
    for a in range(antennas):
        power = 0.0
        for k in range(width):
            i, q = float(iq[a, shared[k], 0]), float(iq[a, shared[k], 1])
            power += i * i + q * q
            real[a, k], imaginary[a, k] = i, q
        inverse_rms[a] = 1.0 / (np.sqrt(power / width) + 1e-9)
    pair = 0
    for a in range(antennas):
        for b in range(a + 1, antennas):
            if pair == pairs:
                return
            real_a, imaginary_a, real_b, imaginary_b = real[a], imaginary[a], real[b], imaginary[b]
            for g in range(groups):
                first, stop = g * width // groups, (g + 1) * width // groups
                sum_real, sum_imaginary = 0.0, 0.0  # of whole numbers, and so without an error
                for k in range(first, stop):
                    sum_real += real_a[k] * real_b[k] + imaginary_a[k] * imaginary_b[k]
                    sum_imaginary += imaginary_a[k] * real_b[k] - real_a[k] * imaginary_b[k]
                scale = inverse_rms[a] * inverse_rms[b] / (stop - first)
                products[pair * groups + g] = complex(sum_real * scale, sum_imaginary * scale)
            pair += 1
