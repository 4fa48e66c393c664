"""Who may use /api and /ws: a bearer token, and for browsers a page of our own origin.

The token travels in the ``Authorization`` header, or, since browsers cannot set that header for a websocket, as a
second subprotocol: the client offers ``csiflow`` and ``bearer.<token>``, the server selects ``csiflow``. It never
travels in a query string, which proxies and browsers write down.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

import structlog
from csi_runtime.metrics import GATEWAY_UNAUTHORISED

from csi_gateway.errors import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.types import ASGIApp, Receive, Scope, Send

log = structlog.get_logger(__name__)

SUBPROTOCOL = "csiflow"
BEARER = "bearer."
_TOKEN_PARAMETERS = frozenset({"token", "access_token", "auth", "authorization", "bearer", "api_key", "apikey"})
_HOW = (
    "send the header 'Authorization: Bearer TOKEN'; a browser's websocket offers the subprotocols 'csiflow' and "
    "'bearer.TOKEN'. The token is in CSIFLOW_GATEWAY_TOKEN or CSIFLOW_GATEWAY_TOKEN_FILE of the gateway, and in the "
    "dashboard address that csiflow up printed"
)


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a request carries that decides whether it is let in."""

    authorization: str | None
    subprotocols: tuple[str, ...]
    origin: str | None
    host: str | None
    query: str


@dataclass(frozen=True, slots=True)
class Guard:
    """Decides about credentials; no I/O."""

    token: str
    allowed_origins: frozenset[str] = frozenset()
    """Lower case, without a trailing slash, besides the gateway's own."""

    def check(self, credentials: Credentials) -> None:
        """Return if the request may pass.

        Raises:
            Refusal: 401 without the right token, 403 from a page of another origin.
        """
        self._check_origin(credentials)
        self._check_query(credentials.query)
        presented = list(_presented(credentials))
        if not presented:
            raise Refusal(401, "unauthorised", "the request carries no bearer token", _HOW, reason="missing")
        if not any(self._matches(token) for token in presented):
            raise Refusal(401, "unauthorised", "the bearer token is not the gateway's", _HOW, reason="wrong")

    def _matches(self, token: str) -> bool:
        return hmac.compare_digest(token.encode("utf-8", "surrogateescape"), self.token.encode())

    def _check_origin(self, credentials: Credentials) -> None:
        origin = credentials.origin
        if origin is None:  # not a browser's cross-origin request nor a websocket of one; the token decides
            return
        origin = origin.rstrip("/").lower()
        parts = urlsplit(origin)
        own = parts.scheme in {"http", "https"} and parts.netloc and parts.netloc == (credentials.host or "").lower()
        if own or origin in self.allowed_origins:
            return
        raise Refusal(
            403,
            "origin_not_allowed",
            f"pages of {origin!r} may not use this gateway",
            "open the dashboard at the gateway's own address, or add the origin to CSIFLOW_GATEWAY_ALLOWED_ORIGINS",
            reason="origin",
        )

    def _check_query(self, query: str) -> None:
        for name, value in parse_qsl(query, keep_blank_values=True):
            if name.lower() in _TOKEN_PARAMETERS or self._matches(value) or self._matches(name):
                raise Refusal(
                    401,
                    "token_in_query",
                    "a token must not travel in the query string, which proxies and browsers write down",
                    f"{_HOW}. If this token was the real one, replace it",
                    reason="query",
                )


def _presented(credentials: Credentials) -> Iterable[str]:
    if credentials.authorization is not None:
        scheme, _, token = credentials.authorization.partition(" ")
        if scheme.lower() == "bearer":
            yield token.strip()
    for offered in credentials.subprotocols:
        if offered.startswith(BEARER):
            yield offered.removeprefix(BEARER)


def credentials_of(scope: Scope) -> Credentials:
    """Read the credentials out of an ASGI scope."""
    headers = {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
    return Credentials(
        authorization=headers.get(b"authorization"),
        subprotocols=tuple(scope.get("subprotocols", ())),
        origin=headers.get(b"origin"),
        host=headers.get(b"host"),
        query=scope["query_string"].decode("latin-1"),
    )


class RequireToken:
    """ASGI middleware: nothing under /api or /ws is reached without passing the guard."""

    def __init__(self, app: ASGIApp, guard: Guard) -> None:
        self._app = app
        self._guard = guard

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it (a websocket: before the upgrade)."""
        if scope["type"] == "websocket" or (scope["type"] == "http" and _guarded(scope["path"])):
            try:
                self._guard.check(credentials_of(scope))
            except Refusal as refusal:
                GATEWAY_UNAUTHORISED.labels(refusal.reason).inc()
                log.warning(
                    "request refused",
                    status=refusal.status,
                    reason=refusal.reason,
                    path=scope["path"],
                    client=(scope.get("client") or ("unknown",))[0],
                )
                await refusal.response()(scope, receive, send)
                return
        await self._app(scope, receive, send)


def _guarded(path: str) -> bool:
    return path.startswith(("/api/", "/ws/")) or path in {"/api", "/ws"}
