"""What every request passes: the limit of requests at the same time, headers for browsers, and counters."""

import time
from collections import Counter
from typing import Dict, Mapping

from starlette.datastructures import MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .metrics import Metrics

# A page runs the service's own scripts alone, and asks nobody else. A path's own policy comes before it.
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
# What other paths are counted as: there are endless ones.
OTHER = "other"


def guard(app: ASGIApp, metrics: Metrics, limits: Mapping[str, int], paths: Mapping[str, str]) -> ASGIApp:
    """Put the gate around an application.

    app (ASGIApp): The application.
    metrics (Metrics): Where requests are counted.
    limits (Mapping[str, int]): For groups of paths, how many requests are answered at the same time; others get 503.
        That bounds the memory for bodies and answers too.
    paths (Mapping[str, str]): The paths that are counted, and the group of each, "" for one without a limit.
    RETURNS (ASGIApp): The application behind the gate.
    """
    active: Counter[str] = Counter()

    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        start = time.perf_counter()
        status = 500
        group = paths.get(scope["path"], "")
        is_full = group in limits and active[group] >= limits[group]

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                _add_headers(message)
            await send(message)

        metrics.in_progress += 1
        active[group] += 1
        try:
            await (_busy(limits[group]) if is_full else app)(scope, receive, send_with_headers)
        finally:
            active[group] -= 1
            metrics.in_progress -= 1
            path = scope["path"] if scope["path"] in paths else OTHER
            metrics.add_request(path, status, time.perf_counter() - start)

    return guarded


def _add_headers(message: Message) -> None:
    headers = MutableHeaders(scope=message)
    for name, value in HEADERS.items():
        headers.setdefault(name, value)


def _busy(limit: int) -> JSONResponse:
    headers: Dict[str, str] = {"Retry-After": "1"}
    return JSONResponse({"error": f"{limit} requests are being answered. Try again in a second."}, 503, headers)
