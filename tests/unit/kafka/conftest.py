"""A Maven repository on the loopback interface, filled from the jars this machine has."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from csiflow.kafka.jars import Jar, kafka_jars, pinned_jars


class MavenRepository:
    """Serves the pinned jars over HTTP, counts what was asked for, and breaks as told."""

    def __init__(self, jars: dict[str, Path]) -> None:
        self._jars = jars
        self.requests: Counter[str] = Counter()
        """Jars asked for, by file name."""
        self.missing: set[str] = set()
        """File names that are answered with 404."""
        self.corrupt: set[str] = set()
        """File names whose last byte is wrong."""
        self.cut: set[str] = set()
        """File names whose connection is closed half way."""
        repository = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                repository._answer(self)

            def log_message(self, *_: object) -> None:
                """The test's own counters say more."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    @property
    def url(self) -> str:
        """Address for CSIFLOW_MAVEN_REPOSITORY."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _answer(self, request: BaseHTTPRequestHandler) -> None:
        name = request.path.rsplit("/", 1)[1]
        if name.endswith(".jar"):
            self.requests[name] += 1
        if name not in self._jars or name in self.missing:
            request.send_error(404)
            return
        content = self._jars[name].read_bytes()
        if name in self.corrupt:
            content = content[:-1] + bytes([content[-1] ^ 1])
        request.send_response(200)
        request.send_header("Content-Length", str(len(content)))
        request.end_headers()
        request.wfile.write(content[: len(content) // 2] if name in self.cut else content)


@pytest.fixture
def repository(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[MavenRepository]:
    """A repository with every jar, and no local Maven cache beside it."""
    jars = {jar.file_name: path for jar, path in zip(pinned_jars(), kafka_jars(), strict=True)}
    monkeypatch.setenv("M2_REPO", str(tmp_path / "empty-m2"))
    served = MavenRepository(jars)
    yield served
    served.close()


@pytest.fixture
def a_jar() -> Jar:
    """One of the pinned jars, a small one."""
    return min(pinned_jars(), key=lambda jar: jar.size)
