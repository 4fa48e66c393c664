"""What is found out before an installation is started."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from csiflow.stack import StackOptions, check_ports


@pytest.mark.parametrize(
    ("kind", "field", "option"),
    [(socket.SOCK_STREAM, "gateway_port", "--port"), (socket.SOCK_DGRAM, "live_port", "csiflow up --udp-port")],
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
