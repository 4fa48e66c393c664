"""``csiflow up``: supervise the services of this machine until told to stop."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from csiflow.commands.options import GatewayPort, Introspection, UdpPort, Workers
from csiflow.output import console, fail
from csiflow.running import run_until_signal
from csiflow.settings import cli_settings
from csiflow.sources import SOURCES, SyntheticOptions, resolve_source, synthetic_spec
from csiflow.stack import LIVE_PORT, StackOptions, running_stack


def up(
    *,
    source: Annotated[
        str,
        typer.Option(help="esp32 listens for nodes; auto falls back to synthetic when there are none, and says so."),
    ] = "esp32",
    introspection: Introspection = False,
    workers: Workers = 1,
    listen: Annotated[str, typer.Option(help="Address the UDP socket for ESP32 nodes binds to.")] = "0.0.0.0",  # noqa: S104
    udp_port: UdpPort = LIVE_PORT,
    host: Annotated[
        str, typer.Option(envvar="CSIFLOW_GATEWAY_HOST", help="Address the gateway binds to.")
    ] = "127.0.0.1",
    port: GatewayPort = 8080,
    logs: Annotated[bool, typer.Option("--logs/--no-logs", help="Show the services' logs.")] = True,
) -> None:
    """Run Kafka (or use CSIFLOW_KAFKA) and every service, restart what fails, stop on Ctrl-C.

    Examples:

      csiflow up

      csiflow up --introspection

      CSIFLOW_KAFKA=broker:9092 csiflow up --workers 2 --host 0.0.0.0
    """
    if source not in SOURCES:
        fail(f"there is no source {source!r}; choose one of {', '.join(SOURCES)}", 2)
    settings = cli_settings()
    options = StackOptions(
        data_dir=settings.state_dir / "kafka",
        listen_host=listen,
        live_port=udp_port,
        gateway_host=host,
        gateway_port=port,
        introspection=introspection,
        workers=workers,
    )

    async def run() -> None:
        async with running_stack(settings, options, show_logs=logs) as stack:
            console.print(f"Kafka: {stack.bootstrap}")
            console.print(f"ESP32 nodes send to UDP {stack.live}, csiflow replay to {stack.replay}")
            console.print(f"dashboard: [bold]{stack.dashboard_url}[/]", soft_wrap=True)
            chosen = await resolve_source(stack, source)
            if chosen == "synthetic":
                stack.supervisor.start([synthetic_spec(stack, SyntheticOptions())])
            if not introspection:
                console.print(
                    "introspection is off; --introspection runs it, docs/matching.md says what to trust it with"
                )
            console.print("Ctrl-C stops everything")
            failure = asyncio.create_task(stack.supervisor.wait_failure())
            await failure

    run_until_signal(run())
    console.print("stopped")
