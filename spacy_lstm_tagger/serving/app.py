"""The service as an ASGI application."""

import json
from contextlib import asynccontextmanager
from importlib.resources import files
from typing import Any, AsyncIterator, Dict

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from .. import __version__
from ..annotation_layers import NAMES
from ..formats.tagged_text import DOUBTFUL, GROUPS
from .analyses import Analyses
from .gate import guard
from .limits import Limits
from .metrics import CONTENT_TYPE, Metrics
from .requests import read_form, read_text, read_texts
from .worker import Worker

# The files of the page, and what they are.
PAGE = {
    "": ("serving/page/page.html", "text/html"),
    "page.css": ("serving/page/page.css", "text/css"),
    "page.js": ("serving/page/page.js", "text/javascript"),
    "tag_groups.css": ("formats/tag_groups.css", "text/css"),
}
# The page about the network has its script in it. In a sandbox it can reach nothing of this service.
SANDBOX = (
    "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:"
)


def make_app(model: str = "en", limits: Limits = Limits()) -> ASGIApp:
    """Load a pipeline, and make the service around it.

    model (str): Directory or package of a pipeline with an LSTM tagger, or a tagger that ships with this package.
    limits (Limits): How much it takes.
    RETURNS (ASGIApp): The application. Raises what `load_pipeline` raises.
    """
    analyses = Analyses(model, limits)
    tagging, explaining = Worker(analyses.tag), Worker(analyses.explain)
    looking_inside = Worker(analyses.look_inside)
    metrics = Metrics()

    async def tag(request: Request) -> Response:
        tagged = await tagging.answer(await read_texts(request, limits))
        metrics.n_texts += len(tagged)
        metrics.n_tokens += sum(text.n_tokens for text in tagged)
        return Response('{"docs": [' + ", ".join(text.json for text in tagged) + "]}", media_type="application/json")

    async def explain(request: Request) -> Response:
        text = await read_text(request, limits)
        return Response(await _explain(explaining, text), media_type="application/json")

    async def look_inside(request: Request) -> Response:
        text = await read_form(request, limits)
        return HTMLResponse(await _explain(looking_inside, text), headers={"Content-Security-Policy": SANDBOX})

    def show_metrics(request: Request) -> Response:
        return Response(metrics.render(), headers={"Content-Type": CONTENT_TYPE})

    @asynccontextmanager
    async def run_workers(app: Starlette) -> AsyncIterator[None]:
        workers = (tagging, explaining, looking_inside)
        for worker in workers:
            worker.start()
        yield
        for worker in workers:
            worker.stop()

    routes = [
        *(Route(f"/{path}", _serve_file(name, type)) for path, (name, type) in PAGE.items()),
        Route("/api/model", _always(_describe_model(analyses, limits))),
        Route("/api/tag", tag, methods=["POST"]),
        Route("/api/explain", explain, methods=["POST"]),
        Route("/inside", look_inside, methods=["POST"]),
        Route("/health", _always({"status": "ok", "model": analyses.model, "version": __version__})),
        Route("/metrics", show_metrics),
    ]
    app = Starlette(
        routes=routes, exception_handlers={HTTPException: _tell_error, Exception: _tell_failure}, lifespan=run_workers
    )
    groups = {"/api/tag": "tag", "/api/explain": "tag", "/inside": "inside"}
    paths = {route.path: groups.get(route.path, "") for route in routes}
    return guard(app, metrics, {"tag": limits.max_requests, "inside": limits.max_pages}, paths)


async def _explain(worker: "Worker[str]", text: str) -> str:
    try:
        (answer,) = await worker.answer([text])
    except ValueError as error:
        raise HTTPException(422, str(error)) from error
    return answer


def _describe_model(analyses: Analyses, limits: Limits) -> Dict[str, Any]:
    """What a program, and the page, may want to know before it asks."""
    return {
        "model": analyses.model,
        "lang": analyses.nlp.lang,
        "version": __version__,
        "layers": NAMES,
        "groups": [{"name": group.name, "description": group.description, "tags": group.tags} for group in GROUPS],
        "doubtful": DOUBTFUL,
        "limits": limits._asdict(),
    }


def _serve_file(name: str, type: str) -> Any:
    content = files("spacy_lstm_tagger").joinpath(name).read_bytes()
    return lambda request: Response(content, media_type=type, headers={"Cache-Control": "no-cache"})


def _always(value: Dict[str, Any]) -> Any:
    body = json.dumps(value, ensure_ascii=False).encode()
    return lambda request: Response(body, media_type="application/json")


def _tell_error(request: Request, error: Any) -> Response:
    return JSONResponse({"error": error.detail}, error.status_code, error.headers)


def _tell_failure(request: Request, error: Exception) -> Response:
    """What went wrong here goes to the log, with its traceback."""
    return JSONResponse({"error": f"The service failed: {type(error).__name__}. Its log has more."}, 500)
