import pytest

from inlay.files import append, remove_leftovers, replacing, replacing_all, write_bytes, write_text
from tests.full_disk import fill_disk


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_written_or_appended_to_and_nothing_else_is_left(tmp_path):
    for line in (b"a\n", b"b\n"):
        append(tmp_path / "log", line)
    assert (tmp_path / "log").read_bytes() == b"a\nb\n"
    write_text(tmp_path / "new/a.txt", "gr\u00fcn")
    assert [(p.name, p.read_text(encoding="utf-8")) for p in (tmp_path / "new").iterdir()] == [("a.txt", "gr\u00fcn")]


@pytest.mark.stranger("B.16", "B.19")
def test_a_full_disk_leaves_what_was_there_and_takes_no_half_line(tmp_path, monkeypatch):
    (tmp_path / "a").write_bytes(b"old")
    fill_disk(monkeypatch)
    with pytest.raises(OSError, match="No space"):
        write_bytes(tmp_path / "a", b"newer")
    assert (names(tmp_path), (tmp_path / "a").read_bytes()) == (["a"], b"old")
    with pytest.raises(OSError, match="No space"):
        append(tmp_path / "log", b"a,b,c\n")
    assert (tmp_path / "log").read_bytes() == b""


def test_an_interrupted_writer_leaves_what_was_there_and_files_that_belong_together_are_all_new_or_none(tmp_path):
    first, last = tmp_path / "a", tmp_path / "b"
    first.write_bytes(b"old")
    with pytest.raises(KeyboardInterrupt), replacing(first):
        raise KeyboardInterrupt
    assert (names(tmp_path), first.read_bytes()) == (["a"], b"old")
    first.unlink()
    with pytest.raises(KeyboardInterrupt), replacing_all(first, last):
        raise KeyboardInterrupt
    assert names(tmp_path) == []
    for content in (b"old", b"new"):
        with replacing_all(first, last) as files:
            for file in files:
                file.write(content)
        assert first.read_bytes() == last.read_bytes() == content
    assert names(tmp_path) == ["a", "b"]


@pytest.mark.stranger("A.8")
def test_a_link_is_replaced_and_not_written_through(tmp_path):
    (tmp_path / "victim").write_text("mine")
    (tmp_path / "a").symlink_to("victim")
    with pytest.raises(OSError, match="a"):
        append(tmp_path / "a", b"theirs")
    write_text(tmp_path / "a", "theirs")
    assert (tmp_path / "victim").read_text() == "mine"
    assert not (tmp_path / "a").is_symlink()


@pytest.mark.stranger("B.15")
def test_what_the_killed_left_is_swept_and_nothing_else(tmp_path):
    for name in (".inlay-01234567-0123456789abcdef.part", ".hidden", "a.part"):
        (tmp_path / name).touch()
    remove_leftovers(tmp_path)
    assert names(tmp_path) == [".hidden", "a.part"]
