"""Running a stream application as a service: one call from a service's ``app.py``."""

from __future__ import annotations

import asyncio
import gc
import signal
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import structlog
import uvloop
from csi_runtime.logs import configure_logging
from csi_runtime.operations import serve_operations
from csi_schemas.topics import FRAMES, TopicSpec

from csi_streaming.preflight import Preflight

if TYPE_CHECKING:
    from csi_streaming.application import StreamingApp
    from csi_streaming.processor import MakeProcessor
    from csi_streaming.settings import StreamingSettings

log = structlog.get_logger(__name__)

CANCEL_TIMEOUT_S = 1.0


def run_service(
    name: str,
    settings: StreamingSettings,
    make_processor: MakeProcessor,
    *,
    source: TopicSpec = FRAMES,
    outputs: Sequence[TopicSpec],
    tick_interval: float = 0.25,
) -> int:
    """Run until SIGTERM or SIGINT, or until something fails for good.

    Args:
        name: Service name: logs, metrics, and the consumer group ``csiflow-<name>``.
        settings: Broker, knobs and the operations endpoint's address.
        make_processor: Called with the partition number for every partition assigned to this worker.
        source: Topic to consume.
        outputs: Every topic an output may go to.
        tick_interval: Seconds between calls of a processor's ``tick``.

    Returns:
        The process's exit code: 0 after a signal, when everything processed was acknowledged and committed; 1 when
        processing or producing failed, or the stop had to be cut short.
    """
    configure_logging(name, settings)

    def create_app() -> StreamingApp:
        # imported late: Faust takes most of a second, which the processors' unit tests need not wait for
        from csi_streaming.application import StreamingApp  # noqa: PLC0415

        return StreamingApp(
            name,
            settings,
            make_processor,
            source=source.name,
            outputs=output_names,
            tick_interval=tick_interval,
        )

    output_names = [topic.name for topic in outputs]
    preflight = Preflight(settings.kafka, source.name, output_names)
    loop = uvloop.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        return loop.run_until_complete(_serve(name, settings, preflight, create_app))
    finally:
        _close(loop)


def _close(loop: asyncio.AbstractEventLoop) -> None:
    """Close the loop, without waiting for ever on tasks that outlived a failed stop."""
    left = asyncio.all_tasks(loop)
    for task in left:
        task.cancel()
    if left:
        loop.run_until_complete(asyncio.wait(left, timeout=CANCEL_TIMEOUT_S))
    loop.run_until_complete(loop.shutdown_asyncgens())
    asyncio.set_event_loop(None)
    loop.close()


async def _serve(
    name: str, settings: StreamingSettings, preflight: Preflight, create_app: Callable[[], StreamingApp]
) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    app = create_app()
    checks = {"kafka": lambda: preflight.trouble, "partitions": app.processing.waiting_for}
    async with serve_operations(name, settings.http_host, settings.http_port, checks):
        failed = await _run_until(stop, preflight, app)
        stopped = await _stop(app, settings.stop_timeout_s)
        return 0 if stopped and not failed else 1


async def _run_until(stop: asyncio.Event, preflight: Preflight, app: StreamingApp) -> bool:
    """Run the application until it is told to stop; true when it failed before."""
    stopping = asyncio.create_task(stop.wait(), name="signal")
    running = asyncio.create_task(_run(preflight, app), name="application")
    await asyncio.wait({stopping, running}, return_when=asyncio.FIRST_COMPLETED)
    failed = running.done()
    if failed:
        log.error("the worker stops after a failure", error=repr(running.exception() or app.crash_reason))
    for task in (stopping, running):
        task.cancel()
    return failed


async def _run(preflight: Preflight, app: StreamingApp) -> None:
    """Return when the application has crashed."""
    await preflight.wait()
    gc.collect()
    gc.freeze()  # Faust's many objects would cost every full collection tens of milliseconds; processors come later
    await app.start()
    await app.wait_until_stopped()


async def _stop(app: StreamingApp, within_s: float) -> bool:
    """Stop the application: wait for acknowledgements, commit, leave the group; false when that went wrong."""
    try:
        async with asyncio.timeout(within_s):
            await app.stop()
    except TimeoutError:
        log.error("stop cut short; unacknowledged records will be processed again", after_s=within_s)  # noqa: TRY400 - the trace says nothing
        return False
    except Exception:
        log.exception("stop failed; unacknowledged records will be processed again")
        return False
    return True
