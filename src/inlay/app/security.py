"""The server is open to the page itself, and closed to other hosts, other pages and other programs.

Gradio's server can do more than this page needs: list its functions for programs, fetch addresses of the internet on
request, take part in other servers. What is not named here is closed.
"""

import re
from contextlib import ExitStack
from http import HTTPStatus

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from inlay.app.limits import Limits
from inlay.app.room import Room
from inlay.errors import InlayError

_OPEN = re.compile(
    r"/|/(config|theme\.css|favicon\.ico|manifest\.json|robots\.txt)/?"
    r"|/(static|assets|svelte)/.*"
    r"|/gradio_api/(queue/(join|data)|upload|upload_progress|startup-events|reset|cancel|theme\.css|heartbeat/\w+)"
    r"|/gradio_api/file=(?!\w\w+:).*",  # a file of the page's own; no address of another host
    re.DOTALL,
)
_UPLOAD = "/gradio_api/upload"
_FORM = 100_000  # bytes around a file that is handed in
_ASKED = 20_000_000  # bytes of any other request: what was painted, see masks.MOST_RUNS

_HEADERS = {
    # The browser itself refuses to fetch anything from elsewhere. Gradio writes scripts and styles into the page.
    "Content-Security-Policy": "default-src 'self' data: blob:; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; "
    "style-src 'self' 'unsafe-inline'; object-src 'none'; frame-ancestors 'none'; form-action 'self'; base-uri 'self'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class Refused(Exception):
    """A request is refused with a status and a reason."""

    def __init__(self, status: HTTPStatus, why: str) -> None:
        super().__init__(why)
        self.status = status


class AllowListMiddleware:
    """Middleware around everything of Gradio's: refuses what is not the page's own, and says so to the browser, too."""

    def __init__(self, app: ASGIApp, limits: Limits, room: Room) -> None:
        self.app, self.limits, self.room = app, limits, room

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request, see ASGI."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        try:
            with ExitStack() as held:
                self._check(scope, held)
                await self.app(scope, receive, _with_headers(send))
        except Refused as refused:
            await PlainTextResponse(str(refused), refused.status)(scope, receive, send)

    def _check(self, scope: Scope, held: ExitStack) -> None:
        """Check a request's head; what ``held`` has entered ends with the response."""
        if scope["type"] != "http" or not is_open(scope["path"]):
            raise Refused(HTTPStatus.NOT_FOUND, "Not found")
        headers = Headers(scope=scope)
        if not is_own(scope["method"], scope["path"], headers):
            raise Refused(HTTPStatus.FORBIDDEN, "This page answers only itself, and no other one.")
        if scope["method"] in ("GET", "HEAD"):
            return
        if scope["method"] != "POST":
            raise Refused(HTTPStatus.METHOD_NOT_ALLOWED, "Not allowed")
        upload = scope["path"] == _UPLOAD
        size = _size(headers, self.limits.megabytes * 1_000_000 + _FORM if upload else _ASKED)
        if upload:
            try:
                held.enter_context(self.room.reserved(size))
            except InlayError as error:
                raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, str(error)) from error


def is_open(path: str) -> bool:
    """Whether the page needs a path of the server."""
    return _OPEN.fullmatch(path) is not None


def is_own(method: str, path: str, headers: Headers) -> bool:
    """Whether a request comes from the page itself, from somebody who opens it, or from no browser at all.

    A browser tells where a request comes from: pages of other sites, and those of other ports of this machine, are
    others. The port is the one that the browser asked, which behind ``ssh -L`` is not the server's.
    """
    origin = headers.get("origin")
    if origin is not None and origin != f"http://{headers.get('host')}":
        return False
    opened = method == "GET" and path == "/" and headers.get("sec-fetch-mode") == "navigate"
    return opened or headers.get("sec-fetch-site", "none") in ("same-origin", "none")


def guarded(app: ASGIApp, limits: Limits, room: Room) -> ASGIApp:
    """An application behind the allow-list, for requests that name this machine."""
    return TrustedHostMiddleware(AllowListMiddleware(app, limits, room), allowed_hosts=["127.0.0.1", "localhost"])


def _size(headers: Headers, most: float) -> int:
    """Size of a request's body, as its head says."""
    length = headers.get("content-length", "0")
    if "transfer-encoding" in headers or not (length.isascii() and length.isdecimal()):
        raise Refused(HTTPStatus.LENGTH_REQUIRED, "Say how much is sent.")
    if int(length) > most:
        raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"At most {most:,.0f} bytes are taken.")
    return int(length)


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name in [name for name in headers if name.startswith("access-control-")]:
                del headers[name]  # Gradio lets every port of this machine read its answers
            headers.update(_HEADERS)
        await send(message)

    return sending
