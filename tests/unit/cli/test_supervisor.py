"""The supervisor, on real child processes."""

from __future__ import annotations

import asyncio
import os
import sys

import pytest
from csiflow.supervisor import ServiceFailedError, ServiceProcess, ServiceSpec, Supervisor
from csiflow.supervisor.process import BackOff
from csiflow.supervisor.supervisor import free_port

READY_AFTER = """
import http.server, sys, threading, signal
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/ready" else 404); self.end_headers()
    def log_message(self, *_): pass
server = http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler)
signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
print("up", flush=True)
server.serve_forever()
print("clean", flush=True)
"""


def python(code: str, *arguments: str) -> tuple[str, ...]:
    """Return the command that runs ``code`` in a child interpreter."""
    return (sys.executable, "-c", code, *arguments)


async def until(condition: object, timeout: float = 20) -> None:
    """Wait until the callable is true."""
    async with asyncio.timeout(timeout):
        while not condition():  # type: ignore[operator]
            await asyncio.sleep(0.01)


async def test_ready_then_stopped_cleanly() -> None:
    """A child is awaited until it answers, and stopped by SIGTERM, not killed."""
    port = free_port()
    async with Supervisor(show_logs=False) as supervisor:
        supervisor.start([ServiceSpec("web", python(READY_AFTER, str(port)), http_port=port)])
        await supervisor.wait_ready()
        process = supervisor.processes["web"]
    assert process.exit_code == 0
    assert list(process.tail) == ["up", "clean"]


async def test_a_child_that_crashes_is_started_again() -> None:
    """An essential child that ends is restarted, its restarts counted."""
    lines: list[str] = []
    spec = ServiceSpec("crasher", python("import sys; print('hello', flush=True); sys.exit(3)"))
    process = ServiceProcess(spec, lambda _, line: lines.append(line), BackOff(first=0.01, longest=0.02))
    process.start()
    await until(lambda: lines.count("hello") >= 3)
    await process.stop(5)
    assert process.restarts >= 2
    assert process.exit_code == 3 or process.exit_code is not None
    assert any("ended with exit code 3" in line for line in lines)


def test_back_off_doubles_up_to_its_longest() -> None:
    """Waiting times double and stay bounded however long it goes on."""
    back_off = BackOff(first=0.5, longest=30)
    assert [back_off.delay(n) for n in (1, 2, 3, 7, 8, 1000)] == [0.5, 1.0, 2.0, 30.0, 30.0, 30.0]


async def test_a_configuration_error_is_not_retried() -> None:
    """Exit code 2 means it cannot run as configured: the supervisor fails with the child's own words."""
    async with Supervisor(show_logs=False) as supervisor:
        supervisor.start(
            [ServiceSpec("broken", python("import sys; print('no token: set X'); sys.exit(2)"), http_port=free_port())]
        )
        with pytest.raises(
            ServiceFailedError, match=r"(?s)broken ended while starting with exit code 2.*no token: set X"
        ):
            await supervisor.wait_ready()


async def test_what_ignores_sigterm_is_killed() -> None:
    """A child that does not stop in time is killed, and that is said."""
    lines: list[str] = []
    code = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)"
    )
    process = ServiceProcess(ServiceSpec("deaf", python(code)), lambda _, line: lines.append(line))
    process.start()
    await until(lambda: "deaf" in lines)
    pid = process.pid
    await process.stop(0.2)
    assert process.exit_code == -9
    assert any("is killed" in line for line in lines)
    assert pid is not None
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_children_stop_in_reverse_order() -> None:
    """The last started stops first, so that nothing feeds a service that is gone."""
    stopped: list[str] = []
    code = "import signal, sys; signal.signal(15, lambda *_: sys.exit(0)); print('up', flush=True)\nsignal.pause()"
    supervisor = Supervisor(show_logs=False)
    supervisor.start([ServiceSpec(name, python(code)) for name in ("first", "second")])
    processes = dict(supervisor.processes)
    await until(lambda: all(process.tail for process in processes.values()))

    async def watch(name: str) -> None:
        await processes[name].ended.wait()
        stopped.append(name)

    watches = [asyncio.create_task(watch(name)) for name in processes]
    await supervisor.stop()
    await asyncio.gather(*watches)
    assert stopped == ["second", "first"]
