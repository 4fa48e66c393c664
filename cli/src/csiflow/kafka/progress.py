"""What the operator sees, on stderr, while something is made ready once."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


def announce(text: str) -> None:
    """Say in one line what takes a while."""
    print(f"csiflow: {text}", file=sys.stderr, flush=True)  # noqa: T201 - stdout is for results, logs for services


@contextmanager
def download_bar(title: str, total: int) -> Iterator[Callable[[int], None]]:
    """Announce a download of ``total`` bytes, with a bar on a terminal; yields what to tell of bytes that came."""
    announce(title)
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console  # noqa: PLC0415 - only on a terminal, and only when something is fetched
    from rich.progress import BarColumn, DownloadColumn, Progress, TransferSpeedColumn  # noqa: PLC0415

    with Progress(BarColumn(), DownloadColumn(), TransferSpeedColumn(), console=Console(stderr=True)) as bar:
        task = bar.add_task("", total=total)
        yield lambda size: bar.advance(task, size)
