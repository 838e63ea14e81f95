import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from inlay.app.doors import is_open, middleware


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/config",
        "/theme.css",
        "/assets/index.js",
        "/gradio_api/queue/join",
        "/gradio_api/upload",
        "/gradio_api/heartbeat/abc123",
        "/gradio_api/file=/tmp/x/picture.png",
    ],
)
def test_what_the_page_needs_is_open(path):
    assert is_open(path)


@pytest.mark.parametrize(
    "path",
    [
        "/docs",
        "/openapi.json",
        "/monitoring",
        "/login",
        "/gradio_api/info",
        "/gradio_api/openapi.json",
        "/gradio_api/call/fill",
        "/gradio_api/run/fill",
        "/gradio_api/component_server",
        "/gradio_api/deep_link",
        "/gradio_api/mcp/",
        "/gradio_api/runs",
        "/gradio_api/vibe-edit",
        "/gradio_api/proxy=http://example.org/",
        "/gradio_api/file=http://example.org/",
        "/gradio_api/file=HTTPS://example.org/x.png",
        "/gradio_api/file=file:///etc/passwd",
    ],
)
def test_everything_else_is_closed(path):
    assert not is_open(path)


@pytest.fixture
def client():
    app = Starlette(
        routes=[Route(path, lambda request: PlainTextResponse("inside")) for path in ("/", "/docs")],
        middleware=middleware(),
    )
    return TestClient(app, base_url="http://127.0.0.1:7860")


def test_a_closed_door_is_not_found(client):
    assert client.get("/").text == "inside"
    assert client.get("/docs").status_code == 404


def test_the_browser_is_told_to_stay_on_this_host(client):
    policy = client.get("/").headers["content-security-policy"]
    assert "default-src 'self' data: blob:" in policy
    assert "http" not in policy
    assert client.get("/").headers["referrer-policy"] == "no-referrer"


def test_a_name_that_somebody_else_points_at_this_machine_is_refused(client):
    assert client.get("/", headers={"host": "attacker.example:7860"}).status_code == 400
    assert client.get("/", headers={"host": "localhost:7860"}).status_code == 200
