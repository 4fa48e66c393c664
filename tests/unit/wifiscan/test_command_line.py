"""The command line: parse, --list, and what it says when a host cannot scan."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from csi_schemas.codec import MultiBssid, decode
from csi_wifiscan.errors import ScanError, SettingError
from csi_wifiscan.main import main
from csi_wifiscan.scanners import choice, linux
from csi_wifiscan.scanners.command import CommandScanner, run
from csi_wifiscan.sender import Sender, parse_address
from csi_wifiscan.state import begin_session, host_of
from unit.wifiscan.scripted import ScriptedScanner
from unit.wifiscan.test_netsh import HOME_ROW
from unit.wifiscan.texts import netsh

FIELDS = {"bssid", "ssid", "rssi_dbm", "signal_pct", "channel", "band", "radio"}


@pytest.fixture
def no_wifi(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A Linux without Wi-Fi and without any program."""
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr(linux, "_INTERFACES", tmp_path)
    monkeypatch.setattr(linux, "_SBIN", ())
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(choice, "WAYS", tuple(way for way in choice.WAYS if way.name != "connected"))
    return tmp_path


def test_parse_prints_the_contract(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One JSON object with every field; a table without ``--json``."""
    file = tmp_path / "n.txt"
    file.write_text(netsh([[HOME_ROW]]))
    assert main(["parse", "netsh", str(file), "--json"]) == 0
    (reading,) = json.loads(capsys.readouterr().out.splitlines()[-1])["access_points"]
    assert reading == {
        "bssid": "02:aa:bb:cc:dd:01", "ssid": "home", "rssi_dbm": -75.0, "signal_pct": 50, "channel": 36,
        "band": "5 GHz", "radio": "802.11ax",
    }  # fmt: skip
    assert main(["parse", "netsh", str(file)]) == 0
    assert "-75.0 dBm  5 GHz channel 36" in capsys.readouterr().out


def test_parse_says_what_is_wrong_and_exits_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """File and line, nothing of the text, nothing on stdout."""
    file = tmp_path / "n.txt"
    file.write_text(netsh([[HOME_ROW]]).replace("50%", "half"))
    assert main(["parse", "netsh", str(file), "--json"]) == 2
    said = capsys.readouterr()
    assert f"{file}: line 10: expected a signal in percent" in said.err
    assert said.out == ""
    assert "home" not in said.err
    assert main(["parse", "iw", str(tmp_path / "absent")]) == 2
    assert "cannot read" in capsys.readouterr().err


def test_the_agent_is_light() -> None:
    """Importing all of it loads the schemas and msgspec, and nothing else that is not Python's own."""
    code = "import sys, csi_wifiscan.main; print(*{name.partition('.')[0] for name in sys.modules})"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    plain = subprocess.run(
        [sys.executable, "-c", "import sys; print(*sys.modules)"], capture_output=True, text=True, check=True
    ).stdout
    others = {name for name in loaded if name not in sys.stdlib_module_names and name not in plain.split()}
    others -= {"typing_extensions"}  # msgspec looks for it and does without
    assert others == {"csi_wifiscan", "csi_schemas", "msgspec"}


@pytest.mark.usefixtures("no_wifi")
def test_a_host_without_wifi_says_so_and_exits_2(capsys: pytest.CaptureFixture[str]) -> None:
    """Each way of the platform with its reason; ``--list`` also names the ways of other platforms."""
    assert main([]) == 2
    said = capsys.readouterr().err
    assert "not iw: this host has no Wi-Fi interface" in said
    assert "not nmcli: the program nmcli is not installed" in said
    assert "error: this host has no Wi-Fi that can be scanned" in said
    assert main(["--list", "--json"]) == 2
    options = json.loads(capsys.readouterr().out.splitlines()[-1])["options"]
    assert {option["name"]: option["usable"] for option in options} == dict.fromkeys(
        ("nl80211", "iw", "nmcli", "wlanapi", "netsh", "corewlan", "airport", "system_profiler"), False
    )
    assert {option["found"] for option in options if option["platform"] == "win32"} == {"for win32 only"}


def test_the_best_way_that_works_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ways are tried by a scan, in order; what a broken one said is kept, without what it may quote."""

    def way(name: str, *steps: object) -> choice._Way:
        return choice._Way(name, sys.platform, "", lambda: ScriptedScanner(steps))  # type: ignore[arg-type]

    broken = way("first", ValueError("02:aa:bb:cc:dd:ee"))
    monkeypatch.setattr(choice, "WAYS", (broken, way("second", ScanError("busy")), way("third", [HOME_ROW], [])))
    scanner, reasons = choice.choose()
    assert scanner is not None
    assert list(reasons) == ["first", "second"]
    assert "ValueError in scan" in reasons["first"]
    assert "02:aa" not in reasons["first"]
    assert choice.choose("second")[0] is None
    monkeypatch.setattr(choice, "WAYS", (way("deaf", []), way("broken", ScanError("busy")), way("hears", [HOME_ROW])))
    scanner, reasons = choice.choose()
    assert scanner is not None
    assert scanner.scan.__self__.steps == []  # type: ignore[attr-defined]
    assert reasons == {"deaf": "hears 0 access points", "broken": "busy"}
    monkeypatch.setattr(choice, "WAYS", (way("deaf", []), way("scripted", []), way("hears", [HOME_ROW])))
    assert [option.found for option in choice.options()] == [f"hears {n} access points" for n in (0, 0, 1)]
    monkeypatch.setattr(choice, "WAYS", (way("scripted", []), way("deaf", [])))
    scanner, reasons = choice.choose()
    assert scanner is not None, "access points may come"
    assert reasons == {"deaf": "hears 0 access points"}


def test_a_receiver_that_comes_and_goes_is_found_again() -> None:
    """Nobody listens: said and counted; somebody listens again: sent, without a restart."""
    packet = MultiBssid(host="00c0ffee00c0ffee", sequence=1, uptime_ms=1, slots=())
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        address = receiver.getsockname()
    with Sender(f"127.0.0.1:{address[1]}") as sender:
        refusals = [sender.send(packet) for _ in range(6)]
        assert "Connection refused" in refusals
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
            receiver.bind(address)
            receiver.settimeout(10)
            while sender.send(packet) is not None:
                continue
            assert decode(receiver.recv(100)) == packet


def script(folder: Path, name: str, body: str) -> str:
    """A program."""
    path = folder / name
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return str(path)


@pytest.mark.skipif(sys.platform == "win32", reason="programs made of sh")
def test_programs_fail_in_their_ways_without_being_quoted(tmp_path: Path) -> None:
    """Exit code and a known symptom; a program's own words are withheld."""
    busy = script(tmp_path, "busy", "echo 'SECRET: Device or resource busy' >&2; exit 240")
    with pytest.raises(ScanError, match="busy ended with exit code 240: the radio is busy") as error:
        run([busy])
    assert "SECRET" not in str(error.value)
    with pytest.raises(ScanError, match="could not be run: No such file"):
        run([str(tmp_path / "absent")])
    asked = script(tmp_path, "asked", "echo $LC_ALL $LANGUAGE")
    scanner = CommandScanner("asked", [asked], lambda text: [HOME_ROW] if text == "C.UTF-8 C\n" else [])
    assert scanner.scan() == [HOME_ROW]


def test_an_identity_is_kept_and_sessions_rise(tmp_path: Path) -> None:
    """The random host number stays, each start's session is higher even if the clock went back; names are hashed."""
    file = tmp_path / "state" / "wifiscan.json"
    first = begin_session(file, None, 1000)
    second = begin_session(file, None, 400)
    assert first.host == second.host
    assert len(first.host) == 16
    assert (first.session, second.session) == (1000, 1001)
    assert begin_session(file, "00C0FFEE00C0FFEE", 2000) == ("00c0ffee00c0ffee", 2000)
    assert begin_session(file, None, 2000) == (first.host, 2001), "a choice for one run is not kept"
    assert host_of("kitchen") != host_of("cellar")
    file.write_text("{")
    with pytest.raises(SettingError, match="damaged; remove it"):
        begin_session(file, None, 1)


@pytest.mark.parametrize("text", ["host", "host:", "host:0", "host:65536", ":5", "host:x"])
def test_addresses_are_checked(text: str) -> None:
    """What is wrong and how to write it."""
    with pytest.raises(SettingError, match="write HOST:PORT"):
        parse_address(text)


def test_a_name_that_does_not_resolve_is_said() -> None:
    """Before any scan is made."""
    with (
        pytest.raises(SettingError, match=r"cannot send to no-such-host\.invalid:5005"),
        Sender("no-such-host.invalid:5005"),
    ):
        pass


def test_a_defect_is_said_without_what_it_may_quote(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An exception nobody foresaw ends the agent with its type and place; text and traceback are withheld."""

    def broken(*_: object) -> None:
        raise ValueError("02:aa:bb:cc:dd:ee at home")

    monkeypatch.setattr("csi_wifiscan.main.choose", lambda _: (ScriptedScanner([]), {}))
    monkeypatch.setattr("csi_wifiscan.agent.Registry.update", broken)
    monkeypatch.setattr(ScriptedScanner, "scan", lambda _: [HOME_ROW])
    monkeypatch.setattr("signal.signal", lambda *_: None)
    assert main(["--state-file", str(tmp_path / "s"), "--to", "127.0.0.1:9", "--scans", "1"]) == 1
    said = capsys.readouterr().err
    assert "a defect of the agent: ValueError in broken, line" in said
    assert "home" not in said
    assert "02:aa" not in said


@pytest.mark.usefixtures("no_wifi")
@pytest.mark.parametrize(
    ("content", "said"), [("zz", "not hexadecimal"), ("00ff", "at least 16"), ("k\u00e9", "ASCII")]
)
def test_a_key_file_is_checked_without_quoting_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str, said: str
) -> None:
    """The file, what is wrong, how to make one; never what is in it."""
    file = tmp_path / "key"
    file.write_text(content)
    assert main(["--key-file", str(file)]) == 2
    message = capsys.readouterr().err
    assert said in message
    assert f" {content}" not in message
