"""Scanners that run a program and parse what it prints."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

from csi_wifiscan.errors import ScanError, UnavailableError
from csi_wifiscan.scanners.port import COMMAND_INTERVAL_S
from csi_wifiscan.text import decode

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from csi_wifiscan.access_point import AccessPoint

TIMEOUT_S = 15.0
_SYMPTOMS = {
    "not permitted": "it needs more rights (on Linux: root, or the capability CAP_NET_ADMIN)",
    "permission denied": "it needs more rights (on Linux: root, or the capability CAP_NET_ADMIN)",
    "resource busy": "the radio is busy with another scan",
    "no such device": "the Wi-Fi interface is gone",
    "network is down": "the Wi-Fi interface is switched off",
    "not running": "the service it asks does not run",
    "no wi-fi device": "there is no Wi-Fi device",
    "location": "the system wants location access for it",
}
"""What a program's complaint is taken for; its own words are withheld, as they may quote what was scanned."""


def require_program(name: str, *places: str) -> str:
    """Path of a program.

    Raises:
        UnavailableError: it is not installed.
    """
    for candidate in (shutil.which(name), *places):
        if candidate and os.access(candidate, os.X_OK):
            return candidate
    raise UnavailableError(f"the program {name} is not installed")


def run(command: Sequence[str], code_page: str | None = None) -> str:
    """Output of a program, in English where it would be translated.

    Raises:
        ScanError: it could not be run, failed, or did not end in time.
    """
    name = os.path.basename(command[0])  # noqa: PTH119 - a command line, not a file of ours
    environment = {**os.environ, "LC_ALL": "C.UTF-8", "LANGUAGE": "C"}
    try:
        done = subprocess.run(
            list(command),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=environment,
            timeout=TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ScanError(f"{name} did not end within {TIMEOUT_S:g} s") from None
    except OSError as error:
        raise ScanError(f"{name} could not be run: {error.strerror}") from None
    if done.returncode != 0:
        said = (done.stderr + done.stdout).decode(errors="replace").lower()
        reasons = [reason for symptom, reason in _SYMPTOMS.items() if symptom in said]
        raise ScanError(f"{name} ended with exit code {done.returncode}" + (f": {reasons[0]}" if reasons else ""))
    return decode(done.stdout, code_page)


class CommandScanner:
    """Runs one program for each scan."""

    native = False
    interval_s = COMMAND_INTERVAL_S

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        parse: Callable[[str], list[AccessPoint]],
        *,
        code_page: str | None = None,
        trigger_command: Sequence[str] | None = None,
        trigger_interval_s: float | None = None,
    ) -> None:
        self.name = name
        self.command = tuple(command)
        self.trigger_interval_s = trigger_interval_s if trigger_command else None
        self._parse = parse
        self._code_page = code_page
        self._trigger_command = tuple(trigger_command) if trigger_command else None

    def scan(self) -> list[AccessPoint]:
        """Run the program and parse its output.

        Raises:
            ScanError: it failed, or printed something else.
        """
        return self._parse(run(self.command, self._code_page))

    def trigger(self) -> None:
        """Run the program that makes the radio look again.

        Raises:
            ScanError: it failed.
        """
        if self._trigger_command is not None:
            run(self._trigger_command)

    def close(self) -> None:
        """Nothing is held."""
