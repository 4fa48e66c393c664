"""Who gets into the gateway and what the others are told; a real process, real HTTP, real websocket handshakes."""

from __future__ import annotations

import asyncio
import json
import stat
import sys
from typing import TYPE_CHECKING, Any

import pytest
from csi_gateway.tokens import load_or_create
from support.gateway import TOKEN, RunningGateway, running_gateway
from support.waiting import free_port
from websockets.exceptions import InvalidStatus

if TYPE_CHECKING:
    from pathlib import Path

WEBSOCKETS = ("/ws/sensing", "/ws/introspection", "/ws/cluster", "/ws/events", "/ws/amplitude")
REST = (
    "/api/v1/nodes",
    "/api/v1/events",
    "/api/v1/signatures",
    "/api/v1/sensing/latest",
    "/api/v1/introspection/snapshot",
    "/api/v1/cluster",
)


async def refused(gateway: RunningGateway, path: str, **options: Any) -> tuple[int, dict[str, Any]]:
    """Status and body of a websocket handshake that must be refused before the upgrade."""
    with pytest.raises(InvalidStatus) as failure:
        async with gateway.connect(path, **options):
            pass
    response = failure.value.response
    assert response.body is not None
    return response.status_code, json.loads(response.body)


def says_why(body: dict[str, Any]) -> None:
    """Every error body says what was wrong and what to do, and never the token."""
    assert body["error"]
    assert body["detail"]
    assert body["action"]
    assert TOKEN not in str(body)


async def test_every_way_to_present_a_token(topics: str) -> None:
    """Header and subprotocol open every door; missing, wrong or in the query string is 401 before the upgrade."""
    async with running_gateway(topics) as gateway:
        for path in WEBSOCKETS:
            async with gateway.connect(path) as websocket:
                assert websocket.subprotocol is None
            offered = ["csiflow", f"bearer.{TOKEN}"]
            async with gateway.connect(path, token=None, subprotocols=offered) as websocket:
                assert websocket.subprotocol == "csiflow", "the token must never be the selected subprotocol"
            for options in (
                {"token": None},
                {"token": "wrong"},
                {"token": None, "headers": {"Authorization": f"Basic {TOKEN}"}},
                {"token": None, "headers": {"Authorization": "Bearer"}},
                {"token": None, "subprotocols": ["csiflow"]},
                {"token": None, "subprotocols": ["csiflow", "bearer.wrong"]},
            ):
                status, body = await refused(gateway, path, **options)
                assert (path, status, body["error"]) == (path, 401, "unauthorised")
                says_why(body)
            for query in (f"?token={TOKEN}", f"?access_token={TOKEN}", f"?node={TOKEN}", "?token=wrong"):
                status, body = await refused(gateway, path + query)
                assert (status, body["error"]) == (401, "token_in_query"), "not even beside a right header"
                says_why(body)
        for path in REST:
            assert (await gateway.get(path))[0] in {200, 404}
            for token in (None, "wrong", TOKEN[:-1], TOKEN + "x"):
                status, body = await gateway.get(path, token=token)
                assert (path, status) == (path, 401)
                says_why(body)
            status, body = await gateway.get(f"{path}?token={TOKEN}", token=None)
            assert (status, body["error"]) == (401, "token_in_query")
        log = "\n".join(gateway.service.lines)
        assert TOKEN not in log, "refusals are logged without the token"
        assert "bearer.wrong" not in log
        assert await gateway.service.metric("csiflow_gateway_unauthorised_total", reason="missing") > 0
        assert await gateway.service.metric("csiflow_gateway_unauthorised_total", reason="wrong") > 0
        assert await gateway.service.metric("csiflow_gateway_unauthorised_total", reason="query") > 0


async def test_origin_allow_list(topics: str) -> None:
    """The gateway's own pages and listed origins pass with a token; any other page is 403, token or not."""
    async with running_gateway(
        topics, CSIFLOW_GATEWAY_ALLOWED_ORIGINS="https://Ops.example/, http://b.example:81"
    ) as gateway:
        for origin in (gateway.url, "https://ops.example", "http://b.example:81"):
            async with gateway.connect("/ws/sensing", headers={"Origin": origin}):
                pass
            assert (await refused(gateway, "/ws/sensing", token="wrong", headers={"Origin": origin}))[0] == 401  # noqa: S106
        host = gateway.url.removeprefix("http://")
        for origin in (
            "https://evil.example",
            "null",
            "http://127.0.0.1:1",
            f"file://{host}",
            f"http://{host}.evil.example",
        ):
            status, body = await refused(gateway, "/ws/sensing", headers={"Origin": origin})
            assert (origin, status, body["error"]) == (origin, 403, "origin_not_allowed")
            says_why(body)
            assert (await gateway.get("/api/v1/nodes", headers={"Origin": origin}))[0] == 403
        assert await gateway.service.metric("csiflow_gateway_unauthorised_total", reason="origin") == 10


async def test_what_needs_no_token(topics: str) -> None:
    """The page, its files and the operations endpoints hold no data and are open; the page allows no foreign script."""
    async with running_gateway(topics) as gateway:
        for path in ("/health", "/ready", "/metrics", "/", "/static/icon.svg", "/static/vendor/plotly.min.js"):
            assert (path, (await gateway.get(path, token=None))[0]) == (path, 200)
        assert "csiflow" in (await gateway.get("/", token=None))[1]
        assert (await gateway.get("/static/../settings.py", token=None))[0] == 404
        assert (await gateway.get("/static/%2e%2e/settings.py", token=None))[0] == 404


async def test_wrong_requests_are_answered_in_json(topics: str) -> None:
    """Unknown routes, parameters, values and methods say what was wrong and what to do."""
    async with running_gateway(topics) as gateway:
        for path, status in (
            ("/nowhere", 404),
            ("/api/v2/nodes", 404),
            ("/ws/nowhere", 404),
            ("/static/nothing.js", 404),
            ("/ws/sensing", 426),
            ("/api/v1/nodes?nodes=1", 400),
            ("/api/v1/events?limit=0", 400),
            ("/api/v1/events?limit=many", 400),
            ("/api/v1/events?limit=1&limit=2", 400),
            ("/api/v1/events?since=yesterday", 400),
            ("/api/v1/sensing/latest?node=", 400),
            ("/api/v1/sensing/latest?node=7", 404),
        ):
            got, body = await gateway.get(path)
            assert (path, got) == (path, status)
            says_why(body)
        got, body = await gateway.get("/api/v1/nodes", method="DELETE")
        assert got == 405
        says_why(body)
        for path, status in (
            ("/ws/nowhere", 404),
            ("/api/v1/nodes", 404),
            ("/ws/sensing?max_hz=0", 400),
            ("/ws/sensing?max_hz=fast", 400),
            ("/ws/sensing?max_hz=nan", 400),
            ("/ws/sensing?node=1,,2", 400),
            ("/ws/sensing?snapshot=yes", 400),
            ("/ws/sensing?nod=1", 400),
            ("/ws/events?max_hz=1", 400),
        ):
            got, body = await refused(gateway, path)
            assert (path, got) == (path, status)
            says_why(body)
        got, body = await refused(gateway, "/ws/sensing", token=None, subprotocols=[f"bearer.{TOKEN}"])
        assert got == 400, "a browser would break the connection without a selected subprotocol"
        says_why(body)


async def test_introspection_kill_switch(topics: str) -> None:
    """Switched off, snapshots and fused snapshots are 404 with the reason and everything else goes on."""
    async with running_gateway(topics, CSIFLOW_INTROSPECTION_ENABLED="false") as gateway:
        for path in ("/ws/introspection", "/ws/cluster"):
            status, body = await refused(gateway, path)
            assert (status, body["error"]) == (404, "introspection_disabled")
            says_why(body)
        for path in ("/api/v1/introspection/snapshot", "/api/v1/cluster"):
            status, body = await gateway.get(path)
            assert (status, body["error"]) == (404, "introspection_disabled")
        async with gateway.connect("/ws/sensing"):
            pass


async def start(**environment: str) -> tuple[int | None, str]:
    """Exit code and output of a gateway that must not start."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "csi_gateway",
        env={"PATH": "/usr/bin:/bin", **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await asyncio.wait_for(process.communicate(), 30)
    return process.returncode, output.decode()


async def test_refuses_to_start_without_a_token(tmp_path: Path) -> None:
    """No token, an empty or unusable one, or a file that is not there: an error that says what to do, no trace."""
    empty = tmp_path / "empty"
    empty.write_text("\n")
    for environment, hint in (
        ({}, "CSIFLOW_GATEWAY_TOKEN_FILE"),
        ({"CSIFLOW_GATEWAY_TOKEN": ""}, "does not start without one"),
        ({"CSIFLOW_GATEWAY_TOKEN": "two words"}, "use only letters"),
        ({"CSIFLOW_GATEWAY_TOKEN_FILE": str(tmp_path / "absent")}, "does not exist"),
        ({"CSIFLOW_GATEWAY_TOKEN_FILE": str(empty)}, "holds no token"),
    ):
        code, output = await start(**environment)
        assert code == 2
        assert hint in output
        assert "Traceback" not in output


async def test_refuses_a_taken_port(topics: str) -> None:
    """A port somebody else has is an error that names the setting."""
    async with running_gateway(topics) as gateway:
        port = gateway.url.rpartition(":")[2]
        code, output = await start(CSIFLOW_GATEWAY_TOKEN=TOKEN, CSIFLOW_GATEWAY_PORT=port)
        assert code == 2
        assert "CSIFLOW_GATEWAY_PORT" in output
        assert "Traceback" not in output


async def test_token_from_a_file(topics: str, tmp_path: Path) -> None:
    """The file `csiflow up` makes opens the gateway, and only its owner may read it."""
    path = tmp_path / "state" / "token"
    token = load_or_create(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    async with running_gateway(
        topics, CSIFLOW_GATEWAY_TOKEN="", CSIFLOW_GATEWAY_TOKEN_FILE=str(path), CSIFLOW_GATEWAY_PORT=str(free_port())
    ) as gateway:
        assert (await gateway.get("/api/v1/nodes", token=token))[0] == 200
