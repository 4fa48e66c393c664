"""The command line of the agent, the same as ``csiflow agent``; standard library only."""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import secrets
import signal
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from csi_schemas.codec.authentication import KeyFormatError, Sealer, parse_key

from csi_wifiscan.agent import Agent
from csi_wifiscan.errors import ScanError, SettingError
from csi_wifiscan.pace import RELAXED, Pace
from csi_wifiscan.parsers import PARSERS
from csi_wifiscan.privacy import Redacted, anonymous
from csi_wifiscan.scanners import NATIVE_INTERVAL_S, choose, options
from csi_wifiscan.sender import Sender, parse_address
from csi_wifiscan.state import begin_session, default_path
from csi_wifiscan.text import decode

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from csi_wifiscan.scanners import Scanner

DEFAULT_ADDRESS = "127.0.0.1:5005"
EXIT_FAILED = 1
EXIT_CANNOT = 2
"""This host cannot do what was asked, or was asked wrongly."""
_WAYS = ("nl80211", "iw", "nmcli", "wlanapi", "netsh", "corewlan", "airport", "system_profiler", "connected")

log = logging.getLogger(__name__)


def main(arguments: Sequence[str] | None = None, program: str = "csi-wifiscan") -> int:
    """Run the command; returns the exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        if given[:1] == ["parse"]:
            return _parse(_parse_arguments(given[1:], f"{program} parse"))
        options_ = _agent_arguments(given, program)
        return _list(options_) if options_.list else _run(options_)
    except (SettingError, ScanError) as error:
        _say(f"error: {error}")
        return EXIT_CANNOT


def _agent_arguments(given: Sequence[str], program: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog=program,
        description="Sends the signal strengths of the access points this host hears to a csiflow ingest. "
        "Names and addresses of access points stay on this host.",
        epilog=f"{program} parse {{{'|'.join(PARSERS)}}} FILE [--json] shows what a program's output says.\n\n"
        f"examples:\n  {program} --list\n  {program} --to 192.0.2.7:5005 --node kitchen\n  {program} parse iw scan.txt",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--to", default=DEFAULT_ADDRESS, metavar="HOST:PORT", help="where ingest listens (%(default)s)")
    parser.add_argument(
        "--node", metavar="ID", help="node id: 16 hexadecimal digits, or any name; a random one is kept without it"
    )
    parser.add_argument("--interval", type=_seconds, metavar="SECONDS", help="shortest time between two scans")
    parser.add_argument("--max-interval", type=_seconds, metavar="SECONDS", help="longest time while nothing moves")
    parser.add_argument("--scanner", choices=_WAYS, help="the way to scan; the best that works without it")
    parser.add_argument(
        "--key-file", type=Path, metavar="FILE", help="file with a hexadecimal key: authenticate packets"
    )
    parser.add_argument("--state-file", type=Path, default=default_path(), metavar="FILE", help="default: %(default)s")
    parser.add_argument("--scans", type=int, metavar="N", help="stop after N scans")
    parser.add_argument("--list", action="store_true", help="what this host can do, and why not more")
    parser.add_argument("--json", action="store_true", help="print one JSON object as the last line of stdout")
    parser.add_argument("--verbose", action="store_true", help="log more")
    return parser.parse_args(given)


def _parse_arguments(given: Sequence[str], program: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog=program, description="Shows the access points in a program's output.")
    parser.add_argument("kind", choices=tuple(PARSERS))
    parser.add_argument("file", type=Path)
    parser.add_argument(
        "--encoding", help="code page of the text, when it is neither UTF-8 nor UTF-16: cp437, cp850 ..."
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object as the last line of stdout")
    return parser.parse_args(given)


def _parse(given: argparse.Namespace) -> int:
    try:
        data = given.file.read_bytes()
    except OSError as error:
        raise SettingError(f"cannot read {given.file}: {error.strerror}") from None
    try:
        found = PARSERS[given.kind](decode(data, given.encoding))
    except ScanError as error:
        raise SettingError(f"{given.file}: {error}") from None
    if given.json:
        _emit({"access_points": [reading.as_json() for reading in found]})
        return 0
    for reading in found:
        row = reading.as_json()
        where = f"{row['band'] or '?'} channel {row['channel'] or '?'}"
        sys.stdout.write(
            f"{row['bssid']}  {row['rssi_dbm']:7.1f} dBm  {where:<19} {row['radio'] or '?':<9} {row['ssid']}\n"
        )
    return 0


def _list(given: argparse.Namespace) -> int:
    found = options()
    usable = [option for option in found if option.usable]
    if given.json:
        fields = ("name", "platform", "what", "usable", "found")
        _emit({"options": [{name: getattr(option, name) for name in fields} for option in found]})
    else:
        for option in found:
            mark = "works" if option.usable else "     "
            sys.stdout.write(f"{mark}  {option.name:<16} {option.what}\n       {'':<16} {option.found}\n")
    if not usable:
        _say("error: this host has no way to scan for access points; the list says why")
        return EXIT_CANNOT
    return 0


def _run(given: argparse.Namespace) -> int:
    parse_address(given.to)  # a mistyped address is named before what this host cannot do
    key = _read_key(given.key_file) if given.key_file else None
    scanner, reasons = choose(given.scanner)
    for name, reason in reasons.items():
        _say(f"not {name}: {reason}")
    if scanner is None:
        _say("error: this host has no Wi-Fi that can be scanned; --list says what was tried")
        return EXIT_CANNOT
    try:
        with _logging(verbose=given.verbose):
            return _scan(given, scanner, key)
    except (SettingError, ScanError):
        raise
    except Exception as error:  # noqa: BLE001 - a traceback would quote what was scanned
        _say(f"error: a defect of the agent: {anonymous(error)}")
        return EXIT_FAILED
    finally:
        scanner.close()


def _scan(given: argparse.Namespace, scanner: Scanner, key: bytes | None) -> int:
    shortest = given.interval or scanner.interval_s
    try:
        pace = Pace(shortest, given.max_interval or max(shortest, RELAXED * scanner.interval_s))
    except ValueError as error:
        raise SettingError(str(error)) from None
    if shortest < NATIVE_INTERVAL_S:
        raise SettingError(f"--interval {shortest:g} is below {NATIVE_INTERVAL_S:g} s, which no radio can follow")
    identity = begin_session(given.state_file, given.node, time.time_ns() // 1_000_000)
    sealer = Sealer(key, identity.session) if key is not None else None
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with Sender(given.to, sealer) as sender:
        agent = Agent(
            scanner,
            sender,
            pace,
            identity.host,
            epoch=secrets.randbelow(1 << 8),
            sequence=secrets.randbelow(1 << 32),
        )
        log.info(
            "node %s scans with %s every %g-%g s and sends to %s%s",
            identity.host,
            scanner.name,
            pace.shortest_s,
            pace.longest_s,
            given.to,
            ", authenticated" if sealer else "",
        )
        agent.run(stop, given.scans)
        report = {"node_id": identity.host, **agent.report()}
    log.info("stopped %s", report)
    if given.json:
        _emit(report)
    return 0 if agent.scans or stop.is_set() else EXIT_FAILED


def _read_key(path: Path) -> bytes:
    try:
        return parse_key(path.read_text(encoding="ascii"))
    except KeyFormatError as error:
        raise SettingError(f"{path}: {error}") from None
    except UnicodeDecodeError:
        raise SettingError(f"{path} is not ASCII text; it must hold one hexadecimal key") from None
    except OSError as error:
        raise SettingError(f"cannot read {path}: {error.strerror}") from None


@contextlib.contextmanager
def _logging(*, verbose: bool) -> Iterator[None]:
    """Send every library's log records to stderr, without addresses, while the context is open."""
    root = logging.getLogger()
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Redacted("%(asctime)s %(levelname)-7s %(message)s"))
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG if verbose else logging.INFO)
    try:
        yield
    finally:
        root.setLevel(level)
        root.removeHandler(handler)


def _seconds(text: str) -> float:
    value = float(text[:-2]) / 1000 if text.endswith("ms") else float(text.removesuffix("s"))
    if not 0 < value < 3600:
        raise ValueError
    return value


def _say(message: str) -> None:
    sys.stderr.write(f"{message}\n")


def _emit(result: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(result) + "\n")
    sys.stdout.flush()
