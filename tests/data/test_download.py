import hashlib
import http.server
import io
import logging
import tarfile
import threading

import pytest
from torchvision.datasets import OxfordIIITPet, utils

from inlay.data.datasets import Pets
from inlay.data.download import download_pets
from inlay.data.filesystem import Tree
from inlay.errors import InlayError


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves ``files``, and notes which it was asked for (torchvision asks twice, to see where it is sent)."""

    def do_GET(self):
        self.server.asked.add(self.path)
        body = self.server.files.get(self.path[1:])
        self.send_response(200 if body else 404)
        self.send_header("Content-Length", str(len(body or b"")))
        self.end_headers()
        self.wfile.write(body or b"")

    def log_message(self, *_):
        pass


def archive(files):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return stream.getvalue()


@pytest.fixture
def pets(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    said = {"trainval.txt": b"Abyssinian_1 1 1 1\n", "test.txt": b"pug_2 2 2 1\n"}
    said |= {"trimaps/Abyssinian_1.png": b"", "trimaps/pug_2.png": b""}
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.asked, server.url = set(), f"http://127.0.0.1:{server.server_port}/"
    server.files = {
        "images.tar.gz": archive({"images/Abyssinian_1.jpg": b"cat", "images/pug_2.jpg": b"dog"}),
        "annotations.tar.gz": archive({f"annotations/{name}": content for name, content in said.items()}),
    }
    publish(server, monkeypatch)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def publish(server, monkeypatch):
    resources = tuple((server.url + name, hashlib.md5(body).hexdigest()) for name, body in server.files.items())
    monkeypatch.setattr(OxfordIIITPet, "_RESOURCES", resources)


def test_pets(pets, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    assert download_pets(tmp_path) == tmp_path / "oxford-iiit-pet"
    rows = list(Pets()(Tree(tmp_path)))
    assert [row["id"] for row in rows] == ["Abyssinian_1", "pug_2"]
    assert (tmp_path / rows[0]["image"]).read_bytes() == b"cat"
    told = ("800 MB", f"{pets.url}images.tar.gz", f"{tmp_path}/oxford-iiit-pet", "CC BY-SA 4.0")
    assert all(said in caplog.records[0].message for said in told)
    OxfordIIITPet(tmp_path, download=True)  # torchvision, too, finds all it needs
    assert len(pets.asked) == 2
    pets.asked.clear()
    download_pets(tmp_path)
    assert not pets.asked


def test_half_unpacked(pets, tmp_path, monkeypatch):
    unpack = utils.extract_archive

    def interrupted(archive, folder, *more):
        if not str(archive).endswith("annotations.tar.gz"):
            return unpack(archive, folder, *more)
        (tmp_path / "oxford-iiit-pet/annotations").mkdir()
        for name in ("trainval.txt", "test.txt"):
            (tmp_path / "oxford-iiit-pet/annotations" / name).touch()
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(utils, "extract_archive", interrupted)
        with pytest.raises(KeyboardInterrupt):
            download_pets(tmp_path)
    pets.asked.clear()
    assert (download_pets(tmp_path) / "annotations/trainval.txt").read_bytes()
    assert not pets.asked


def test_archives_put_there_by_hand_and_half_an_archive(pets, tmp_path):
    (tmp_path / "oxford-iiit-pet").mkdir()
    for name, body in pets.files.items():
        (tmp_path / "oxford-iiit-pet" / name).write_bytes(body[:100] if name == "images.tar.gz" else body)
    download_pets(tmp_path)
    assert pets.asked == {"/images.tar.gz"}


@pytest.mark.parametrize(
    ("trouble", "said"),
    [
        ("damaged", r"corrupted.*by hand: http://127.*images\.tar\.gz"),
        ("not found", r"404.*by hand: "),
        ("no network", r"refused.*by hand: "),
        ("no room", r"File exists.*by hand: "),
        ("lacking", "files are missing after unpacking"),
    ],
)
def test_what_cannot_be_fetched(pets, tmp_path, monkeypatch, trouble, said):
    if trouble == "damaged":
        pets.files["images.tar.gz"] = pets.files["images.tar.gz"][:-1] + b"?"
    elif trouble == "not found":
        pets.files.clear()
    elif trouble == "no network":
        monkeypatch.setattr(OxfordIIITPet, "_RESOURCES", (("http://127.0.0.1:9/images.tar.gz", ""),))  # nothing listens
    elif trouble == "no room":
        (tmp_path / "oxford-iiit-pet").touch()
    else:
        pets.files["images.tar.gz"] = archive({"images/Abyssinian_1.jpg": b"cat"})
        publish(pets, monkeypatch)
    with pytest.raises(InlayError, match=rf"oxford-iiit-pet: .*{said}"):
        download_pets(tmp_path)
