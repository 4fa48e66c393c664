"""Running a coroutine as a command: uvloop, Ctrl-C and SIGTERM as one clean cancellation, errors as one message."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine
from typing import TypeVar

import uvloop
from csi_ingest.sender import SendError
from csi_runtime.errors import ConfigurationError, KafkaSetupError
from rich.markup import escape

from csiflow.output import console, fail
from csiflow.supervisor import ServiceFailedError

T = TypeVar("T")


def run_until_signal(main: Coroutine[None, None, T]) -> T | None:
    """Run ``main``; on SIGINT or SIGTERM cancel it, let it clean up, and return ``None``.

    Raises:
        typer.Exit: ``main`` failed in a way a user can act on; the message has been printed.
    """
    signals: list[signal.Signals] = []

    async def guarded() -> T | None:
        task = asyncio.current_task()
        loop = asyncio.get_running_loop()

        def stop(number: signal.Signals) -> None:
            if not signals and task is not None:
                console.print("\nstopping ...")
                task.cancel()
            signals.append(number)

        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop, number)
        try:
            return await main
        except asyncio.CancelledError:
            if not signals:
                raise
            return None

    try:
        return uvloop.run(guarded())
    except ConfigurationError as error:
        fail(escape(str(error)), 2)
    except (ServiceFailedError, KafkaSetupError, SendError) as error:
        fail(str(error))
    except (OSError, TimeoutError, ValueError) as error:
        fail(f"{type(error).__name__}: {error}" if not str(error) else str(error))
