"""Many recordings in several processes; one that fails does not stop the others."""

from __future__ import annotations

import multiprocessing
import re
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import FrameType
from typing import TypeVar

from csiflow.evaluation.calibration import Calibration, first_quiet, learn
from csiflow.evaluation.errors import EvaluationError
from csiflow.evaluation.outcome import Outcome, Settings, judge
from csiflow.evaluation.recording import LabelledRecording, load


@dataclass(frozen=True, slots=True)
class Failure:
    """A recording that could not be evaluated."""

    name: str
    message: str


LOST = "the process that evaluated it died, perhaps for lack of memory; try fewer --jobs"
Item = TypeVar("Item")
Result = TypeVar("Result")
Unit = tuple[Path, ...]
"""Recordings that share one calibration: usually one."""


def units(files: Sequence[Path], share: re.Pattern[str] | None) -> list[Unit]:
    """Part files into those that share a calibration: what the groups of ``share`` catch in their names is equal."""
    together: dict[object, list[Path]] = {}
    for number, path in enumerate(files):
        found = share.search(path.as_posix()) if share else None
        together.setdefault((str(path.parent), found.groups() or found.group()) if found else number, []).append(path)
    return [tuple(paths) for paths in together.values()]


def judge_unit(unit: Unit, settings: Settings) -> list[Outcome | Failure]:
    """Judge the recordings of a unit; the first quiet of the first that has one calibrates all of them."""
    loaded: list[LabelledRecording] = []
    results: list[Outcome | Failure] = []
    for path in unit:
        try:
            loaded.append(load(path, str(path), settings.labelling))
        except EvaluationError as error:
            results.append(Failure(str(path), str(error)))
    try:
        shared = shared_calibration(loaded, settings) if len(unit) > 1 else None
    except ValueError as error:
        return [*results, *(Failure(labelled.name, str(error)) for labelled in loaded)]
    for labelled in loaded:
        try:
            results.append(judge(labelled, settings, shared))
        except EvaluationError as error:
            results.append(Failure(labelled.name, str(error)))
    return results


def shared_calibration(loaded: list[LabelledRecording], settings: Settings) -> Calibration | None:
    """Return the calibration on the first quiet of the first recording that has one."""
    for labelled in loaded:
        stretch = first_quiet(labelled, settings.skip_for(labelled.path))
        if stretch is not None:
            return learn(labelled, stretch)
    return None


def judge_all(found: Sequence[Unit], settings: Settings, jobs: int) -> Iterator[list[Outcome | Failure]]:
    """Yield the results of each unit as they come, in any order; see ``parallel``."""
    for unit, results in parallel(partial(judge_unit, settings=settings), found, jobs):
        if results is None:
            yield [Failure(str(path), f"{path}: {LOST}") for path in unit]
        else:
            yield results


def parallel(work: Callable[[Item], Result], items: Sequence[Item], jobs: int) -> Iterator[tuple[Item, Result | None]]:
    """Yield each item with ``work`` of it as they come, in any order; ``None`` where the process died, see ``LOST``.

    Ctrl-C and SIGTERM end the processes at once and are raised as ``KeyboardInterrupt``.
    """
    if jobs == 1 or len(items) <= 1:
        for item in items:
            yield item, work(item)
        return
    context = multiprocessing.get_context("spawn")
    executor = ProcessPoolExecutor(min(jobs, len(items)), mp_context=context, initializer=_heed_parent)
    with _terminated_as_interrupt():
        try:
            with _undisturbed():
                futures = {executor.submit(work, item): item for item in items}
            yield from _as_they_come(futures)
        except BaseException:
            executor.shutdown(wait=False, cancel_futures=True)
            for child in multiprocessing.active_children():
                child.terminate()
            raise
        executor.shutdown()


def _as_they_come(futures: dict[Future[Result], Item]) -> Iterator[tuple[Item, Result | None]]:
    waiting = set(futures)
    while waiting:
        done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
        for future in done:
            try:
                result: Result | None = future.result()
            except BrokenProcessPool:
                result = None
            yield futures[future], result


_SIGNALS = {signal.SIGINT, signal.SIGTERM}


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Hold signals back while workers start, who inherit that.

    A worker would show a traceback when Ctrl-C met it, or when its parent turned away, before it runs any code of ours.
    The mask is for the workers; the parent may have threads that take a signal in spite of it.
    """
    held: list[int] = []
    handlers = {number: signal.signal(number, lambda number, _frame: held.append(number)) for number in _SIGNALS}
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        for number, handler in handlers.items():
            signal.signal(number, handler)
    if held:
        raise KeyboardInterrupt


def _heed_parent() -> None:
    """Let only the parent end a worker: Ctrl-C goes to both, and the parent says what happened."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})


@contextmanager
def _terminated_as_interrupt() -> Iterator[None]:
    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
