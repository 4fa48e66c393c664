"""The guard: whatever happens to its owner, the broker's process ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from csiflow.kafka import guard
from support.waiting import wait_for

_OWNER = (
    "import subprocess, sys\n"
    "child = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)\n"
    "print(child.pid, int(child.stdout.readline()), flush=True)\n"
    "sys.stdin.read()\n"
)
"""Starts a guard as the Broker class does, says both process ids, and waits."""
_STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"
)


def _command(log: Path, grace_s: float, *command: str) -> list[str]:
    return [sys.executable, "-I", "-S", guard.__file__, str(log), str(grace_s), *command]


def _start(*command: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def _is_gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_the_process_ends_when_the_owner_lets_go(tmp_path: Path) -> None:
    """Closing the pipe sends SIGTERM; the guard's exit code is the process's."""
    with _start(*_command(tmp_path / "log", 5, "sleep", "60")) as process:
        assert process.stdout is not None
        pid = int(process.stdout.readline())
        rest, _ = process.communicate(timeout=10)

    assert rest == b""
    assert process.returncode == -signal.SIGTERM & 0xFF
    assert _is_gone(pid)


def test_the_exit_code_and_the_output_of_a_process_that_ends_by_itself_are_kept(tmp_path: Path) -> None:
    """A process that fails ends the guard with its code, and what it said is appended to the log."""
    log = tmp_path / "log"
    log.write_text("before\n")

    with _start(*_command(log, 5, "sh", "-c", "echo out; echo err >&2; exit 3")) as process:
        assert process.wait(10) == 3

    assert log.read_text() == "before\nout\nerr\n"


async def test_a_process_that_ignores_sigterm_is_killed_and_that_is_said(tmp_path: Path) -> None:
    """After the grace period comes SIGKILL, and the owner reads ``killed``."""
    log = tmp_path / "log"
    log.touch()
    with _start(*_command(log, 0.2, sys.executable, "-c", _STUBBORN)) as process:
        await wait_for(lambda: "deaf" in log.read_text(), what="the process ignores SIGTERM")
        out, _ = process.communicate(timeout=10)

    assert out.splitlines()[1] == b"killed"
    assert process.returncode == -signal.SIGKILL & 0xFF


@pytest.mark.parametrize("victim", ["owner", "guard"])
async def test_the_process_ends_when_owner_or_guard_are_killed(tmp_path: Path, victim: str) -> None:
    """Kill -9 of the owner, which cannot clean up, or of the guard itself, leaves no process behind."""
    if victim == "guard" and sys.platform != "linux":
        pytest.skip("only Linux tells a process that its parent died")
    command = _command(tmp_path / "log", 5, "sleep", "60")
    with _start(sys.executable, "-c", _OWNER, *command) as owner:
        assert owner.stdout is not None
        guard_pid, pid = map(int, owner.stdout.readline().split())
        os.kill(owner.pid if victim == "owner" else guard_pid, signal.SIGKILL)

        await wait_for(lambda: _is_gone(pid), what="the guarded process is gone")
        await wait_for(lambda: _is_gone(guard_pid), what="the guard is gone")
        owner.kill()


async def test_a_terminated_guard_ends_its_process_politely(tmp_path: Path) -> None:
    """SIGTERM to the guard is passed on."""
    with _start(*_command(tmp_path / "log", 5, "sleep", "60")) as process:
        assert process.stdout is not None
        pid = int(process.stdout.readline())
        process.terminate()
        assert process.wait(10) == -signal.SIGTERM & 0xFF

    assert _is_gone(pid)
