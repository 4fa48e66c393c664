"""Logs as JSON lines, through a real child process."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys

import pytest
from csi_runtime.logs import KafkaRepeats

CODE = """
import logging
import structlog
from csi_runtime.logs import configure_logging
from csi_runtime.settings import RuntimeSettings
configure_logging("imagined", RuntimeSettings())
structlog.get_logger("csi.mine").warning("something happened", node="1", offset=7)
logging.getLogger("foreign").error("from %s", "elsewhere")
try:
    1 / 0
except ZeroDivisionError:
    structlog.get_logger("csi.mine").exception("it broke")
structlog.get_logger("csi.mine").debug("too quiet to print")
"""


def lines(form: str) -> list[str]:
    """What the child wrote to stderr."""
    environment = {**os.environ, "CSIFLOW_LOG_FORMAT": form}
    done = subprocess.run([sys.executable, "-c", CODE], env=environment, check=True, capture_output=True, text=True)
    assert done.stdout == "", "logs belong on stderr"
    return done.stderr.splitlines()


def test_one_json_object_a_line() -> None:
    """Ours and the standard library's records alike, each with service, level, time and an exception's trace."""
    first, second, third = [json.loads(line) for line in lines("json")]
    assert (first["event"], first["node"], first["offset"], first["level"]) == ("something happened", "1", 7, "warning")
    assert {first["service"], second["service"]} == {"imagined"}
    assert second["event"] == "from elsewhere"
    assert "ZeroDivisionError" in third["exception"]
    assert first["timestamp"].endswith("Z")


def test_console_lines_have_no_colour_codes_in_a_pipe() -> None:
    """On a pipe the console form is plain text."""
    text = "\n".join(lines("console"))
    assert "something happened" in text
    assert "\x1b" not in text


def test_aiokafkas_repetitions_are_kept_back_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first of each kind passes, then one every 30 s with the number of those between; other loggers' all pass."""
    now = 1000.0
    monkeypatch.setattr("csi_runtime.logs.time.monotonic", lambda: now)
    keep_back = KafkaRepeats()

    def passes(name: str, text: str, *values: object) -> str | None:
        record = logging.LogRecord(name, logging.ERROR, __file__, 1, text, values, None)
        return record.getMessage() if keep_back.filter(record) else None

    assert passes("aiokafka", "no node %s", 1) == "no node 1"
    assert [passes("aiokafka", "no node %s", number) for number in range(5)] == [None] * 5
    assert passes("aiokafka.conn", "no node %s", 1) == "no node 1"
    assert passes("aiokafka", "something else") == "something else"
    assert [passes("csi.mine", "again") for _ in range(3)] == ["again"] * 3
    now += 30.0
    assert passes("aiokafka", "no node %s", 2) == "no node 2 (and 5 more like it)"
    assert passes("aiokafka", "no node %s", 2) is None
