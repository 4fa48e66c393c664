"""Runs one broker and ends it when its owner is gone, however the owner died.

Started by :mod:`csiflow.kafka.broker` as a script of its own (standard library only, so that it starts in 20 ms):
``guard.py LOG GRACE_SECONDS COMMAND...``. The owner holds the other end of stdin. When that closes, by intent or
because the owner was killed, the broker gets SIGTERM and, after the grace period, SIGKILL. On Linux the kernel also
kills the broker should the guard itself be killed. stdout carries the broker's process id, and ``killed`` if it came
to that. The exit code is the broker's.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path


def _die_with_parent() -> None:
    """Ask the Linux kernel for SIGKILL when the parent (the guard) dies; runs between fork and exec."""
    import ctypes  # noqa: PLC0415 - in the child only

    pr_set_pdeathsig = 1
    ctypes.CDLL(None, use_errno=True).prctl(pr_set_pdeathsig, signal.SIGKILL, 0, 0, 0)


def main() -> int:
    """Run the broker until it ends or the owner lets go; returns its exit code."""
    log, grace, command = Path(sys.argv[1]), float(sys.argv[2]), sys.argv[3:]
    with log.open("ab") as out:
        broker = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            preexec_fn=_die_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509 - single-threaded here
        )
    # Ending the guard politely ends the broker too; only the owner's pipe does the waiting.
    signal.signal(signal.SIGTERM, lambda *_: broker.terminate())
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.write(1, f"{broker.pid}\n".encode())

    def end_with_owner() -> None:
        while os.read(0, 1024):
            pass
        broker.terminate()
        try:
            broker.wait(grace)
        except subprocess.TimeoutExpired:
            broker.kill()
            with contextlib.suppress(BrokenPipeError):  # the owner may be gone
                os.write(1, b"killed\n")

    threading.Thread(target=end_with_owner, daemon=True).start()
    return broker.wait()


if __name__ == "__main__":
    sys.exit(main() & 0xFF)
