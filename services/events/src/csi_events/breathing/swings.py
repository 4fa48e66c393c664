"""Half-minute memory of small, slow changes: steps between short bins, levelled, summed and leaking away."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from csi_events._compile import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

BIN_NS = 200_000_000
MEMORY_S = 60.0
"""Four periods of a rate of 4 breaths/min."""
CAPACITY = int(MEMORY_S * 1e9) // BIN_NS
SPARE = 8
"""Bins that are kept beyond those: an attempt comes to their levels some frames after it began."""
LEAK_S = 10.0
QUICK_S = 0.5
"""The same for the covariance, so that drift does not choose the components."""
"""Time in which a summed step fades to 1/e: a high-pass at 1 per minute, well below the slowest rate."""
KNOCK = 4.0
"""A step longer than this times the usual one is a jump or a bad frame, no swing."""
LEARN = 10
"""First steps of a stream, which teach what is usual before they count themselves."""
CATCH_UP = 2
"""Bins taken for each that closes while those of the first steps wait: no lump."""
SETTLE = 100.0
"""Bins over which a column's usual step and its reference phase are learnt."""
SPREAD = 600.0
"""Bins over which the covariance of the columns is learnt: longer than any window, so that none chooses its own."""
BASIS = 6
"""Dimensions in which the components are sought."""
COMPONENTS = 4
"""Principal components looked at."""

_ACCUMULATE = "Tuple((int64, int64))(int64[::1], {0}[:,::1], int64, int64, int64, {0}[::1], int64[::1])"


@kernel(_ACCUMULATE.format("float32"), _ACCUMULATE.format("complex64"))
def _accumulate(  # noqa: PLR0917 - a kernel takes no structs
    t_ns: NDArray[np.int64],
    rows: NDArray[Any],
    first: int,
    width_ns: int,
    index: int,
    total: NDArray[Any],
    sums: NDArray[np.int64],
) -> tuple[int, int]:
    """Add frames from ``first`` on to the open bin until one belongs to the next; returns that frame and the bin.

    ``sums`` holds the bin's frames and the sum of their times since its start, ns. A frame older than the open bin is
    counted into it.
    """
    for f in range(first, len(t_ns)):
        own = t_ns[f] // width_ns
        if sums[0] == 0:
            index = own
        elif own > index:
            return f, index
        sums[0] += 1
        sums[1] += t_ns[f] - index * width_ns
        for c in range(rows.shape[1]):
            total[c] += rows[f, c]
    return len(t_ns), index


@kernel("void(complex64[::1], complex64[::1], complex64[::1], float64, float32[::1])")
def _phase_step(
    row: NDArray[np.complex64],
    last: NDArray[np.complex64],
    reference: NDArray[np.complex64],
    share: float,
    step: NDArray[np.float32],
) -> None:
    """Change of the sine of every column's angle against its slowly following reference: it never winds up or wraps."""
    tiny = np.float32(1e-12)
    for c in range(len(row)):
        reference[c] += np.float32(share) * (row[c] - reference[c])
        now, before = row[c] * reference[c].conjugate(), last[c] * reference[c].conjugate()
        step[c] = now.imag / (abs(now) + tiny) - before.imag / (abs(before) + tiny)


@kernel("float64(float32[::1], float32[::1], float64)")
def _normalise(step: NDArray[np.float32], scale: NDArray[np.float32], share: float) -> float:
    """Divide a step by each column's usual one, and return its root mean square.

    ``share`` is the newest step's weight in what is usual. Beyond the first ``LEARN`` a step teaches no more than
    ``KNOCK`` times what was usual before.
    """
    columns = len(step)
    length = 0.0
    for c in range(columns):
        size = abs(step[c])
        if share < 1.0 / LEARN:
            size = min(size, np.float32(KNOCK) * scale[c])
        scale[c] += np.float32(share) * (size - scale[c])
        step[c] /= scale[c] + np.float32(1e-9)
        length += step[c] ** 2
    return float(np.sqrt(length / columns))


@kernel("void(float32[::1], float32[::1], float32[::1], float64, float64, float64, float32[:,::1])")
def _sum(  # noqa: PLR0917 - a kernel takes no structs
    step: NDArray[np.float32],
    level: NDArray[np.float32],
    quick: NDArray[np.float32],
    leak: float,
    quick_leak: float,
    share: float,
    covariance: NDArray[np.float32],
) -> None:
    """Add a step to ``level``, which leaks, and the level to the columns' covariance with weight ``share``."""
    columns = len(step)
    for c in range(columns):
        level[c] = np.float32(leak) * level[c] + step[c]
        quick[c] = np.float32(quick_leak) * quick[c] + step[c]
    weight = np.float32(share)
    for c in range(columns):
        for d in range(columns):
            covariance[c, d] += weight * (quick[c] * quick[d] - covariance[c, d])


@dataclass(slots=True)
class Swings:
    """The newest ``CAPACITY`` bins of one stream, and ``SPARE``; 0.15 MB for 120 columns.

    A column is the sine of an antenna product's angle, or a normalised amplitude. Its change from bin to bin, in units
    of its usual change, is summed with a leak. Bins keep their real times and need not follow one another.
    """

    index: int = 0
    """Open bin: time // width."""
    sums: NDArray[np.int64] = field(default_factory=lambda: np.zeros(2, np.int64))
    """Open bin: frames, sum of their times since its start."""
    closed: deque[tuple[NDArray[Any], int]] = field(default_factory=deque)
    """Mean rows and times of bins that closed and are still to be taken."""
    total: NDArray[Any] | None = None
    """Open bin: sum of rows; made when the number of columns is known."""
    last: NDArray[Any] | None = None
    """Mean row of the last bin taken; ``None`` when the next step is not known."""
    last_ns: int = 0
    reference: NDArray[Any] = field(default_factory=lambda: np.zeros(0, np.complex64))
    scale: NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, np.float32))
    level: NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, np.float32))
    quick: NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, np.float32))
    covariance: NDArray[np.float32] = field(default_factory=lambda: np.zeros((0, 0), np.float32))
    basis: NDArray[np.float32] = field(default_factory=lambda: np.zeros((0, 0), np.float32))
    """(columns, up to ``BASIS``): leading eigenvectors of the covariance, followed from attempt to attempt."""
    usual: float = 0.0
    """Usual root mean square of a step's columns."""
    knocked: bool = False
    """The last bin stood off and was left out."""
    steps: int = 0
    bins: int = 0
    """Bins kept since everything was last forgotten."""
    t_ns: NDArray[np.int64] = field(default_factory=lambda: np.zeros(CAPACITY + SPARE, np.int64))
    levels: NDArray[np.float32] = field(default_factory=lambda: np.zeros((0, 0), np.float32))

    @property
    def columns(self) -> int:
        """Columns of a row, 0 before the first."""
        return 0 if self.total is None else len(self.total)

    def add(self, t_ns: NDArray[np.int64], rows: NDArray[Any]) -> None:
        """Add frames (float32 or complex64 rows), ascending in time.

        Raises:
            ValueError: the rows have another number of columns than those before; ``clear`` first.
        """
        if self.total is None:
            self._make(rows)
        total = self.total
        assert total is not None  # noqa: S101 - made above, for the type checker
        if len(total) != rows.shape[1]:
            raise ValueError(f"rows of {rows.shape[1]} columns among rows of {len(total)}; clear first")
        first = 0
        while first < len(t_ns):
            first, self.index = _accumulate(t_ns, rows, first, BIN_NS, self.index, total, self.sums)
            if first < len(t_ns):
                self._close()

    def cut(self) -> None:
        """Somebody moves, or what comes is left out: the next bin's step is not known, and none is assumed."""
        if self.total is not None and self.sums[0]:
            self._close()
        self.closed.clear()
        self.last, self.knocked = None, False

    def shift(self, by_ns: int) -> None:
        """The clock was set: move what is kept by so much, as if it had been so before."""
        self.cut()
        self.t_ns += by_ns

    def rest(self) -> None:
        """Forget the bins, but not what is usual nor where swings were seen."""
        self.cut()
        self.bins = 0
        self.level[:] = self.quick[:] = 0

    def clear(self) -> None:
        """Forget everything."""
        self.total = self.last = None
        self.closed.clear()
        self.sums[:] = 0
        self.bins = self.steps = 0
        self.knocked = False

    def times(self, seconds: float) -> tuple[NDArray[np.float64], range]:
        """Return times (s, relative to the newest bin) and numbers of the bins of the last ``seconds``."""
        if not self.bins:
            return np.zeros(0), range(0)
        first = self.bins - min(self.bins, CAPACITY)
        slots = np.arange(first, self.bins) % len(self.t_ns)
        t_s = (self.t_ns[slots] - self.t_ns[slots[-1]]) * 1e-9
        early = int(np.searchsorted(t_s, -seconds))
        return t_s[early:], range(first + early, self.bins)

    def read(self, seconds: float) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """Return times, as :meth:`times` does, and levels of the bins of the last ``seconds``."""
        t_s, bins = self.times(seconds)
        return t_s, self.levels_of(bins)

    def levels_of(self, bins: range) -> NDArray[np.float32]:
        """Return the levels (bins, columns) of bins that :meth:`times` named not long ago; of those still kept."""
        first = max(bins.start, self.bins - len(self.levels))
        return self.levels[np.arange(first, bins.stop) % max(1, len(self.levels))]

    def follow(self) -> Iterator[None]:
        """One step of subspace iteration, so that the basis follows the covariance as it drifts; yields in between."""
        basis = np.linalg.qr(self.covariance @ self.basis)[0]
        yield
        rotation = np.linalg.eigh(basis.T @ self.covariance @ basis)[1][:, ::-1]
        self.basis = np.ascontiguousarray(basis @ rotation)

    def components(self, levels: NDArray[np.float32]) -> NDArray[np.float64]:
        """Scores of ``levels`` (bins, columns) on the leading components, (bins, up to ``COMPONENTS``)."""
        return np.ascontiguousarray(levels @ self.basis[:, :COMPONENTS], dtype=np.float64)

    def _make(self, rows: NDArray[Any]) -> None:
        columns = rows.shape[1]
        self.total, self.reference = np.zeros(columns, rows.dtype), np.zeros(columns, rows.dtype)
        self.quick = np.zeros(columns, np.float32)
        self.scale, self.level = np.zeros(columns, np.float32), np.zeros(columns, np.float32)
        self.covariance = np.zeros((columns, columns), np.float32)
        start = np.random.default_rng(1).standard_normal((columns, min(BASIS, columns)))
        self.basis = start.astype(np.float32)
        self.levels = np.zeros((CAPACITY + SPARE, columns), np.float32)

    def _close(self) -> None:
        """Close the open bin; its mean row makes a step from the bin before."""
        assert self.total is not None  # noqa: S101 - the caller's condition, for the type checker
        row = self.total / np.float32(self.sums[0])
        t_ns = self.index * BIN_NS + int(self.sums[1]) // int(self.sums[0])
        self.total[:] = 0
        self.sums[:] = 0
        self.closed.append((row, t_ns))
        if self.steps < LEARN:
            self._learn()
            return
        for _ in range(min(CATCH_UP, len(self.closed))):
            row, t_ns = self.closed.popleft()
            if self.last is None:
                self._take(row, t_ns)
            else:
                self._step(row, self.last, t_ns)

    def _learn(self) -> None:
        """Learn what is usual from the newest step; the bins are taken when that is known."""
        row = self.closed[-1][0]
        if not self.steps and np.iscomplexobj(row):
            self.reference[:] = row
        if len(self.closed) > 1:
            self._measure(row, self.closed[-2][0])

    def _measure(self, row: NDArray[Any], last: NDArray[Any]) -> tuple[NDArray[np.float32], bool]:
        """Return the step from ``last`` to ``row`` in units of the usual one, and whether it is far beyond that."""
        self.steps += 1
        share = max(1.0 / self.steps, 1.0 / SETTLE)
        step = np.empty(len(row), np.float32)
        if np.iscomplexobj(row):
            _phase_step(row, last, self.reference, share, step)
        else:
            np.subtract(row, last, out=step)
        length = _normalise(step, self.scale, share)
        knocked = self.steps > LEARN and length > KNOCK * self.usual
        self.usual += share * ((KNOCK * self.usual if knocked else length) - self.usual)
        return step, knocked

    def _step(self, row: NDArray[Any], last: NDArray[Any], t_ns: int) -> None:
        """Add the step from ``last`` to ``row``; one far beyond the usual is no swing.

        A bin that stands alone is left out. When the next stands off as well, the level has moved: it goes on from
        there as if nothing had happened.
        """
        step, knocked = self._measure(row, last)
        if knocked:
            if self.knocked:
                self.last, self.last_ns = row, t_ns
            self.knocked = not self.knocked
            return
        self.knocked = False
        since_s = (t_ns - self.last_ns) * 1e-9
        leak, quick_leak = float(np.exp(-since_s / LEAK_S)), float(np.exp(-since_s / QUICK_S))
        share = max(1.0 / (self.steps - LEARN), 1.0 / SPREAD)
        _sum(step, self.level, self.quick, leak, quick_leak, share, self.covariance)
        self._take(row, t_ns)

    def _take(self, row: NDArray[Any], t_ns: int) -> None:
        """Keep a bin at the present level."""
        self.last, self.last_ns = row, t_ns
        slot = self.bins % len(self.t_ns)
        self.t_ns[slot], self.levels[slot] = t_ns, self.level
        self.bins += 1
