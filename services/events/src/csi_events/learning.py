"""Learning a stream's quiet, in short steps so that no frame waits for it.

Differences of frames are made where they are needed instead of being kept, means and sums are gathered over a few
frames or columns at a time, and eigenvectors are found in steps (:mod:`csi_events.eigen`). Between steps the frames
are the only large thing that is held.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from csi_events.arrival import LOUD, LOUD_ROUNDS
from csi_events.band_gain import band_parts, level_rows
from csi_events.change import KNOCK, lags
from csi_events.eigen import leading
from csi_events.gain_states import JUMP, MOST, OUTLIER, GainStates, few_values, forgets
from csi_events.lanczos import leading_of_differences
from csi_events.normalise import gain_normalised, live_in_steps
from csi_events.quiet import Quiet, frame_rate
from csi_events.steps import Steps, at_once
from csi_events.stretch_sums import (
    add_moments,
    add_squares,
    add_turned,
    jumps_of,
    remove,
    write_along,
    write_energies,
    write_lengths,
)

if TYPE_CHECKING:
    from collections.abc import Generator

    from numpy.typing import NDArray

STEP_VALUES = 10_000
"""Amplitudes that one step looks at."""
WIDE = 128
"""With more sub-carriers and more frames than this their products are not made: see :mod:`csi_events.lanczos`."""
JUDGE_US, MEDIAN_US, RATE_US = 80.0, 40.0, 150.0
"""What judging one direction, taking one median and telling the rate takes, about."""
STEP_PRODUCTS = 300_000
FEWEST_ROWS = 16
"""Products that one step adds up; but those of so many rows or columns at least, as each step goes through all sums."""
PRODUCT_US, SUM_US = 7e-5, 5e-4
"""What a product and a sum of such a step take, about."""
BLOCK_US = 50.0
"""A step adds to so many rows of the sums as take this, one at least."""
NORMALISE_US, MOMENTS_US, LENGTHS_US, SQUARES_US = 3e-3, 8e-4, 6e-4, 8e-4
TURN_US, ALONG_US, REMOVE_US, ENERGY_US, JUMPS_US, LEVEL_US = 1e-3, 6e-4, 1e-3, 2.5e-3, 2e-3, 5e-3
"""What one value of a step takes, about: steps are put together so that a frame has no more than it can bear."""


class Noise(NamedTuple):
    """What the differences of consecutive rows say, over sqrt(2): white noise keeps its variance.

    Those longer than ``KNOCK`` times the median one are shortened to that, so that a knock does not pass for noise.
    """

    scale: NDArray[np.float64]
    """(columns,): their root mean square, never below 0.3 of the median column's."""
    power: NDArray[np.float64]
    """(columns,): sum of the squares that it was made of."""
    length: NDArray[np.float64]
    """(rows - 1,): of the differences."""


def calibrate(amplitude: NDArray[np.float32], t_s: NDArray[np.float64]) -> Quiet | None:
    """Do all steps of :func:`calibration_in_steps` on a copy of the amplitudes."""
    return at_once(calibration_in_steps(np.array(amplitude, np.float32, order="C"), t_s))


def calibration_in_steps(amplitude: NDArray[np.float32], t_s: NDArray[np.float64]) -> Steps[Quiet | None]:
    """Learn a stream's quiet from one stretch of it; in steps.

    Up to half of the stretch may hold motion: the level is a median, the scale is of shortened differences. More, and
    the motion is learnt as quiet.

    Args:
        amplitude: (frames, antennas, sub-carriers), any unit; it is overwritten.
        t_s: receive times, s, ascending.

    Returns:
        The calibration, or ``None`` when fewer than 4 frames of the stretch are usable or nothing is live.
    """
    live = yield from live_in_steps(amplitude)
    x, usable = yield from _normalised(amplitude, live)
    frames = len(x)
    if frames < 4:
        return None
    yield RATE_US
    rate_hz = frame_rate(t_s[usable])
    widths = np.array(lags(rate_hz, frames), dtype=np.int64)
    total, squares = np.zeros(x.shape[1]), np.zeros(x.shape[1])
    for first, stop in _parts(frames, x.shape[1]):
        yield MOMENTS_US * (stop - first) * x.shape[1]
        add_moments(x, first, stop, total, squares)
    profile = x[0] + total / frames
    spread = np.sqrt(np.maximum(squares / frames - (total / frames) ** 2, 0.0))
    yield from _levelled(x, live, profile.astype(np.float32))
    gain = yield from gain_states_in_steps(x, switches_only=False)
    for first, stop in _parts(frames, x.shape[1] * len(gain.read)):
        yield REMOVE_US * (stop - first) * x.shape[1] * len(gain.read)
        remove(x, *gain, first, stop)
    noise = (yield from noise_in_steps(x)).scale
    level = yield from level_in_steps(x, noise, widths)
    return Quiet(
        live=live,
        gain=gain,
        inverse_noise=(1.0 / noise).astype(np.float32),
        widths=widths,
        level=level,
        profile=profile.astype(np.float32),
        spread=np.maximum(spread, noise).astype(np.float32),
        rate_hz=rate_hz,
        seconds=float(t_s[-1] - t_s[0]),
        frames=frames,
    )


def unseen_gain_in_steps(quiet: Quiet, amplitude: NDArray[np.float32]) -> Steps[Quiet | None]:
    """Leave out the gain states of a stretch that a calibration has not met, in steps; ``None`` if there are none.

    What moves in the stretch is not learnt, see :func:`gain_states_in_steps`.

    Args:
        quiet: the calibration that has not met them.
        amplitude: (frames, antennas, sub-carriers); it is overwritten.
    """
    x, _ = yield from _normalised(amplitude, quiet.live)
    if len(x) < 4:
        return None
    yield from _levelled(x, quiet.live, quiet.profile)
    for first, stop in _parts(len(x), x.shape[1] * max(1, len(quiet.gain.read))):
        yield REMOVE_US * (stop - first) * x.shape[1] * len(quiet.gain.read)
        remove(x, *quiet.gain, first, stop)
    joined = quiet.gain.joined((yield from gain_states_in_steps(x, switches_only=True)))
    return replace(quiet, gain=joined) if len(joined.read) > len(quiet.gain.read) else None


def _parts(rows: int, columns: int, least: int = 1) -> list[tuple[int, int]]:
    """Cut so many rows in parts of about ``STEP_VALUES`` values and at least so many rows."""
    step = max(least, 1, STEP_VALUES // max(1, columns))
    return [(first, min(first + step, rows)) for first in range(0, rows, step)]


def _normalised(
    amplitude: NDArray[np.float32], live: NDArray[np.bool_]
) -> Steps[tuple[NDArray[np.float32], NDArray[np.bool_]]]:
    """Do what :func:`csi_events.normalise.gain_normalised` does; the rows take the place of the amplitudes."""
    frames, columns = len(amplitude), int(live.sum())
    rows = amplitude.reshape(-1)[: frames * columns].reshape(frames, columns)
    usable = np.zeros(frames, np.bool_)
    filled = 0
    for first, stop in _parts(frames, live.size):
        yield NORMALISE_US * (stop - first) * live.size
        x, usable[first:stop] = gain_normalised(amplitude[first:stop], live)
        rows[filled : filled + len(x)] = x
        filled += len(x)
    return rows[:filled], usable


def _levelled(x: NDArray[np.float32], live: NDArray[np.bool_], profile: NDArray[np.float32]) -> Steps[None]:
    """Divide rows ``x`` (frames, columns) by their gain over ``profile`` (columns,), in place; in steps."""
    parts = band_parts(live)
    for first, stop in _parts(len(x), x.shape[1]):
        yield LEVEL_US * (stop - first) * x.shape[1]
        level_rows(x, first, stop, profile, parts)


def noise_in_steps(x: NDArray[np.float32]) -> Steps[Noise]:
    """Read the frame-to-frame noise of every column of ``x`` (frames, columns), in the unit of ``x``; in steps."""
    count, columns = len(x) - 1, x.shape[1]
    length, power = np.empty(count), np.zeros(columns)
    for first, stop in _parts(count, columns):
        yield LENGTHS_US * (stop - first) * columns
        write_lengths(x, first, stop, length)
    weight = np.minimum(1.0, KNOCK * np.median(length) / np.maximum(length, 1e-9))
    for first, stop in _parts(count, columns):
        yield SQUARES_US * (stop - first) * columns
        add_squares(x, first, stop, weight, power)
    scale = np.sqrt(power / count)
    return Noise(np.maximum(scale, 0.3 * np.median(scale) + 1e-6), power, length)


def level_in_steps(
    x: NDArray[np.float32], noise: NDArray[np.float64], widths: NDArray[np.int64]
) -> Steps[NDArray[np.float64]]:
    """Median log energy of each half-width (widths,) in a quiet stretch ``x`` (frames, columns); in steps."""
    energy = np.full((len(widths), len(x)), np.nan)
    for first, stop in _parts(len(x), x.shape[1] * len(widths), least=8):
        yield ENERGY_US * (stop - first) * x.shape[1] * len(widths)
        write_energies(x, noise, widths, first, stop, LOUD, LOUD_ROUNDS, energy)
    level = np.empty(len(widths))
    for w, width in enumerate(widths.tolist()):
        yield MEDIAN_US
        level[w] = np.median(energy[w, 2 * width - 1 :])
    return level


def gain_states_in_steps(x: NDArray[np.float32], *, switches_only: bool) -> Steps[GainStates]:
    """Find the directions of gain in a stretch ``x`` (frames, columns) of at least 4 frames; in steps.

    Differences of consecutive frames are divided by each column's noise. White noise in n differences of D columns
    puts at most the share (1 + sqrt(D / n))^2 / D of its variance in one direction (the edge of Marchenko and Pastur,
    1967); a direction with ``OUTLIER`` times that is not noise.

    Args:
        x: normalised amplitudes.
        switches_only: only directions along which the frames have two or three values. A stretch in which somebody
            moves needs that: at 10 frames/s a person's motion forgets as quickly as a radio.
    """
    count, columns = len(x) - 1, x.shape[1]
    noise, power, length = yield from noise_in_steps(x)
    weight = np.minimum(1.0, JUMP * np.median(length) / np.maximum(length, 1e-9))
    edge = (1.0 + np.sqrt(columns / count)) ** 2 / columns
    least = OUTLIER * edge * max(float(np.sum(power / noise**2)), 1e-12)
    found: list[NDArray[np.float64]] = []
    looked_at = 0
    for pair in _directions(x, weight, noise, least):
        if isinstance(pair, float):
            yield pair
            continue
        looked_at += 1
        if looked_at > columns - 1:
            break
        direction = pair[1]
        along = np.empty((len(x), 1))
        for first, stop in _parts(len(x), columns):
            yield ALONG_US * (stop - first) * columns
            write_along(x, direction / noise, first, stop, along[:, 0])
        yield JUDGE_US
        if forgets(along)[0] and (not switches_only or few_values(along)[0]):
            found.append(direction)
        if len(found) == MOST:
            break
    directions = np.array(found).reshape(len(found), columns)
    return GainStates((directions / noise).astype(np.float32), (directions * noise).astype(np.float32))


def _directions(
    x: NDArray[np.float32], weight: NDArray[np.float64], noise: NDArray[np.float64], least: float
) -> Generator[float | tuple[float, NDArray[np.float64]], None, None]:
    """Yield the largest variances of the weighted differences with their directions (columns,), and what steps take."""
    count, columns = len(x) - 1, x.shape[1]
    if min(count, columns) > WIDE:
        yield from leading_of_differences(x, weight, noise, least)
        return
    products = yield from _products(x, weight, noise)
    for pair in leading(products, least):
        if isinstance(pair, float) or columns <= count:
            yield pair
            continue
        value, vector = pair
        direction = np.zeros(columns)
        for first, stop in _parts(count, columns):
            yield TURN_US * (stop - first) * columns
            add_turned(x, vector * weight, first, stop, noise, direction)
        yield value, direction / np.sqrt(value)


def _products(
    x: NDArray[np.float32], weight: NDArray[np.float64], noise: NDArray[np.float64]
) -> Steps[NDArray[np.float64]]:
    """Add up the smaller of the two products of the weighted differences with themselves."""
    count, columns = len(x) - 1, x.shape[1]
    size = min(count, columns)
    products = np.zeros((size, size))
    step = max(FEWEST_ROWS, STEP_PRODUCTS // size**2)
    row_us = size * (step * PRODUCT_US + SUM_US)
    rows = max(1, int(BLOCK_US / row_us))
    for first in range(0, max(count, columns), step):
        yield JUMPS_US * step * size
        if columns <= count:
            jumps = jumps_of(x, first, min(first + step, count), 0, columns, weight, noise)
            left, right = jumps.T, jumps
        else:
            jumps = jumps_of(x, 0, count, first, min(first + step, columns), weight, noise)
            left, right = jumps, jumps.T
        for top in range(0, size, rows):
            yield row_us * min(rows, size - top)
            products[top : top + rows] += left[top : top + rows] @ right
    return products
