"""Logs as JSON lines, through a real child process."""

from __future__ import annotations

import json
import os
import subprocess
import sys

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
