"""A real Kafka cluster as child processes: one broker for a demo, three for fault tests.

    with EmbeddedCluster(Path(".state")) as kafka:
        print(kafka.bootstrap)

Apache Kafka in KRaft mode, combined brokers and controllers, on free ports of the loopback interface, with its data in
the state folder: started again on the same folder, it has the same topics.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

import structlog
from csi_runtime.readiness import known_brokers

from csiflow.kafka.aot import java_runtime
from csiflow.kafka.broker import GRACE_S, Broker
from csiflow.kafka.errors import BrokerStartError
from csiflow.kafka.jars import default_cache_dir
from csiflow.kafka.ports import are_free, free_nodes
from csiflow.kafka.properties import HOST, Node
from csiflow.kafka.state import StateFolder

log = structlog.get_logger(__name__)

_START_TIMEOUT_S = 60.0
_PORT_ATTEMPTS = 3
_POLL_S = 0.02


class EmbeddedCluster:
    """One or three brokers on this machine; a context manager, or :meth:`start` and :meth:`stop`.

    The brokers end with this process, also when it is killed. Not safe to share between threads.
    """

    def __init__(
        self,
        state_dir: Path,
        brokers: int = 1,
        *,
        cache_dir: Path | None = None,
        start_timeout_s: float = _START_TIMEOUT_S,
    ) -> None:
        """Prepare a cluster; nothing is started or written yet.

        Args:
            state_dir: folder for data and logs; one cluster at a time uses it.
            brokers: how many; an even number tolerates no more failures than the odd one below it.
            cache_dir: where the jars are kept, see :func:`csiflow.kafka.jars.default_cache_dir`.
            start_timeout_s: how long the brokers may take to answer.
        """
        self._state_dir = state_dir.absolute()
        self._count = brokers
        self._cache_dir = cache_dir or default_cache_dir()
        self._start_timeout_s = start_timeout_s
        self._state: StateFolder | None = None
        self._nodes: tuple[Node, ...] = ()
        self._brokers: list[Broker] = []

    @property
    def bootstrap(self) -> str:
        """``HOST:PORT[,HOST:PORT...]`` of all brokers, for CSIFLOW_KAFKA."""
        if not self._nodes:
            raise BrokerStartError("the embedded Kafka has no address before it was started")
        return ",".join(f"{HOST}:{node.port}" for node in self._nodes)

    @property
    def pids(self) -> list[int]:
        """Process ids of the running brokers."""
        return [broker.pid for broker in self._brokers if broker.alive and broker.pid is not None]

    @property
    def log_files(self) -> list[Path]:
        """What each broker says: ``kafka.log``, or ``kafka-1.log`` and so on."""
        names = ["kafka.log"] if self._count == 1 else [f"kafka-{i + 1}.log" for i in range(self._count)]
        return [self._state_dir / name for name in names]

    @property
    def running(self) -> bool:
        """Whether every broker's process runs."""
        return bool(self._brokers) and all(broker.alive for broker in self._brokers)

    def start(self) -> Self:
        """Start the brokers and wait until every one of them answers.

        Raises:
            JarsUnavailableError: Kafka's jars cannot be had.
            StateFolderError: the state folder is in use, or holds a cluster of another size.
            BrokerStartError: a broker did not come up; the message has the end of its log.
        """
        if self._state is not None:
            raise BrokerStartError("this embedded Kafka was started already")
        runtime = java_runtime(self._cache_dir)
        with contextlib.ExitStack() as stack:
            self._state = stack.enter_context(StateFolder(self._state_dir, self._count))
            stack.callback(self._forget)
            self._brokers = [
                Broker(runtime, self._state_dir / f"broker-{i + 1}", log_file)
                for i, log_file in enumerate(self.log_files)
            ]
            stack.callback(self._stop_brokers)
            self._start_on_free_ports()
            stack.pop_all()
        return self

    def stop(self) -> None:
        """Stop the brokers and release the state folder; nothing happens when it is not running."""
        if self._state is None:
            return
        self._stop_brokers()
        self._state.__exit__(None, None, None)
        self._forget()

    def kill_broker(self, index: int) -> None:
        """End broker ``index`` (from 0) as a crash would; the others go on."""
        self._brokers[index].kill()

    def stop_broker(self, index: int) -> None:
        """Stop broker ``index`` (from 0) cleanly: it hands its partitions over first."""
        self._brokers[index].stop()

    def start_broker(self, index: int) -> None:
        """Start broker ``index`` (from 0) again at its old address and wait until the cluster has it back."""
        if self._brokers[index].alive:
            raise BrokerStartError(f"broker {index} is running already")
        self._brokers[index].start()
        self._save()
        self._wait_until_ready([index])

    def __enter__(self) -> Self:
        """Start it."""
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop it."""
        self.stop()

    def _start_on_free_ports(self) -> None:
        for attempt in range(_PORT_ATTEMPTS):
            # A cluster started again keeps its address if it can, so that its clients find it.
            if attempt or not self._nodes or not are_free(self._nodes):
                self._nodes = free_nodes(self._count)
            for broker, node in zip(self._brokers, self._nodes, strict=True):
                broker.configure(node, self._nodes)
            self._format_new()
            for broker in self._brokers:
                broker.start()
            self._save()  # before anything can interrupt us, so that the next owner knows whom to wait for
            try:
                self._wait_until_ready(range(self._count))
            except BrokerStartError:
                taken = any("Address already in use" in broker.log_tail() for broker in self._brokers)
                self._stop_brokers()
                if not taken or attempt == _PORT_ATTEMPTS - 1:
                    raise
                log.warning("a port was taken before Kafka could have it; trying others")
                continue
            return

    def _save(self) -> None:
        if self._state is not None:
            self._state.save(self.bootstrap, self.pids)

    def _format_new(self) -> None:
        assert self._state is not None  # noqa: S101 - start() locked it
        tools = [
            (broker, broker.begin_format(self._state.record.cluster_id))
            for broker in self._brokers
            if not broker.formatted
        ]
        for broker, tool in tools:
            broker.end_format(tool)

    def _wait_until_ready(self, indices: range | list[int]) -> None:
        """Wait until each of these brokers knows all of them, which is when clients can use them."""
        expected = {self._nodes[i].node_id for i in indices}
        deadline = time.monotonic() + self._start_timeout_s
        for i in indices:
            broker = self._brokers[i]
            while not known_brokers(HOST, self._nodes[i].port) >= expected:
                if not broker.alive:
                    what = "ended while starting"
                elif time.monotonic() > deadline:
                    what = f"did not come up within {self._start_timeout_s:g} s"
                else:
                    time.sleep(_POLL_S)
                    continue
                raise BrokerStartError(
                    f"the embedded Kafka broker {what}. {broker.log_file} ends:\n{broker.log_tail()}"
                )

    def _stop_brokers(self) -> None:
        # All at once: each needs the others' controllers to hand its partitions over.
        for broker in self._brokers:
            broker.request_stop()
        if self._count > 1:
            self._cut_last_election_short()
        for broker in self._brokers:
            broker.stop()

    def _cut_last_election_short(self) -> None:
        """End what is left once all topics are closed: the last controller would wait 5 s for votes nobody can give."""
        deadline = time.monotonic() + GRACE_S
        while any(broker.alive and not broker.closed_cleanly for broker in self._brokers):
            if time.monotonic() > deadline:
                return
            time.sleep(_POLL_S)
        for broker in self._brokers:
            if broker.alive:
                broker.kill()

    def _forget(self) -> None:
        self._state = None
        self._brokers = []


class HasKafka(Protocol):
    """The settings that choose a cluster."""

    @property
    def kafka(self) -> str:
        """Bootstrap servers."""

    @property
    def state_dir(self) -> Path:
        """Folder of the embedded broker."""

    @property
    def model_fields_set(self) -> set[str]:
        """Names of the settings that were given and are not defaults."""


@contextlib.contextmanager
def bootstrap_or_embedded(settings: HasKafka) -> Iterator[str]:
    """Yield the bootstrap servers of CSIFLOW_KAFKA if it is set, else of an embedded broker that runs meanwhile."""
    if "kafka" in settings.model_fields_set:
        yield settings.kafka
        return
    with EmbeddedCluster(settings.state_dir) as cluster:
        yield cluster.bootstrap
