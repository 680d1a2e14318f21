"""Web applications on a free port of this machine."""

import threading
from contextlib import contextmanager
from typing import Any, Iterator


@contextmanager
def serve(app: Any) -> Iterator[str]:
    """Serve an ASGI application as long as the context lasts, and yield its URL."""
    import uvicorn

    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning"))
    started = threading.Event()
    start_up = server.startup

    async def start_up_and_tell(*args: Any, **kwargs: Any) -> None:
        await start_up(*args, **kwargs)
        started.set()

    server.startup = start_up_and_tell
    thread = threading.Thread(target=server.run)
    thread.start()
    assert started.wait(60)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
