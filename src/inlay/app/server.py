"""Serves the page on this machine, and leaves nothing behind."""

import contextlib
import logging
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

from inlay import stopping
from inlay.app.filling import Models
from inlay.app.limits import Limits
from inlay.app.room import Room
from inlay.app.security import guarded
from inlay.errors import InlayError
from inlay.printing import PrintableStream

if TYPE_CHECKING:
    from gradio.routes import App

    from inlay.app.page import Page

HOST = "127.0.0.1"
_LAST_PORT = 65535


def serve(models: Models, limits: Limits, port: int | None = None) -> None:
    """Show the page until the program is interrupted or asked to end; without a port at 7860, or the next that is free.

    Raises:
        InlayError: Gradio is not installed, or the port is taken.
    """
    with (
        _end_signal() as ended,
        tempfile.TemporaryDirectory(prefix="inlay-app-") as folder,
        contextlib.redirect_stderr(cast(IO[str], PrintableStream(sys.stderr))),  # Gradio tells it what visitors sent
    ):
        _settle_environment(Path(folder))
        try:
            from inlay.app.page import Page
        except ModuleNotFoundError as error:
            if error.name != "gradio":
                raise
            raise InlayError("The page needs Gradio: pip install 'inlay[app]'.") from error
        page = Page(models, limits, Room(Path(folder), limits.kept_megabytes * 1_000_000))
        address = _launch(page, limits, port)
        try:
            print(f"Inlay is at {address} (Ctrl+C ends it).", flush=True)
            ended.wait()
        finally:
            page.close()


def check_port(port: int | None) -> None:
    """Refuse what is no port, or no fixed one."""
    if port is not None and not 1 <= port <= _LAST_PORT:
        raise InlayError(f"--port {port}: ports are from 1 to {_LAST_PORT}. Choose one of them, or leave it out.")


def _launch(page: "Page", limits: Limits, port: int | None) -> str:
    from inlay.app.layout import CSS, theme

    try:
        _, address, _ = page.blocks.launch(
            _app=_guarded_app(limits, page.room),
            server_name=HOST,
            server_port=port,
            share=False,
            prevent_thread_lock=True,
            quiet=True,
            max_file_size=limits.megabytes * 1_000_000,
            allowed_paths=[],
            state_session_capacity=16,
            enable_monitoring=False,
            run_history=False,
            mcp_server=False,
            ssr_mode=False,
            pwa=False,
            footer_links=[],
            theme=theme(),
            css=CSS,
        )
    except OSError as error:
        raise InlayError(f"--port {port}: {HOST} has no free port there. Choose another, or leave it out.") from error
    return str(address)


def _guarded_app(limits: Limits, room: Room) -> "App":
    """Gradio's server, all of it guarded: what Gradio takes as ``middleware`` would lie inside of its own."""
    from gradio.routes import App
    from starlette.types import ASGIApp

    class GuardedApp(App):
        def build_middleware_stack(self) -> ASGIApp:
            return guarded(super().build_middleware_stack(), limits, room)

    return GuardedApp(docs_url=None, redoc_url=None, openapi_url=None)


def _settle_environment(folder: Path) -> None:
    """Set before Gradio reads it: settings of other pages do not open this one, and nothing is reported anywhere."""
    for name in [name for name in os.environ if name.startswith("GRADIO_")]:
        del os.environ[name]
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ["GRADIO_TEMP_DIR"] = str(folder)
    os.environ["HF_HUB_OFFLINE"] = "1"
    for name in ("httpx", "httpx2"):  # Gradio asks its own server whether it is there, and says so
        logging.getLogger(name).setLevel(logging.WARNING)


@contextlib.contextmanager
def _end_signal() -> Iterator[threading.Event]:
    """An event that happens when somebody presses Ctrl+C, closes the terminal or asks the process to end."""
    ended = threading.Event()
    before = {number: signal.signal(number, lambda *_: ended.set()) for number in stopping.signals()}
    try:
        yield ended
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
