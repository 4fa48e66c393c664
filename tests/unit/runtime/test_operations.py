"""The operations endpoint, over real HTTP."""

from __future__ import annotations

import aiohttp
import pytest
from csi_runtime.errors import ConfigurationError
from csi_runtime.operations import serve_operations
from prometheus_client import Counter

REQUESTS = Counter("csiflow_test_requests", "Made by this test.")


async def get(port: int, path: str) -> tuple[int, str]:
    """Status and body of a path."""
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}{path}") as response:
        return response.status, await response.text()


async def test_ready_names_what_it_waits_for() -> None:
    """/ready is 503 with every reason while a check has one, and 200 as soon as none has."""
    reasons: dict[str, str | None] = {"kafka": "127.0.0.1:1 does not answer", "sockets": None}
    checks = {"kafka": lambda: reasons["kafka"], "sockets": lambda: reasons["sockets"]}
    async with serve_operations("test", "127.0.0.1", 0, checks) as port:
        status, body = await get(port, "/ready")
        assert status == 503
        assert "127.0.0.1:1 does not answer" in body
        assert "sockets" not in body
        reasons["kafka"] = None
        assert (await get(port, "/ready"))[0] == 200


async def test_health_and_metrics() -> None:
    """/health answers while the loop turns; /metrics has every registered metric with its help text."""
    REQUESTS.inc()
    async with serve_operations("test", "127.0.0.1", 0, {}) as port:
        assert (await get(port, "/health")) == (200, '{"status":"ok","service":"test"}')
        status, body = await get(port, "/metrics")
        assert status == 200
        assert "# HELP csiflow_test_requests_total Made by this test." in body
        assert "csiflow_test_requests_total 1.0" in body


async def test_a_taken_port_is_an_error_not_a_hang() -> None:
    """Two services on one port: the second fails at once."""
    async with serve_operations("first", "127.0.0.1", 0, {}) as port:
        with pytest.raises(ConfigurationError, match=r"in use.*CSIFLOW_SECOND_HTTP_HOST"):
            async with serve_operations("second", "127.0.0.1", port, {}):
                pass
