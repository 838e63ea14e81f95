import errno
import hashlib
import http.server
import io
import logging
import tarfile
import threading

import pytest
from torchvision.datasets import OxfordIIITPet, utils

from inlay.data import download
from inlay.data.datasets import Pets
from inlay.data.download import download_pets, fetch
from inlay.data.filesystem import Tree
from inlay.errors import InlayError

BODY = bytes(range(256)) * 1000
MD5 = hashlib.md5(BODY).hexdigest()


class Server(http.server.ThreadingHTTPServer):
    """Serves ``files``, also in part; ends each connection after as many bytes as ``cuts`` says; notes requests."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files, self.cuts, self.asked, self.ranges = {}, [], [], True

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        wanted = self.headers.get("Range")
        self.server.asked.append((self.path, wanted))
        body = self.server.files.get(self.path[1:])
        if body is None:
            self.send_error(404)
            return
        start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted and self.server.ranges else 0
        if start >= len(body):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body) - start))
        self.end_headers()
        cut = self.server.cuts.pop(0) if self.server.cuts else len(body)
        self.wfile.write(body[start : start + cut])

    def log_message(self, *_):
        pass


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    server = Server()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def archive(files):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return stream.getvalue()


@pytest.fixture
def pets(server, monkeypatch):
    """Two small archives in the place of the real ones."""
    said = {"trainval.txt": b"Abyssinian_1 1 1 1\n", "test.txt": b"pug_2 2 2 1\n"}
    said |= {"trimaps/Abyssinian_1.png": b"", "trimaps/pug_2.png": b""}
    server.files = {
        "images.tar.gz": archive({"images/Abyssinian_1.jpg": b"cat", "images/pug_2.jpg": b"dog"}),
        "annotations.tar.gz": archive({f"annotations/{name}": content for name, content in said.items()}),
    }
    publish(server, monkeypatch)
    return server


def publish(server, monkeypatch):
    resources = tuple((server.url + name, hashlib.md5(body).hexdigest()) for name, body in server.files.items())
    monkeypatch.setattr(OxfordIIITPet, "_RESOURCES", resources)


@pytest.fixture
def get(server, tmp_path):
    """Fetches ``BODY``, which the server has, and checks it."""
    server.files["a.bin"] = BODY

    def get():
        assert fetch(server.url + "a.bin", tmp_path / "a.bin", MD5) == tmp_path / "a.bin"
        assert (tmp_path / "a.bin").read_bytes() == BODY
        assert [file.name for file in tmp_path.iterdir()] == ["a.bin"]
        return [wanted for _, wanted in server.asked]

    return get


def test_what_is_there_and_intact_is_not_asked_for_again(get):
    assert get() == [None] == get()


def test_a_connection_that_is_cut(get, server, caplog):
    server.cuts = [100_000, 50_000]
    assert get() == [None, "bytes=100000-", "bytes=150000-"]
    assert "cut after 100,000 bytes" in caplog.text


@pytest.mark.parametrize("have", [1000, len(BODY)])
def test_an_interruption(get, tmp_path, have):
    (tmp_path / "a.bin.part").write_bytes(BODY[:have])
    assert get() == [f"bytes={have}-"]


@pytest.mark.parametrize("file", ["a.bin.part", "a.bin"])
def test_a_server_that_knows_no_ranges_and_a_damaged_file(get, server, tmp_path, caplog, file):
    server.ranges = False
    (tmp_path / file).write_bytes(b"x" * 1000)
    get()
    assert ("is damaged: removed" in caplog.text) == (file == "a.bin")


def test_what_comes_damaged_is_removed(server, tmp_path):
    server.files["a.bin"] = BODY[:-1] + b"?"
    with pytest.raises(InlayError, match=r"http://127.*damaged.*removed.*put it at .*a\.bin"):
        fetch(server.url + "a.bin", tmp_path / "a.bin", MD5)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("port", "message"), [(None, "the server answers 404"), ("9", "cannot be reached")])
def test_no_such_file_and_no_network(server, tmp_path, port, message):
    url = server.url.replace(str(server.server_port), port or str(server.server_port))  # nothing listens at 9
    with pytest.raises(InlayError, match=rf"http://127.*{message}.*put it at .*a\.bin"):
        fetch(url + "a.bin", tmp_path / "a.bin", MD5)


def test_a_server_that_sends_nothing(server, tmp_path):
    server.files["a.bin"], server.cuts = BODY, [1000, 0]
    with pytest.raises(InlayError, match="the server sends nothing"):
        fetch(server.url + "a.bin", tmp_path / "a.bin", MD5)
    assert (tmp_path / "a.bin.part").read_bytes() == BODY[:1000]


def test_pets(pets, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    pets.cuts = [150]
    assert download_pets(tmp_path) == tmp_path / "oxford-iiit-pet"
    rows = list(Pets()(Tree(tmp_path)))
    assert [row["id"] for row in rows] == ["Abyssinian_1", "pug_2"]
    assert (tmp_path / rows[0]["image"]).read_bytes() == b"cat"
    told = ("800 MB", f"{pets.url}images.tar.gz", f"{tmp_path}/oxford-iiit-pet", "CC BY-SA 4.0")
    assert all(said in caplog.records[0].message for said in told)
    OxfordIIITPet(tmp_path, download=True)  # torchvision, too, finds all it needs
    asked = len(pets.asked)
    download_pets(tmp_path)
    assert len(pets.asked) == asked


def test_pets_half_unpacked(pets, tmp_path, monkeypatch):
    unpack = utils.extract_archive

    def interrupted(archive, folder):
        if archive.name != "annotations.tar.gz":
            return unpack(archive, folder)
        (folder / "annotations").mkdir()
        for name in ("trainval.txt", "test.txt"):
            (folder / "annotations" / name).touch()
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(utils, "extract_archive", interrupted)
        with pytest.raises(KeyboardInterrupt):
            download_pets(tmp_path)
    assert (download_pets(tmp_path) / "annotations/trainval.txt").read_bytes()
    assert len(pets.asked) == 2


def test_pets_put_there_by_hand(pets, tmp_path):
    (tmp_path / "oxford-iiit-pet").mkdir()
    for name, body in pets.files.items():
        (tmp_path / "oxford-iiit-pet" / name).write_bytes(body)
    download_pets(tmp_path)
    assert not pets.asked


def test_archives_that_lack_files(pets, tmp_path, monkeypatch):
    pets.files["images.tar.gz"] = archive({"images/Abyssinian_1.jpg": b"cat"})
    publish(pets, monkeypatch)
    with pytest.raises(InlayError, match="files are missing after unpacking"):
        download_pets(tmp_path)


def test_a_disk_that_refuses(pets, tmp_path, monkeypatch):
    (tmp_path / "oxford-iiit-pet").touch()
    with pytest.raises(InlayError, match=r"oxford-iiit-pet: the disk refuses.*by hand: http://127"):
        download_pets(tmp_path)

    class Full(io.BytesIO):
        def write(self, _):
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(download.Path, "open", lambda *_, **__: Full())
    with pytest.raises(InlayError, match=r"No space left on device.*by hand"):
        download_pets(tmp_path / "another")


def test_an_interruption_after_the_last_byte(server, tmp_path):
    server.files["a.bin"] = BODY
    (tmp_path / "a.bin.part").write_bytes(BODY)
    fetch(server.url + "a.bin", tmp_path / "a.bin", MD5)
    assert (tmp_path / "a.bin").read_bytes() == BODY
