"""Fixtures of the browser tests: Debian's chromium, and a gateway on an empty Kafka."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Protocol

import pytest
from browser.messages import signature
from browser.page import TOKEN
from playwright.async_api import Browser, async_playwright
from support.services import INTROSPECTION_ON, Service, running
from support.waiting import free_port

_FLAGS = [
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
    "--no-sandbox",  # tests also run as root, where chromium has no sandbox
]


class StartGateway(Protocol):
    """Starts a gateway on a port of the test's choice."""

    def __call__(self, port: int, token: str = TOKEN, **settings: str) -> AbstractAsyncContextManager[Service]: ...  # noqa: D102


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of the browser: CHROMIUM, else ``chromium`` on the PATH."""
    path = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if path is None:
        reason = "there is no chromium: install it (Debian: apt-get install chromium) or set CHROMIUM to its path"
        if os.environ.get("CI"):
            pytest.fail(f"{reason}; with CI set nothing may be skipped")
        pytest.skip(reason)
    return path


@pytest.fixture
async def browser(chromium: str) -> AsyncIterator[Browser]:
    """A running chromium."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=_FLAGS)
        try:
            yield browser
        finally:
            await browser.close()


@pytest.fixture
def start_gateway(topics: str, tmp_path: Path) -> StartGateway:
    """Starts a gateway on a given port; it lists one signature."""
    folder = tmp_path / "signatures"
    folder.mkdir()
    (folder / "walk.sig.json").write_bytes(signature("walk", "Walking through", 0.75))

    def start(port: int, token: str = TOKEN, **settings: str) -> AbstractAsyncContextManager[Service]:
        return running(
            "csi_gateway",
            {
                "CSIFLOW_KAFKA": topics,
                "CSIFLOW_GATEWAY_PORT": str(port),
                "CSIFLOW_GATEWAY_TOKEN": token,
                "CSIFLOW_SIGNATURES": str(folder),
                **INTROSPECTION_ON,
                **settings,
            },
        )

    return start


@pytest.fixture
async def gateway(start_gateway: StartGateway) -> AsyncIterator[str]:
    """Origin of a running gateway."""
    port = free_port()
    async with start_gateway(port):
        yield f"http://127.0.0.1:{port}"
