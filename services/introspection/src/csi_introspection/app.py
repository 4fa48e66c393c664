"""The introspection process: kill switch, signature library, warm kernels, and one processor per partition."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING
from weakref import WeakSet

import structlog
from csi_runtime.exits import CANNOT_RUN_AS_CONFIGURED, run_configured
from csi_runtime.logs import configure_logging
from csi_runtime.metrics import STREAM_STREAMS
from csi_runtime.settings import load
from csi_schemas.topics import FRAMES, INTROSPECTION, LATEST, MEMBERS
from csi_streaming import run_service

from csi_introspection.cluster.member import Company
from csi_introspection.disabled import serve_disabled
from csi_introspection.processor import IntrospectionProcessor
from csi_introspection.reload import LibraryWatcher
from csi_introspection.settings import IntrospectionSettings
from csi_introspection.stream import warm_up

if TYPE_CHECKING:
    from csi_schemas.signature import Signature

NAME = "introspection"
log = structlog.get_logger(__name__)


@contextmanager
def signature_library(settings: IntrospectionSettings) -> Iterator[Callable[[], Sequence[Signature]]]:
    """Load the library and keep it what the folder holds while the context is open; yields how to ask for it.

    Raises:
        NotADirectoryError: the folder does not exist.
    """
    if settings.signatures is None:
        log.warning("no signature library: nothing will be matched; set CSIFLOW_SIGNATURES to a folder")
        none: tuple[Signature, ...] = ()
        yield lambda: none
        return
    watcher = LibraryWatcher(settings.signatures, settings.signatures_poll_s)
    watcher.load()
    with watcher.watching():
        yield lambda: watcher.signatures


def make_processor(
    settings: IntrospectionSettings,
    library: Callable[[], Sequence[Signature]],
    alive: WeakSet[IntrospectionProcessor],
    company: Company,
    partition: int,
) -> IntrospectionProcessor:
    """Make the processor of one partition; ``alive`` knows it for as long as the worker does."""
    processor = IntrospectionProcessor(partition, settings, library(), library, company)
    alive.add(processor)
    return processor


def start(arguments: Sequence[str] | None = None) -> int:
    """Read arguments and settings and run."""
    parser = argparse.ArgumentParser(prog="python -m csi_introspection", description="The per-frame path of csiflow.")
    parser.add_argument("--introspection", action=argparse.BooleanOptionalAction, default=None, help="the kill switch")
    switch = parser.parse_args(arguments).introspection
    settings = load(IntrospectionSettings)
    if switch is not None:
        settings.enabled = switch
    if not settings.enabled:
        return serve_disabled(NAME, settings)
    configure_logging(NAME, settings)
    with ExitStack() as stack:
        try:
            library = stack.enter_context(signature_library(settings))
        except NotADirectoryError as error:
            log.error("the signature library cannot be loaded; mend CSIFLOW_SIGNATURES", reason=str(error))  # noqa: TRY400 - the trace says nothing
            return CANNOT_RUN_AS_CONFIGURED
        return serve(settings, library)


def serve(settings: IntrospectionSettings, library: Callable[[], Sequence[Signature]]) -> int:
    """Run with warm kernels until told to stop; returns the exit code."""
    began = perf_counter()
    warm_up()
    log.info("kernels are ready", seconds=round(perf_counter() - began, 2))
    alive: WeakSet[IntrospectionProcessor] = WeakSet()
    STREAM_STREAMS.labels(NAME).set_function(lambda: sum(len(processor.entries) for processor in alive))
    return run_service(
        NAME,
        settings,
        partial(make_processor, settings, library, alive, Company()),
        source=FRAMES,
        outputs=(INTROSPECTION, LATEST, MEMBERS),
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the service; returns the exit code."""
    return run_configured(NAME, partial(start, arguments))
