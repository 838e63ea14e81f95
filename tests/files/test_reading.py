import os

import pytest

from inlay.errors import BadFile, InlayError
from inlay.files import inside, open_regular, read_bytes, read_text

KINDS = [("pipe", "no regular file"), ("/dev/zero", "no regular file"), ("/dev", "a folder"), ("no", "no such")]


@pytest.mark.stranger("A.11")
@pytest.mark.parametrize(("path", "reason"), KINDS)
def test_what_is_no_file_is_refused_at_once(path, reason, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for use in (read_bytes, open_regular):
        with pytest.raises(BadFile, match=reason):
            use(tmp_path / path)


@pytest.mark.stranger("A.11")
def test_a_large_file_is_refused_also_one_that_says_it_is_empty(tmp_path):
    (tmp_path / "list").write_bytes(b"x" * 11)
    for path in (tmp_path / "list", "/proc/self/status"):
        with pytest.raises(BadFile, match="larger than the 10 bytes"):
            read_bytes(path, 10)


def test_text_comes_without_its_byte_order_mark_and_other_bytes_are_refused(tmp_path):
    (tmp_path / "text").write_bytes("\ufeffgr\u00fcn".encode())
    assert read_text(tmp_path / "text") == "gr\u00fcn"
    (tmp_path / "text").write_bytes("gr\u00fcn".encode("latin-1"))
    with pytest.raises(BadFile, match="UTF-8"):
        read_text(tmp_path / "text")


@pytest.mark.stranger("A.10")
@pytest.mark.parametrize("name", ["../secret", "a/../../secret", "/etc/passwd", "link", "dangling"])
def test_names_that_lead_out_of_the_folder_are_refused(name, tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    (tmp_path / "secret").write_text("")
    (root / "link").symlink_to(tmp_path / "secret")
    (root / "dangling").symlink_to(tmp_path / "nothing")
    with pytest.raises(InlayError, match="leads out of"):
        inside(root, name)


def test_names_that_stay_are_found(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "root").symlink_to("real")
    for name in ("a/../b.png", tmp_path / "root/b.png"):
        assert inside(tmp_path / "root", name) == (tmp_path / "real/b.png").resolve()
