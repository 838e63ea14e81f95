import asyncio
import json
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from inlay.app.filling import open_models
from inlay.app.limits import Limits
from inlay.app.room import Room
from inlay.app.server import _launch, check_port
from inlay.errors import InlayError

WAITING = 4


@pytest.mark.stranger("A.3")
@pytest.mark.parametrize("port", [80808, 0, -1, 65536])
def test_what_is_no_port_is_a_message(port):
    with pytest.raises(InlayError, match=f"--port {port}: ports are from 1 to 65535"):
        check_port(port)


@pytest.fixture
def served(tmp_path, monkeypatch):
    pytest.importorskip("gradio", reason="the page needs gradio: pip install 'inlay[app]'")
    from inlay.app.page import Page

    end = Event()
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    monkeypatch.setattr(Page, "fill", lambda page, *_: page._fills.run(lambda: end.wait(60)))
    limits = Limits(waiting=WAITING)

    async def built():  # outside a loop, Gradio makes several and closes none
        page = Page(open_models(["mean"], "cpu"), limits, Room(tmp_path, 1e9))
        return page, _launch(page, limits, None)

    page, address = asyncio.run(built())
    yield page, address
    page.close()
    end.set()


def ask(url, body=None, **headers):
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    asked = urllib.request.Request(url, None if body is None else json.dumps(body).encode(), headers)
    try:
        answer = urllib.request.urlopen(asked, timeout=60)
    except urllib.error.HTTPError as error:
        answer = error
    with answer:
        return answer.status, answer.headers, answer.read().decode(errors="replace")


@pytest.mark.stranger("B.19")
@pytest.mark.stranger("A.12")
def test_who_waits_for_a_fill_when_the_page_ends_gets_an_error_and_other_origins_got_nothing(served):
    page, address = served
    for origin in ("http://127.0.0.1:9", address.rstrip("/")):
        status, headers, _ = ask(f"{address}config", Origin=origin)
        assert status == (200 if origin in address else 403)
        assert not [name for name in headers if name.lower().startswith("access-control")]

    number = next(fn._id for fn in page.blocks.fns.values() if fn.name == "<lambda>")
    asked = [None, "", None, "mean", "", "", 1, "", "auto", 0, 0, False]

    def visit(name):
        body = {"data": asked, "fn_index": number, "session_hash": name}
        status, _, said = ask(f"{address}gradio_api/queue/join", body, Content_Type="application/json")
        joined.append(name)
        return ask(f"{address}gradio_api/queue/data?session_hash={name}")[2] if status == 200 else said

    joined = []
    with ThreadPoolExecutor(20) as visitors:
        visits = [visitors.submit(visit, f"visit{number}") for number in range(20)]
        while len(joined) < 20:
            Event().wait(0.01)
        page.close()
        said = [visit.result(60) for visit in visits]
    assert sum("Queue is full" in each for each in said) >= 20 - WAITING - 2
    assert all("Queue is full" in each or "Start it again, and load the page anew" in each for each in said)
    assert list(page.room.folder.iterdir()) == []
