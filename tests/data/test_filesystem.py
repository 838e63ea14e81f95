import logging
import os

import pytest

from inlay.data.filesystem import Tree, unchanged
from inlay.errors import InlayError

FILES = "b.JPG a/2.png a/1.webp a.tif notes.txt .hidden.jpg .thumbnails/1.jpg a/._1.webp"


@pytest.fixture
def root(tmp_path):
    for path in FILES.split():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).touch()
    return tmp_path


def test_pictures_in_order_and_names(root):
    tree = Tree(root)
    assert list(tree.pictures()) == ["a/1.webp", "a/2.png", "a.tif", "b.JPG"]
    assert list(tree.pictures("a")) == ["a/1.webp", "a/2.png"]
    assert tree.names("") == ["a", "a.tif", "b.JPG", "notes.txt"]
    assert tree.names("nowhere") == tree.names("notes.txt") == []
    assert (tree.has("a"), tree.has("a.tif"), tree.has("b")) == (True, True, False)
    assert (tree.has_folder("a"), tree.has_folder("a.tif"), tree.has_folder("b")) == (True, False, False)


def test_links_are_followed_and_circles_left(root, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "c.png").touch()
    (root / "linked").symlink_to(elsewhere)
    (root / "a" / "up").symlink_to(root)
    (root / "self.jpg").symlink_to(root / "self.jpg")
    (root / "lost.jpg").symlink_to(root / "nowhere")
    found = list(Tree(root).pictures())
    assert found == ["a/1.webp", "a/2.png", "a.tif", "b.JPG", "linked/c.png", "lost.jpg", "self.jpg"]


def test_folders_that_cannot_be_searched(root):
    for path in (root / "nowhere", root / "b.JPG"):
        with pytest.raises(InlayError, match=r"data\.root=.*no such folder"):
            Tree(path)
    tree = Tree(root)
    with pytest.raises(InlayError, match="nowhere: cannot be searched"):
        list(tree.pictures("nowhere"))
    with pytest.raises(InlayError, match="nowhere: no such file"):
        tree.text("nowhere")


def test_text_lines_and_table(root):
    tree = Tree(root)
    (root / "notes.txt").write_bytes(b"\xef\xbb\xbfone\r\ntwo \xff\r\n")
    assert tree.text("notes.txt") == "one\ntwo ÿ\n"
    (root / "notes.txt").write_bytes(b"# heading\r\n\r\n  1 a  b\x0c \r\n#2 c\n3 d\n")
    assert list(tree.lines("notes.txt")) == [(3, "1 a  b"), (5, "3 d")]
    assert list(tree.table("notes.txt", 2)) == [["1", "a", "b"], ["3", "d"]]
    with pytest.raises(InlayError, match=r"notes\.txt, line 5: expected 3 columns, got '3 d'"):
        list(tree.table("notes.txt", 3))


ASKED = {  # what is asked, and changes after which another answer would be given
    "pictures": (lambda tree: list(tree.pictures()), ["touch a/3.png", "unlink a/1.webp"]),
    "names": (lambda tree: tree.names("a"), ["touch a/3.png"]),
    "has": (lambda tree: tree.has("later"), ["touch later"]),
    "has_folder": (lambda tree: tree.has_folder("later"), ["mkdir later"]),
    "text": (lambda tree: tree.text("notes.txt"), ["later notes.txt", "unlink notes.txt"]),
    "open": (lambda tree: tree.open("notes.txt").close(), ["later notes.txt"]),
    "lines": (lambda tree: list(tree.lines("notes.txt")), ["later notes.txt"]),
}


@pytest.mark.parametrize(("ask", "change"), [(ask, change) for ask, changes in ASKED.values() for change in changes])
def test_it_remembers_what_it_was_asked(root, ask, change):
    os.utime(root / "a", ns=(1, 1))
    os.utime(root, ns=(1, 1))
    tree = Tree(root)
    ask(tree)
    assert unchanged(root, tree.consulted)
    how, name = change.split()
    path = root / name
    os.utime(path, ns=(1, path.stat().st_mtime_ns + 1)) if how == "later" else getattr(path, how)()
    assert not unchanged(root, tree.consulted)


def test_it_says_a_thing_once(root, caplog):
    caplog.set_level(logging.INFO)
    tree = Tree(root)
    for _ in range(2):
        tree.tell("mind this")
        tree.tell("by the way", logging.INFO)
    assert caplog.messages == [f"data.root={root}: mind this", f"data.root={root}: by the way"]
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]


@pytest.mark.stranger("17.A.4")
def test_what_looks_like_a_picture_and_is_not_read_is_found(root):
    (root / "a/raw.CR2").touch()
    os.mkfifo(root / "pipe")
    (root / "gone").symlink_to("nowhere")
    unread = {path: reason for path, reason in Tree(root).found() if reason}
    assert sorted(unread) == ["a/raw.CR2", "gone", "pipe"]
    for path, said in {"a/raw.CR2": "raw data", "gone": "leads nowhere", "pipe": "no regular file but a pipe"}.items():
        assert said in unread[path]
