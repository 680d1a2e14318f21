"""The service as a process, from its port to the signal that ends it."""

import signal
import socket
from typing import Any, Callable

import uvicorn

from .app import make_app
from .limits import Limits

# How long requests that run may take after the signal.
SECONDS_TO_FINISH = 30


def serve(
    model: str = "en",
    host: str = "127.0.0.1",
    port: int = 8000,
    *,
    limits: Limits = Limits(),
    on_start: Callable[[str], object] = lambda url: None,
) -> None:
    """Serve the page and the API until SIGINT (Ctrl-C) or SIGTERM comes, after which what was asked is still answered.

    model (str): Directory or package of a pipeline with an LSTM tagger, or a tagger that ships with this package.
    host (str): The address to listen at; "0.0.0.0" or "::" for those of all networks.
    port (int): The port. 0: any that is free.
    limits (Limits): How much the service takes.
    on_start (Callable[[str], object]): Is given the service's URL when it is ready. Raises a ValueError if the port
        cannot be had, and what `load_pipeline` raises.
    """
    with _listen(host, port) as listener:
        config = uvicorn.Config(
            make_app(model, limits),
            lifespan="on",
            ws="none",
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=SECONDS_TO_FINISH,
        )
        server = uvicorn.Server(config)

        def end(*_: Any) -> None:
            server.should_exit = True

        # uvicorn has its own handlers while it runs, and then repeats the signal for those that were there before.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, end)
        name = f"[{host}]" if ":" in host else host
        on_start(f"http://{name}:{listener.getsockname()[1]}")
        server.run(sockets=[listener])


def _listen(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        reason = f"The service cannot listen at port {port} of {host}: {error.strerror}."
        raise ValueError(f"{reason} Choose another with --port or --host.") from error
