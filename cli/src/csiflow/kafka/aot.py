"""The ahead-of-time cache (JEP 514) that brings a broker up in a third of the time; made once per Java and Kafka."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import structlog
from csi_runtime.readiness import known_brokers
from filelock import FileLock

from csiflow.kafka.broker import Broker
from csiflow.kafka.jars import kafka_jars
from csiflow.kafka.java import JavaRuntime, aot_cache_path
from csiflow.kafka.ports import free_nodes
from csiflow.kafka.progress import announce
from csiflow.kafka.properties import HOST

log = structlog.get_logger(__name__)

_TIMEOUT_S = 60.0
_POLL_S = 0.02


def java_runtime(cache_dir: Path) -> JavaRuntime:
    """Java and the class path, with the ahead-of-time cache, which is made on first use (about 8 s, once).

    Raises:
        JarsUnavailableError: Kafka's jars cannot be had.
    """
    runtime = JavaRuntime(kafka_jars(cache_dir))
    aot_cache = aot_cache_path(cache_dir)
    failed = aot_cache.with_suffix(".aot-failed")
    if not aot_cache.exists() and not failed.exists():
        with FileLock(cache_dir / "aot.lock"):
            if not aot_cache.exists() and not failed.exists():
                _make_aot_cache(runtime, aot_cache, failed)
    return JavaRuntime(runtime.jars, aot_cache) if aot_cache.exists() else runtime


def _make_aot_cache(runtime: JavaRuntime, aot_cache: Path, failed: Path) -> None:
    """Let a throw-away broker start and stop while Java records what it loads.

    It only makes starts faster, so a failure is written down and logged, and never tried again for these jars.
    """
    announce(f"preparing Kafka for fast starts, once (about 8 s), in {aot_cache.parent}")
    partial = aot_cache.with_suffix(".aot-partial")
    with tempfile.TemporaryDirectory() as folder:
        broker = Broker(runtime, Path(folder), Path(folder) / "kafka.log")
        nodes = free_nodes(1)
        broker.configure(nodes[0], nodes)
        broker.end_format(broker.begin_format("AAAAAAAAAAAAAAAAAAAAAA"))
        broker.start((f"-XX:AOTCacheOutput={partial}",), grace_s=_TIMEOUT_S)
        deadline = time.monotonic() + _TIMEOUT_S
        try:
            while broker.alive and time.monotonic() < deadline and not known_brokers(HOST, nodes[0].port):
                time.sleep(_POLL_S)
        finally:
            broker.stop()  # Java writes the file as it ends
        if partial.exists():
            partial.replace(aot_cache)
            return
        failed.write_text(f"{broker.log_tail()}\n", encoding="utf-8")
    log.warning("Java's class cache could not be made; Kafka starts two seconds slower", reason=str(failed))
