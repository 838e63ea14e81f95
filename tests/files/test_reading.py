import os

import pytest

from inlay.errors import BadFile
from inlay.files import open_regular, read_bytes, read_text

KINDS = [("pipe", "no regular file"), ("/dev/zero", "no regular file"), ("/dev", "a folder"), ("no", "no such")]


@pytest.mark.stranger("A.11")
@pytest.mark.parametrize(("path", "reason"), KINDS)
def test_what_is_no_file_is_refused_at_once(path, reason, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for use in (read_bytes, open_regular):
        with pytest.raises(BadFile, match=reason):
            use(tmp_path / path)


@pytest.mark.stranger("A.11")
def test_text_comes_without_its_byte_order_mark_and_other_bytes_and_large_files_are_refused(tmp_path):
    for path in (tmp_path / "text", "/proc/self/status"):  # the second says that it is empty
        (tmp_path / "text").write_bytes(b"x" * 11)
        with pytest.raises(BadFile, match="larger than the 10 bytes"):
            read_bytes(path, 10)
    (tmp_path / "text").write_bytes("\ufeffgr\u00fcn".encode())
    assert read_text(tmp_path / "text") == "gr\u00fcn"
    (tmp_path / "text").write_bytes("gr\u00fcn".encode("latin-1"))
    with pytest.raises(BadFile, match="UTF-8"):
        read_text(tmp_path / "text")
