"""``csiflow tail`` without the Kafka it was told of."""

from __future__ import annotations

import pytest
from csiflow.main import app
from support.waiting import free_port
from typer.testing import CliRunner


def test_a_kafka_that_does_not_answer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """One line with the address and what to do, and exit code 1; no traceback."""
    address = f"127.0.0.1:{free_port()}"
    monkeypatch.setenv("CSIFLOW_KAFKA", address)
    done = CliRunner().invoke(app, ["tail", "csi.events.v1"])
    assert done.exit_code == 1
    assert f"no Kafka answers at {address}: start it, or mend CSIFLOW_KAFKA" in done.stderr
