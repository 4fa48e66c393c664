"""The fusion process: kill switch, zones, and one processor per partition of csi.members.v1."""

from __future__ import annotations

from functools import partial
from weakref import WeakSet

import structlog
from csi_runtime.exits import run_configured
from csi_runtime.logs import configure_logging
from csi_runtime.metrics import STREAM_STREAMS
from csi_runtime.settings import load
from csi_schemas.topics import CLUSTER, MEMBERS
from csi_streaming import run_service

from csi_introspection.cluster.processor import ClusterProcessor
from csi_introspection.cluster.settings import ClusterSettings
from csi_introspection.cluster.zones import Zones
from csi_introspection.disabled import serve_disabled

NAME = "cluster"
TICK_S = 0.1
"""A node leaves at most this long after its time, when everything else is silent too."""
log = structlog.get_logger(__name__)


def make_processor(
    settings: ClusterSettings, zones: Zones, alive: WeakSet[ClusterProcessor], partition: int
) -> ClusterProcessor:
    """Make the processor of one partition; ``alive`` knows it for as long as the worker does."""
    del partition  # records say which zone they are of
    processor = ClusterProcessor(settings, zones)
    alive.add(processor)
    return processor


def start() -> int:
    """Read settings and run."""
    settings = load(ClusterSettings)
    if not settings.enabled:
        return serve_disabled(NAME, settings)
    configure_logging(NAME, settings)
    log.info("zones", zones={zone: list(nodes) for zone, nodes in settings.zones.items()})
    alive: WeakSet[ClusterProcessor] = WeakSet()
    STREAM_STREAMS.labels(NAME).set_function(
        lambda: sum(len(zone.streams) for processor in alive for zone in processor.zones.values())
    )
    return run_service(
        NAME,
        settings,
        partial(make_processor, settings, Zones(settings.zones), alive),
        source=MEMBERS,
        outputs=(CLUSTER,),
        tick_interval=TICK_S,
    )


def main() -> int:
    """Run the service; returns the exit code."""
    return run_configured(NAME, start)
