"""What of the server is open: the page itself, and nothing for other hosts, other pages or other programs.

Gradio's server can do more than this page needs: list its functions for programs, fetch addresses of the internet on
request, take part in other servers. What is not named here is closed.
"""

import re

from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_OPEN = re.compile(
    r"/|/(config|theme\.css|favicon\.ico|manifest\.json|robots\.txt)/?"
    r"|/(static|assets|svelte)/.*"
    r"|/gradio_api/(queue/(join|data)|upload|upload_progress|startup-events|reset|cancel|theme\.css|heartbeat/\w+)"
    r"|/gradio_api/file=(?!\w\w+:).*",  # a file of the page's own; no address of another host
    re.DOTALL,
)

_HEADERS = {
    # The browser itself refuses to fetch anything from elsewhere. Gradio writes scripts and styles into the page.
    "Content-Security-Policy": "default-src 'self' data: blob:; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; "
    "style-src 'self' 'unsafe-inline'; frame-ancestors 'none'; form-action 'self'; base-uri 'self'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class Doors:
    """Middleware that answers 404 to everything but the page, and tells the browser to stay on this host."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, see ASGI."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
        elif scope["type"] != "http" or not is_open(scope["path"]):
            await PlainTextResponse("Not found", 404)(scope, receive, send)
        else:
            await self.app(scope, receive, _with_headers(send))


def is_open(path: str) -> bool:
    """Whether the page needs an address of the server."""
    return _OPEN.fullmatch(path) is not None


def middleware() -> list[Middleware]:
    """For the server; requests that name another host are refused, so that no page of another site reads this one."""
    return [Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"]), Middleware(Doors)]


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).update(_HEADERS)
        await send(message)

    return sending
