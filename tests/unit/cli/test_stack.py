"""What is found out before an installation is started."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from csi_runtime.errors import ConfigurationError
from csi_runtime.settings import load
from csiflow.settings import CliSettings
from csiflow.stack import DECIDED, SIGNATURES, StackOptions, check_ports, check_settings, plan
from csiflow.supervisor import Supervisor

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    ("kind", "field", "option"),
    [(socket.SOCK_STREAM, "gateway_port", "--port"), (socket.SOCK_DGRAM, "live_port", "--udp-port")],
)
def test_a_taken_port_is_named_with_the_option_that_takes_another(
    kind: socket.SocketKind, field: str, option: str, tmp_path: Path
) -> None:
    """Before Kafka and four services have been started; free ports and 0 pass."""
    with socket.socket(socket.AF_INET, kind) as taken:
        taken.bind(("127.0.0.1", 0))
        if kind == socket.SOCK_STREAM:
            taken.listen()
        port = taken.getsockname()[1]
        ports = {"live_port": 0, "gateway_port": 0, field: port}
        options = StackOptions(tmp_path, listen_host="127.0.0.1", **ports)
        with pytest.raises(OSError, match=rf"port {port} of 127\.0\.0\.1.*{option} takes another"):
            check_ports(options)
    check_ports(options)


def test_all_taken_ports_are_named_at_once(tmp_path: Path) -> None:
    """Who runs a second stack learns of both options from one refusal."""
    with socket.socket() as web, socket.socket(type=socket.SOCK_DGRAM) as nodes:
        for taken in (web, nodes):
            taken.bind(("127.0.0.1", 0))
        web.listen()
        ports = {"gateway_port": web.getsockname()[1], "live_port": nodes.getsockname()[1]}
        with pytest.raises(OSError, match=r"--port takes another.*--udp-port takes another"):
            check_ports(StackOptions(tmp_path, listen_host="127.0.0.1", **ports))


def planned(tmp_path: Path, **options: Any) -> dict[str, Mapping[str, str]]:
    """What each service is started with, by its name, and ``token``."""
    ports = StackOptions(tmp_path, live_port=0, gateway_port=0, introspection=True, **options)
    supervisor = Supervisor(start_timeout=1, stop_timeout=1, show_logs=False)
    stack, specs = plan(load(CliSettings), ports, "127.0.0.1:1", supervisor)
    found: dict[str, Mapping[str, str]] = {"stack": {"token": stack.token}}
    return found | {spec.name: spec.environment for spec in specs}


@pytest.mark.parametrize("variable", SIGNATURES)
def test_the_users_folder_of_signatures_is_every_services(
    variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By either name; the gateway lists what introspection matches. Without any it is the checkout's."""
    monkeypatch.setenv("CSIFLOW_STATE_DIR", str(tmp_path))
    monkeypatch.setenv("CSIFLOW_ROOT", str(ROOT))
    for name in SIGNATURES:
        monkeypatch.delenv(name, raising=False)
    services = planned(tmp_path)
    assert {services[name]["CSIFLOW_SIGNATURES"] for name in ("gateway", "introspection")} == {str(ROOT / "signatures")}
    monkeypatch.setenv(variable, "/home/me/signatures")
    services = planned(tmp_path)
    assert {services[name]["CSIFLOW_SIGNATURES"] for name in ("gateway", "introspection")} == {"/home/me/signatures"}


def test_the_users_token_file_and_operations_port_are_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The token is the one in the file named; a port named for a service is that of its only worker, not of two."""
    (tmp_path / "token").write_text("t" * 43)
    (tmp_path / "token").chmod(0o600)
    monkeypatch.setenv("CSIFLOW_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("CSIFLOW_GATEWAY_TOKEN_FILE", str(tmp_path / "token"))
    monkeypatch.setenv("CSIFLOW_EVENTS_HTTP_PORT", "19102")
    monkeypatch.delenv("CSIFLOW_GATEWAY_TOKEN", raising=False)
    services = planned(tmp_path)
    assert services["stack"]["token"] == "t" * 43
    assert services["gateway"]["CSIFLOW_GATEWAY_TOKEN_FILE"] == str(tmp_path / "token")
    assert services["events"]["CSIFLOW_EVENTS_HTTP_PORT"] == "19102"
    with pytest.raises(ConfigurationError, match="CSIFLOW_EVENTS_HTTP_PORT is one port, for 2 workers"):
        planned(tmp_path, workers=2)


def test_what_options_decide_is_not_taken_from_the_environment_in_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    """An address of ingest in the environment would be overwritten: it is refused, with the option that decides."""
    for variable in DECIDED:
        monkeypatch.delenv(variable, raising=False)
    check_settings(introspection=False)
    monkeypatch.setenv("CSIFLOW_INGEST_LIVE", "0.0.0.0:5105")
    with pytest.raises(ConfigurationError, match=r"CSIFLOW_INGEST_LIVE .* --listen and --udp-port: unset it"):
        check_settings(introspection=False)
