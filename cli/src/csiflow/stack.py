"""One machine's installation: a Kafka cluster and the services around it, as children of this process."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
from csi_events.settings import EventsSettings
from csi_gateway.settings import GatewaySettings
from csi_gateway.tokens import load_or_create
from csi_ingest.settings import IngestSettings
from csi_introspection.cluster.settings import ClusterSettings
from csi_introspection.settings import IntrospectionSettings
from csi_runtime.errors import ConfigurationError
from csi_runtime.settings import RuntimeSettings, load
from csi_runtime.topics import create_topics, prepare_groups

from csiflow.kafka.embedded import EmbeddedCluster
from csiflow.kernels import compile_kernels
from csiflow.output import console
from csiflow.runfile import RunFile, announced, published
from csiflow.settings import CliSettings, checkout
from csiflow.supervisor import ServiceSpec, Supervisor
from csiflow.supervisor.supervisor import free_port

PATIENCE_SECONDS = 6.0
"""Start-up time after which the reader is told what is not ready."""
REMINDER_SECONDS = 20.0
"""Time between two such words after that."""
LIVE_PORT = 5005
"""UDP port of real nodes; replays and simulations take the two after it."""

SIGNATURES = ("CSIFLOW_INTROSPECTION_SIGNATURES", "CSIFLOW_SIGNATURES")
"""Variables that name the folder of signatures, in the order in which introspection takes them."""
DECIDED = {
    "CSIFLOW_INGEST_LIVE": "--listen and --udp-port",
    "CSIFLOW_INGEST_REPLAY": "--udp-port: the next one, on loopback",
    "CSIFLOW_INGEST_SYNTHETIC": "--udp-port: the one after that, on loopback",
}
"""Variables of a service run alone, by what of ``up`` decides them here."""


@dataclass(frozen=True, slots=True)
class StackOptions:
    """What to run."""

    data_dir: Path
    """Data of the embedded broker."""
    listen_host: str = "0.0.0.0"  # noqa: S104  # ESP32 nodes send from the network
    live_port: int = LIVE_PORT
    """UDP port ESP32 nodes and wifiscan agents send to; 0 takes a free one."""
    gateway_host: str = "127.0.0.1"
    gateway_port: int = 8080
    """HTTP port of the gateway; 0 takes a free one."""
    introspection: bool = False
    """Run the per-frame path and the fusion of zones too; off unless asked for, see docs/matching.md."""
    workers: int = 1
    """Workers of each consumer service."""
    environment: dict[str, str] = field(default_factory=dict)
    """More environment for every service."""


@dataclass(slots=True)
class Stack:
    """A running installation."""

    bootstrap: str
    supervisor: Supervisor
    token: str
    gateway_url: str
    ingest_http_port: int
    live: str
    """UDP addresses, ``HOST:PORT``; the one a datagram arrives on decides its provenance."""
    replay: str
    synthetic: str

    @property
    def dashboard_url(self) -> str:
        """Address of the dashboard with the token in the fragment, which browsers never send."""
        return f"{self.gateway_url}/#token={self.token}"

    def run_file(self) -> RunFile:
        """What other commands on this machine need to find this stack."""
        processes = self.supervisor.processes.values()
        return RunFile(
            pid=os.getpid(),
            bootstrap=self.bootstrap,
            gateway_url=self.gateway_url,
            token=self.token,
            live=self.live,
            replay=self.replay,
            synthetic=self.synthetic,
            operations={process.spec.name: process.spec.http_port for process in processes if process.spec.http_port},
        )

    async def ingest_stats(self) -> dict[str, object]:
        """The ingest service's counters."""
        timeout = aiohttp.ClientTimeout(total=5)
        url = f"http://127.0.0.1:{self.ingest_http_port}/stats"
        async with aiohttp.ClientSession(timeout=timeout) as session, session.get(url) as response:
            response.raise_for_status()
            stats: dict[str, object] = await response.json()
            return stats


def udp_address(host: str, port: int) -> str:
    """Return ``HOST:PORT``, with a free UDP port for 0."""
    if port == 0:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind((host, 0))
            port = int(probe.getsockname()[1])
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def check_ports(options: StackOptions) -> None:
    """Find out before anything is started whether the ports people know are free.

    Raises:
        OSError: one is taken; the message names each that is, and the option that takes another.
    """
    wanted = (
        (socket.SOCK_STREAM, options.gateway_host, options.gateway_port, "--port", "the dashboard"),
        (socket.SOCK_DGRAM, options.listen_host, options.live_port, "--udp-port", "nodes"),
    )
    taken = []
    for kind, host, port, option, what in wanted:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, kind) as probe:
            if kind == socket.SOCK_STREAM:  # as the gateway does: what lingers of an earlier one is no obstacle
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError as error:
                protocol = "TCP" if kind == socket.SOCK_STREAM else "UDP"
                taken.append(
                    f"{protocol} port {port} of {host}, for {what}, cannot be had: {error.strerror or error} "
                    f"({option} takes another, 0 a free one)"
                )
    if taken:
        raise OSError(f"{'; '.join(taken)}; is csiflow running already?")


def check_settings(*, introspection: bool) -> None:
    """Find out before anything is started whether every service can run as the environment configures it.

    Raises:
        ConfigurationError: a variable cannot be used; the message names each one.
    """
    services: list[type[RuntimeSettings]] = [IngestSettings, EventsSettings, GatewaySettings]
    if introspection:
        services += [IntrospectionSettings, ClusterSettings]
    faults: dict[str, None] = {  # a variable that several services read is named once
        f"{variable} is for a service run alone; here it is decided by {how}: unset it": None
        for variable, how in DECIDED.items()
        if os.environ.get(variable)
    }
    for settings in services:
        try:
            load(settings)
        except ConfigurationError as error:
            faults[str(error)] = None
    if faults:
        raise ConfigurationError("; ".join(faults))


@contextlib.asynccontextmanager
async def running_cluster(settings: CliSettings, data_dir: Path) -> AsyncIterator[str]:
    """Yield bootstrap servers: CSIFLOW_KAFKA if set, else an embedded broker that lives as long as the context."""
    if settings.external_kafka:
        yield settings.external_kafka
        return
    cluster = EmbeddedCluster(data_dir)
    await asyncio.to_thread(cluster.start)
    try:
        yield cluster.bootstrap
    finally:
        await asyncio.to_thread(cluster.stop)


@contextlib.asynccontextmanager
async def running_stack(settings: CliSettings, options: StackOptions, *, show_logs: bool) -> AsyncIterator[Stack]:
    """Start Kafka, make the topics, start every service and yield when all are ready.

    Raises:
        ConfigurationError: a variable that a service reads cannot be used.
        OSError: a port is taken; the message says by which option to choose another.
        ServiceFailedError: a service did not come up, or its kernels cannot be compiled.
    """
    check_settings(introspection=options.introspection)
    check_ports(options)
    with contextlib.ExitStack() as start:
        async with _services(settings, options, start, show_logs=show_logs) as stack:
            with published(settings, stack.run_file()):
                start.close()
                yield stack


@contextlib.asynccontextmanager
async def _services(
    settings: CliSettings, options: StackOptions, start: contextlib.ExitStack, *, show_logs: bool
) -> AsyncIterator[Stack]:
    """Run Kafka and every service; ``start`` holds what is true until whoever enters is ready."""
    start.enter_context(announced(settings))
    await compile_kernels(("events", "introspection") if options.introspection else ("events",))
    async with (
        running_cluster(settings, options.data_dir) as bootstrap,
        Supervisor(
            start_timeout=settings.start_timeout, stop_timeout=settings.stop_timeout, show_logs=show_logs
        ) as supervisor,
    ):
        report = await create_topics(bootstrap)
        for difference in report.differences:
            console.print(f"[yellow]topic differs from the registry:[/] {difference}")
        stack, specs = plan(settings, options, bootstrap, supervisor)
        supervisor.start(specs)
        console.print(f"Kafka answers at {bootstrap}; starting the services ...")
        await asyncio.gather(prepare_groups(bootstrap), wait_aloud(supervisor))
        yield stack


async def wait_aloud(supervisor: Supervisor) -> None:
    """Wait until every service is ready and say which is; say which is not when that takes long.

    Raises:
        ServiceFailedError: a service did not come up.
    """
    began = asyncio.get_running_loop().time()
    waiting = {name for name, process in supervisor.processes.items() if process.spec.http_port is not None}

    def ready(name: str) -> None:
        waiting.discard(name)
        console.print(f"  {name} is ready after {asyncio.get_running_loop().time() - began:.1f} s")

    async def explain() -> None:
        await asyncio.sleep(PATIENCE_SECONDS)
        while True:
            waited = asyncio.get_running_loop().time() - began
            console.print(f"  still waiting for {', '.join(sorted(waiting))} after {waited:.0f} s")
            await asyncio.sleep(REMINDER_SECONDS)

    hint = asyncio.create_task(explain())
    try:
        await supervisor.wait_ready(on_ready=ready)
    finally:
        hint.cancel()


def plan(
    settings: CliSettings, options: StackOptions, bootstrap: str, supervisor: Supervisor
) -> tuple[Stack, list[ServiceSpec]]:
    """Decide ports, tokens and the environment of every service.

    Raises:
        ConfigurationError: a variable names one port for several workers.
    """
    usual = options.live_port == LIVE_PORT
    live = udp_address(options.listen_host, options.live_port)
    replay = udp_address("127.0.0.1", LIVE_PORT + 1 if usual else 0)
    synthetic = udp_address("127.0.0.1", LIVE_PORT + 2 if usual else 0)
    gateway_port = options.gateway_port or free_port(options.gateway_host)
    token_file = Path(os.environ.get("CSIFLOW_GATEWAY_TOKEN_FILE") or settings.state_dir / "gateway-token")
    token = os.environ.get("CSIFLOW_GATEWAY_TOKEN") or load_or_create(token_file)
    ours = (checkout() or Path(__file__).parent) / "signatures"
    named = next((os.environ[name] for name in SIGNATURES if os.environ.get(name)), None)
    signatures = named or (str(ours) if ours.is_dir() else None)
    environment = {
        "CSIFLOW_KAFKA": bootstrap,
        "CSIFLOW_STATE_DIR": str(settings.state_dir),
        "CSIFLOW_LOG_FORMAT": "json" if settings.log_format == "json" else "console",
        "CSIFLOW_LOG_LEVEL": settings.log_level,
        "CSIFLOW_INTROSPECTION_ENABLED": str(options.introspection).lower(),
        "CSIFLOW_GATEWAY_TOKEN_FILE": str(token_file),
        "CSIFLOW_GATEWAY_HOST": options.gateway_host,
        "CSIFLOW_GATEWAY_PORT": str(gateway_port),
        "CSIFLOW_INGEST_LIVE": live,
        "CSIFLOW_INGEST_REPLAY": replay,
        "CSIFLOW_INGEST_SYNTHETIC": synthetic,
        **({"CSIFLOW_SIGNATURES": signatures} if signatures else {}),
        **options.environment,
    }

    def service(name: str, number: int | None = None, module: str | None = None) -> ServiceSpec:
        variable = f"CSIFLOW_{name.upper()}_HTTP_PORT"
        wanted = os.environ.get(variable)
        if wanted and number is not None:
            raise ConfigurationError(f"{variable} is one port, for {options.workers} workers: unset it")
        port = int(wanted or 0) or free_port()
        label = name if number is None else f"{name}-{number}"
        command = (sys.executable, "-m", module or f"csi_{name}")
        return ServiceSpec(label, command, {**environment, variable: str(port)}, port)

    ingest = service("ingest")
    gateway = ServiceSpec("gateway", (sys.executable, "-m", "csi_gateway"), environment, gateway_port)
    modules = {"events": "csi_events"}
    if options.introspection:
        modules |= {"introspection": "csi_introspection", "cluster": "csi_introspection.cluster"}
    consumers = [
        service(name, None if options.workers == 1 else number + 1, module)
        for name, module in modules.items()
        for number in range(options.workers)
    ]
    url_host = "127.0.0.1" if options.gateway_host in {"0.0.0.0", "::"} else options.gateway_host  # noqa: S104
    stack = Stack(
        bootstrap=bootstrap,
        supervisor=supervisor,
        token=token,
        gateway_url=f"http://{url_host}:{gateway_port}",
        ingest_http_port=ingest.http_port or 0,
        live=live,
        replay=replay,
        synthetic=synthetic,
    )
    return stack, [*consumers, gateway, ingest]
