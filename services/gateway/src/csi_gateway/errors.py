"""What a refused request is told: always JSON, always what was wrong and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.requests import Request
    from starlette.responses import Response

log = structlog.get_logger(__name__)


@dataclass(eq=False, slots=True)  # not frozen: Python gives an exception its traceback while it travels
class Refusal(Exception):  # noqa: N818  # it is an answer, not a failure
    """A request the gateway does not serve."""

    status: int
    error: str
    """What kind of refusal this is, a stable word for programs."""
    detail: str
    """What was wrong."""
    action: str
    """What to do about it."""
    reason: str | None = None
    """Label for the metric of refused requests, when it counts as one."""

    def response(self) -> Response:
        """Return the refusal as an HTTP response."""
        headers = {"Cache-Control": "no-store"}
        if self.status == 401:
            headers["WWW-Authenticate"] = 'Bearer realm="csiflow"'
        body = {"error": self.error, "detail": self.detail, "action": self.action}
        return JSONResponse(body, status_code=self.status, headers=headers)


def bad_request(detail: str, action: str) -> Refusal:
    """A request parameter that makes no sense."""
    return Refusal(400, "bad_request", detail, action)


def not_found(path: str, served: Sequence[str]) -> Refusal:
    """No such route; ``served`` are the paths there are."""
    return Refusal(404, "not_found", f"there is nothing at {path}", f"the gateway serves {', '.join(served)}")


async def on_refusal(_: Request, error: Exception) -> Response:
    """Starlette handler for :class:`Refusal`."""
    assert isinstance(error, Refusal)  # noqa: S101  # registered for this class only
    return error.response()


async def on_http_exception(request: Request, error: Exception) -> Response:
    """Starlette handler for its own 404 and 405."""
    assert isinstance(error, HTTPException)  # noqa: S101  # registered for this class only
    if error.status_code == 404:
        return not_found(request.url.path, request.app.state.endpoints).response()
    if error.status_code == 405:
        allowed = (error.headers or {}).get("Allow", "GET")
        refusal = Refusal(
            405, "method_not_allowed", f"{request.url.path} does not take {request.method}", f"it takes {allowed}"
        )
        response = refusal.response()
        response.headers["Allow"] = allowed
        return response
    return Refusal(error.status_code, "refused", error.detail, "mend the request and try again").response()


async def on_failure(request: Request, error: Exception) -> Response:
    """Starlette handler for what we did not foresee; Starlette itself re-raises it for the log."""
    log.error("a request failed", path=request.url.path, error=repr(error))
    return Refusal(
        500,
        "internal_error",
        "the gateway failed to answer this request",
        "its log says why; the request is safe to repeat",
    ).response()
