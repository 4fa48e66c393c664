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
from csi_events.change import KNOCK, lags
from csi_events.eigen import leading
from csi_events.gain_states import JUMP, MOST, OUTLIER, GainStates, few_values, forgets
from csi_events.lanczos import leading_of_differences
from csi_events.normalise import live_in_steps
from csi_events.quiet import Quiet, frame_rate
from csi_events.rows import Rows, StretchRows, parts
from csi_events.steps import Steps, at_once
from csi_events.stretch_sums import (
    add_moments,
    add_squares,
    add_turned,
    jumps_of,
    write_along,
    write_energies,
    write_lengths,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from numpy.typing import NDArray

    from csi_events.stretch import Kept

WIDE = 128
"""With more sub-carriers and more frames than this their products are not made: see :mod:`csi_events.lanczos`."""
JUDGE_US, MEDIAN_US, RATE_US = 75.0, 60.0, 90.0
"""What judging one direction, taking one median and telling the rate takes, about."""
FRAME_US, NORM_US = 0.08, 6e-4
"""What the norm of a frame takes, about, and what each number of it adds."""
STEP_PRODUCTS = 300_000
FEWEST_ROWS = 16
"""Products that one step adds up; but those of so many rows or columns at least, as each step goes through all sums."""
PRODUCT_US, SUM_US = 7e-5, 5e-4
"""What a product and a sum of such a step take, about."""
BLOCK_US = 50.0
"""A step adds to so many rows of the sums as take this, one at least."""
MOMENTS_US, LENGTHS_US, SQUARES_US = 2.2e-3, 2.5e-3, 2.9e-3
TURN_US, ALONG_US, ENERGY_US, JUMPS_US = 2.5e-3, 1.9e-3, 4.5e-3, 3.5e-3
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
    """Do all steps of :func:`calibration_in_steps` of amplitudes in any unit."""
    return at_once(calibration_in_steps(np.ascontiguousarray(amplitude, np.float32), t_s))


def calibration_in_steps(
    frames: Kept, t_s: NDArray[np.float64], told: Callable[[NDArray[np.int64]], None] = lambda _: None
) -> Steps[Quiet | None]:
    """Learn a stream's quiet from one stretch of it; in steps.

    Up to half of the stretch may hold motion: the level is a median, the scale is of shortened differences. More, and
    the motion is learnt as quiet.

    Args:
        frames: (frames, antennas, sub-carriers) amplitudes in any unit, or whole numbers, which are their squares.
        t_s: receive times, s, ascending.
        told: is called with the half-widths (:attr:`Quiet.widths`) as soon as the rate is known.

    Returns:
        The calibration, or ``None`` when fewer than 4 frames of the stretch are usable or nothing is live.
    """
    yield FRAME_US * len(frames) + NORM_US * frames.size
    live = yield from live_in_steps(frames)
    rows = yield from StretchRows.of(frames, live)
    count, columns = rows.frames, rows.columns
    if count < 4:
        return None
    yield RATE_US
    rate_hz = frame_rate(t_s[rows.usable])
    widths = np.array(lags(rate_hz, count), dtype=np.int64)
    told(widths)
    origin, total, squares = rows.part(0, 1)[0], np.zeros(columns), np.zeros(columns)
    for first, stop in parts(count, columns):
        yield MOMENTS_US * (stop - first) * columns
        add_moments(rows.part(first, stop), origin, total, squares)
    profile = origin + total / count
    spread = np.sqrt(np.maximum(squares / count - (total / count) ** 2, 0.0))
    yield from rows.level_out(profile.astype(np.float32))
    gain = yield from gain_states_in_steps(rows, switches_only=False)
    yield from rows.leave_out(gain)
    noise = (yield from noise_in_steps(rows)).scale
    level = yield from level_in_steps(rows, noise, widths)
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
        frames=count,
    )


def unseen_gain_in_steps(quiet: Quiet, frames: Kept) -> Steps[Quiet | None]:
    """Leave out the gain states of a stretch that a calibration has not met, in steps; ``None`` if there are none.

    What moves in the stretch is not learnt, see :func:`gain_states_in_steps`.

    Args:
        quiet: the calibration that has not met them.
        frames: as :func:`calibration_in_steps` takes them.
    """
    rows = yield from StretchRows.of(frames, quiet.live)
    if rows.frames < 4:
        return None
    yield from rows.level_out(quiet.profile)
    yield from rows.leave_out(quiet.gain)
    joined = quiet.gain.joined((yield from gain_states_in_steps(rows, switches_only=True)))
    return replace(quiet, gain=joined) if len(joined.read) > len(quiet.gain.read) else None


def noise_in_steps(rows: Rows) -> Steps[Noise]:
    """Read the frame-to-frame noise of every column of ``rows``, in their unit; in steps."""
    count, columns = rows.frames - 1, rows.columns
    length, power = np.empty(count), np.zeros(columns)
    for first, stop in parts(count, columns):
        yield LENGTHS_US * (stop - first) * columns
        write_lengths(rows.part(first, stop + 1), 0, stop - first, length[first:stop])
    weight = np.minimum(1.0, KNOCK * np.median(length) / np.maximum(length, 1e-9))
    for first, stop in parts(count, columns):
        yield SQUARES_US * (stop - first) * columns
        add_squares(rows.part(first, stop + 1), 0, stop - first, weight[first:stop], power)
    scale = np.sqrt(power / count)
    return Noise(np.maximum(scale, 0.3 * np.median(scale) + 1e-6), power, length)


def level_in_steps(rows: Rows, noise: NDArray[np.float64], widths: NDArray[np.int64]) -> Steps[NDArray[np.float64]]:
    """Median log energy of each half-width (widths,) in a quiet stretch; in steps."""
    count, columns = rows.frames, rows.columns
    energy = np.full((len(widths), count), np.nan)
    before = 2 * int(widths.max()) - 1
    for first, stop in parts(count, columns * len(widths), least=8):
        yield ENERGY_US * (stop - first) * columns * len(widths)
        begin = max(0, first - before)
        part = np.full((len(widths), stop - begin), np.nan)
        write_energies(rows.part(begin, stop), noise, widths, first - begin, stop - begin, LOUD, LOUD_ROUNDS, part)
        energy[:, first:stop] = part[:, first - begin :]
    level = np.empty(len(widths))
    for w, width in enumerate(widths.tolist()):
        yield MEDIAN_US
        level[w] = np.median(energy[w, 2 * width - 1 :])
    return level


def gain_states_in_steps(rows: Rows, *, switches_only: bool) -> Steps[GainStates]:
    """Find the directions of gain in a stretch of at least 4 frames; in steps.

    Differences of consecutive frames are divided by each column's noise. White noise in n differences of D columns
    puts at most the share (1 + sqrt(D / n))^2 / D of its variance in one direction (the edge of Marchenko and Pastur,
    1967); a direction with ``OUTLIER`` times that is not noise.

    Args:
        rows: of the stretch.
        switches_only: only directions along which the frames have two or three values. A stretch in which somebody
            moves needs that: at 10 frames/s a person's motion forgets as quickly as a radio.
    """
    count, columns = rows.frames - 1, rows.columns
    noise, power, length = yield from noise_in_steps(rows)
    weight = np.minimum(1.0, JUMP * np.median(length) / np.maximum(length, 1e-9))
    edge = (1.0 + np.sqrt(columns / count)) ** 2 / columns
    least = OUTLIER * edge * max(float(np.sum(power / noise**2)), 1e-12)
    found: list[NDArray[np.float64]] = []
    looked_at = 0
    for pair in _directions(rows, weight, noise, least):
        if isinstance(pair, float):
            yield pair
            continue
        looked_at += 1
        if looked_at > columns - 1:
            break
        direction = pair[1]
        along = np.empty(rows.frames)
        for first, stop in parts(rows.frames, columns):
            yield ALONG_US * (stop - first) * columns
            write_along(rows.part(first, stop), direction / noise, 0, stop - first, along[first:stop])
        yield JUDGE_US
        column = along[:, None]
        if forgets(column)[0] and (not switches_only or few_values(column)[0]):
            found.append(direction)
        if len(found) == MOST:
            break
    directions = np.array(found).reshape(len(found), columns)
    return GainStates((directions / noise).astype(np.float32), (directions * noise).astype(np.float32))


def _directions(
    rows: Rows, weight: NDArray[np.float64], noise: NDArray[np.float64], least: float
) -> Generator[float | tuple[float, NDArray[np.float64]], None, None]:
    """Yield the largest variances of the weighted differences with their directions (columns,), and what steps take."""
    count, columns = rows.frames - 1, rows.columns
    if min(count, columns) > WIDE:
        yield from leading_of_differences(rows, weight, noise, least)
        return
    products = yield from _products(rows, weight, noise)
    for pair in leading(products, least):
        if isinstance(pair, float) or columns <= count:
            yield pair
            continue
        value, vector = pair
        direction = np.zeros(columns)
        for first, stop in parts(count, columns):
            yield TURN_US * (stop - first) * columns
            share = (vector * weight)[first:stop]
            add_turned(rows.part(first, stop + 1), share, 0, stop - first, noise, direction)
        yield value, direction / np.sqrt(value)


def _products(rows: Rows, weight: NDArray[np.float64], noise: NDArray[np.float64]) -> Steps[NDArray[np.float64]]:
    """Add up the smaller of the two products of the weighted differences with themselves."""
    count, columns = rows.frames - 1, rows.columns
    size = min(count, columns)
    products = np.zeros((size, size))
    step = max(FEWEST_ROWS, STEP_PRODUCTS // size**2)
    row_us = size * (step * PRODUCT_US + SUM_US)
    block = max(1, int(BLOCK_US / row_us))
    for first in range(0, max(count, columns), step):
        yield JUMPS_US * step * size
        if columns <= count:
            stop = min(first + step, count)
            jumps = jumps_of(rows.part(first, stop + 1), 0, stop - first, 0, columns, weight[first:stop], noise)
            left, right = jumps.T, jumps
        else:
            stop = min(first + step, columns)
            jumps = jumps_of(rows.part(0, count + 1, first, stop), 0, count, 0, stop - first, weight, noise[first:stop])
            left, right = jumps, jumps.T
        for top in range(0, size, block):
            yield row_us * min(block, size - top)
            products[top : top + block] += left[top : top + block] @ right
    return products
