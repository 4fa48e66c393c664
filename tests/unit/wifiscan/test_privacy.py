"""Nothing that was scanned leaves the host, in any spelling, in packets or in anything said."""

from __future__ import annotations

import base64
import json
import logging
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from csi_schemas.access_points import Band
from csi_schemas.codec import encode
from csi_schemas.codec.authentication import split, verify
from csi_wifiscan.access_point import AccessPoint
from csi_wifiscan.privacy import Redacted, redact
from hypothesis import given
from hypothesis import strategies as st
from unit.wifiscan.scripted import Clock, Collector
from unit.wifiscan.test_agent import agent
from unit.wifiscan.texts import nmcli

SECRETS = [
    AccessPoint(f"02:a1:b2:c3:d4:{n:02x}", -50.0 - n, f"Private Name {n} caf\u00e9", 100 - n, 36, Band.GHZ_5)
    for n in range(40)
]
KEY = bytes(range(32))


def spellings(reading: AccessPoint) -> Iterator[bytes]:
    """Every way an identifier could be written."""
    raw = bytes.fromhex(reading.bssid.replace(":", ""))
    for separator in (":", "-", "", ".", " ", "\\:"):
        joined = separator.join(f"{byte:02x}" for byte in raw)
        yield from (joined.encode(), joined.upper().encode())
    yield raw
    yield raw[::-1]
    yield str(int.from_bytes(raw)).encode()
    name = reading.ssid.encode()
    for identifier in (raw, name):
        yield from (identifier, identifier.hex().encode(), identifier.hex().upper().encode())
        for shift in range(3):  # base64 of it at any place in a longer text
            middle = base64.b64encode(bytes(shift) + identifier)[4 if shift else 0 : -4]
            yield middle
            yield middle.replace(b"+", b"-").replace(b"/", b"_")
        yield repr(identifier)[2:-1].encode()
    yield from (reading.ssid.lower().encode(), reading.ssid.upper().encode(), reading.ssid.encode("utf-16-le"))
    yield reading.ssid.encode("ascii", "backslashreplace")


def assert_private(said: bytes) -> None:
    """No spelling of any secret is in what was said."""
    for reading in SECRETS:
        for spelling in spellings(reading):
            assert spelling not in said, f"{spelling!r} of {reading.bssid} left the host"


def test_the_search_finds_what_it_looks_for() -> None:
    """Each spelling, planted, is found."""
    for spelling in spellings(SECRETS[0]):
        with pytest.raises(AssertionError, match="left the host"):
            assert_private(b"before" + spelling + b"after")


def test_a_run_of_the_agent_says_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """Scans, failures that quote what was scanned, full registries and recycled slots, at the most talkative level."""
    clock = Clock()
    clock.now = 0.0
    quoting = [ValueError(f"{a.bssid} {a.ssid}") for a in SECRETS[:4]]

    def half_a_minute_later() -> list[AccessPoint]:
        clock.now += 31
        return SECRETS[20:]

    played = agent([SECRETS, *quoting, SECRETS[5:], half_a_minute_later, SECRETS[20:], SECRETS], clock)
    with caplog.at_level(logging.DEBUG):
        played.run(clock, max_scans=9)
    assert played.recycled > 0
    assert isinstance(played.sink, Collector)
    sent = b"".join(encode(packet) for packet in played.sink.packets)
    assert_private(sent + repr(played.sink.packets).encode() + caplog.text.encode() + repr(played.report()).encode())


@pytest.mark.skipif(sys.platform == "win32", reason="the program scanned with is made of sh")
def test_a_real_process_says_nothing_and_ends_cleanly(tmp_path: Path) -> None:
    """The agent as installed, on a program that gives names, fails with names and gives names again, until Ctrl-C.

    What came over UDP, stdout and stderr is searched; the packets are authenticated; the exit code is 0.
    """
    (tmp_path / "list").write_text(nmcli(SECRETS))
    program = tmp_path / "nmcli"
    program.write_text(
        f"""#!/bin/sh
case "$*" in
  *"TYPE device") echo wifi; exit 0;;
  *rescan) echo 'Error: {SECRETS[0].ssid} not permitted' >&2; exit 4;;
esac
n=$(cat {tmp_path}/n 2>/dev/null || echo 0); echo $((n + 1)) > {tmp_path}/n
case $n in
  2) echo "Error: {SECRETS[1].ssid} {SECRETS[1].bssid}" >&2; exit 10;;
  3) echo "{SECRETS[2].ssid} {SECRETS[2].bssid}"; exit 0;;
  *) cat {tmp_path}/list;;
esac
"""
    )
    program.chmod(0o755)
    (tmp_path / "key").write_text(KEY.hex())
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(30)
        to = f"127.0.0.1:{receiver.getsockname()[1]}"
        options = ["--to", to, "--scanner", "nmcli", "--interval", "0.05", "--key-file", str(tmp_path / "key")]
        process = subprocess.Popen(
            [sys.executable, "-m", "csi_wifiscan", *options, "--json", "--verbose"],
            env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "CSIFLOW_STATE_DIR": str(tmp_path)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        try:
            datagrams = [receiver.recv(65535) for _ in range(4)]
        finally:
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=30)
    assert process.returncode == 0, err.decode()
    assert_private(b"".join(datagrams) + out + err)
    assert KEY.hex().encode() not in out + err
    report = json.loads(out.splitlines()[-1])
    assert report["failed_scans"] == 2
    assert report["sent"] >= 4
    assert report["jitter_ms"]["p95"] >= report["jitter_ms"]["p50"] >= 0
    counters = []
    for datagram in datagrams:
        packet, authenticator = split(datagram)
        assert authenticator is not None
        assert verify(KEY, packet, authenticator)
        counters.append(authenticator.counter)
    assert counters == [0, 1, 2, 3]
    assert b"exit code 10" in err
    assert b"more rights" in err
    assert b"more access points than slots" in err


@given(st.binary(min_size=6, max_size=6), st.sampled_from([":", "-", ""]), st.booleans())
def test_addresses_are_redacted_from_log_lines(raw: bytes, separator: str, upper: bool) -> None:  # noqa: FBT001
    """Any spelling, also inside an interface name; other text stays."""
    address = raw.hex(separator) if separator else raw.hex()
    address = address.upper() if upper else address
    record = logging.LogRecord(
        "a", logging.INFO, "", 0, "interface wlx%s: scan of %s failed", (raw.hex(), address), None
    )
    line = Redacted("%(message)s").format(record)
    assert line == "interface wlxxx:xx:xx:xx:xx:xx: scan of xx:xx:xx:xx:xx:xx failed"
    assert redact("at 12:30:45 node 00c0ffee00c0ffee sent 123456 packets") == (
        "at 12:30:45 node 00c0ffee00c0ffee sent 123456 packets"
    )
