import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from inlay.app.limits import Limits
from inlay.app.room import Room
from inlay.app.security import guarded, is_open

OPEN = (
    "/ /config /theme.css /assets/index.js /gradio_api/queue/join /gradio_api/upload /gradio_api/heartbeat/abc123 "
    "/gradio_api/file=/tmp/x/picture.png"
)
CLOSED = (
    "/docs /openapi.json /monitoring /login /gradio_api/info /gradio_api/openapi.json /gradio_api/call/fill "
    "/gradio_api/run/fill /gradio_api/component_server /gradio_api/deep_link /gradio_api/mcp/ /gradio_api/runs "
    "/gradio_api/vibe-edit /gradio_api/proxy=http://example.org/ /gradio_api/file=http://example.org/ "
    "/gradio_api/file=HTTPS://example.org/x.png /gradio_api/file=file:///etc/passwd"
)


def test_what_the_page_needs_is_open_and_everything_else_is_closed():
    assert [path for path in OPEN.split() if not is_open(path)] == []
    assert [path for path in CLOSED.split() if is_open(path)] == []


@pytest.fixture
def room(tmp_path):
    return Room(tmp_path, 2_000_000)


@pytest.fixture
def client(room):
    """Behind the doors, what is given is written, as Gradio does, and every page may read the answers."""

    async def inside(request):
        (room.folder / request.headers.get("name", "any")).write_bytes(await request.body())
        return PlainTextResponse("inside", headers={"Access-Control-Allow-Origin": request.headers.get("origin", "*")})

    paths = ("/", "/docs", "/config", "/gradio_api/queue/join", "/gradio_api/upload")
    app = Starlette(routes=[Route(path, inside, methods=["GET", "POST", "PUT"]) for path in paths])
    return TestClient(guarded(app, Limits(megabytes=1, kept_megabytes=2), room), base_url="http://127.0.0.1:7860")


@pytest.mark.stranger("A.3")
def test_the_browser_is_told_to_stay_on_this_host_whose_name_nobody_else_can_take(client):
    for host, status in (("attacker.example:7860", 400), ("localhost:7860", 200)):
        assert client.get("/", headers={"host": host}).status_code == status
    headers = client.get("/").headers
    assert "default-src 'self' data: blob:" in headers["content-security-policy"]
    assert not any(wide in headers["content-security-policy"] for wide in ("http", "*"))
    assert headers["referrer-policy"] == "no-referrer"


ORIGINS = "https://attacker.example http://127.0.0.1:9999 http://localhost:7860 https://127.0.0.1:7860 null"
FOREIGN = [
    *({"origin": origin} for origin in ORIGINS.split()),
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site"},
    {"origin": "http://127.0.0.1:7860", "sec-fetch-site": "cross-site"},
]


@pytest.mark.stranger("17.B.3")
@pytest.mark.stranger("A.3")
@pytest.mark.stranger("A.12")
@pytest.mark.parametrize("headers", FOREIGN, ids=str)
def test_a_page_of_another_origin_changes_nothing_and_reads_nothing(client, room, headers):
    answers = [client.post(f"/gradio_api/{path}", content=b"x", headers=headers) for path in ("upload", "queue/join")]
    answers.append(client.get("/config", headers=headers))
    answers.append(client.options("/gradio_api/upload", headers=headers | {"access-control-request-method": "POST"}))
    assert [answer.status_code for answer in answers] == [403] * 4
    assert not any(name.startswith("access-control") for answer in answers for name in answer.headers)
    assert list(room.folder.iterdir()) == []


@pytest.mark.stranger("A.12")
@pytest.mark.parametrize("host", ["127.0.0.1:7860", "localhost:7861"])
def test_the_page_itself_is_answered_at_whatever_port_it_was_asked(client, host):
    own = {"host": host, "origin": f"http://{host}", "sec-fetch-site": "same-origin"}
    answer = client.post("/gradio_api/queue/join", content=b"{}", headers=own)
    assert answer.text == "inside"
    assert "access-control-allow-origin" not in answer.headers


def test_a_link_of_another_site_opens_the_page_and_only_what_the_page_does_is_done(client):
    link = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
    assert (client.get("/", headers=link).text, client.post("/", headers=link).status_code) == ("inside", 403)
    assert (client.get("/").text, client.get("/docs").status_code) == ("inside", 404)
    assert client.put("/config", content=b"").status_code == 405


@pytest.mark.stranger("A.3")
def test_five_large_files_in_a_row_leave_the_last_ones_within_the_limit(client, room):
    for number in range(5):
        client.post("/gradio_api/upload", content=bytes(900_000), headers={"name": str(number)}).raise_for_status()
    assert sorted(path.name for path in room.folder.iterdir()) == ["3", "4"]


@pytest.mark.stranger("A.3")
@pytest.mark.parametrize(
    ("path", "content", "status"),
    [("upload", bytes(1_200_000), 413), ("queue/join", bytes(20_000_001), 413), ("upload", iter([b"of unknown"]), 411)],
)
def test_a_body_has_a_size_that_is_said_before(client, room, path, content, status):
    assert client.post(f"/gradio_api/{path}", content=content).status_code == status
    assert list(room.folder.iterdir()) == []
