import json
import logging
import os
import re

import pytest

from inlay.data.captions import Captions, captioned, read_captions, sentences
from inlay.data.filesystem import Tree
from inlay.data.records import RejectedFile
from inlay.errors import InlayError

SAID = {"a.jpg": ["1, 2", "3"], "deep/b.jpg": ["4"]}


def row(name):
    return {"id": name, "image": f"{name}.png", "split": "train"}


@pytest.fixture
def read(tmp_path):
    def read(name, content):
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_captions(Tree(tmp_path), name)

    return read


@pytest.fixture
def read_table(tmp_path):
    import pyarrow as pa
    from pyarrow import parquet

    def read_table(columns):
        parquet.write_table(pa.table(columns), tmp_path / "said.parquet", row_group_size=2)
        return read_captions(Tree(tmp_path), "said.parquet")

    return read_table


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("s.json", '{"a.jpg": ["1, 2", "3"], "deep/b.jpg": "4"}'),
        ("s.json", '[{"image": "a.jpg", "captions": ["1, 2", "3"]}, {"image": "./deep/b.jpg", "text": "4"}]'),
        ("s.jsonl", '{"file_name":"a.jpg", "text":["1, 2", "3"]}\n\n{"file_name":"deep/b.jpg", "text":"4"}'),
        ("s.csv", '\ufeffFile Size,Image,Caption\r\n1,a.jpg,"1, 2"\r\n2,a.jpg,3\r\n3,deep//b.jpg,"4\r\n"'),
        ("SAID.CSV", 'name,prompt\na.jpg,"1, 2"\na.jpg,3\ndeep/b.jpg,4\nc.jpg,\nd.jpg, \n'),
    ],
)
def test_kinds_of_files(read, name, content):
    assert read(name, content).by_name == SAID


@pytest.mark.parametrize("column", ["file", "filename", "file_name", "image", "id", "name"])
@pytest.mark.parametrize("caption", ["caption", "captions", "text", "prompt", "sentence", "description"])
def test_names_of_columns(read, column, caption):
    assert read("said.csv", f"x,{column},{caption}\n1,a,b\n").by_name == {"a": ["b"]}
    both = read("said.csv", "id,file_name,description,caption\n1,a.jpg,no,yes\n")  # in order of preference
    assert both.by_name == {"a.jpg": ["yes"]}


HUB = [{"bytes": b"\xff", "path": "a.jpg"}, {"bytes": b"\xd8", "path": "b.jpg"}]  # as the hub keeps pictures
NAMELESS = [{"bytes": b"\xff", "path": None}] * 2  # then a column of plain names is the better one


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"file": ["a.jpg", "a.jpg", "deep/b.jpg"], "text": ["1, 2", "3", "4"]}, SAID),
        ({"image": [b"\xff", b"\xd8"], "id": [7, 8], "captions": [["a", "b"], None], "x": [1, 2]}, {"7": ["a", "b"]}),
        ({"image": HUB, "text": ["x", "y"]}, {"a.jpg": ["x"], "b.jpg": ["y"]}),
        ({"image": NAMELESS, "id": ["a", "b"], "text": ["x", "y"]}, {"a": ["x"], "b": ["y"]}),
    ],
)
def test_parquet(read_table, columns, expected):
    assert read_table(columns).by_name == expected


def test_the_bytes_of_pictures_stay_unread(read_table, monkeypatch):
    from pyarrow.parquet import ParquetFile

    asked, whole = [], ParquetFile.iter_batches
    spy = lambda self, columns: asked.extend(columns) or whole(self, columns=columns)  # noqa: E731
    monkeypatch.setattr(ParquetFile, "iter_batches", spy)
    read_table({"image": [{"bytes": b"\xff", "path": "a.jpg"}], "text": ["x"], "extra": [1]})
    assert asked == ["image.path", "text"]


@pytest.mark.parametrize(
    ("said", "expected", "joined"),
    [
        (["small ears", " brown", "  long tail"], ["small ears, brown, long tail"], 1),
        (["A cat.", "A dog."], ["A cat.", "A dog."], 0),
        (["A cat.", " brown", "A dog."], ["A cat.", "brown", "A dog."], 0),
        ([" A cat.", " A dog."], ["A cat.", "A dog."], 0),
        (["one, two"], ["one, two"], 0),
        ("one, two", ["one, two"], 0),
        (["", "  ", None, "x\n y"], ["x y"], 0),
    ],
)
def test_lists_that_were_split_at_commas(read, caplog, said, expected, joined):
    caplog.set_level(logging.INFO)
    captions = read("said.json", json.dumps({"a.jpg": said}))
    assert captions.by_name == {"a.jpg": expected}
    assert ("1 lists of attributes were joined" in caplog.text) == bool(joined)


def test_how_pictures_are_found():
    for key in ("train/deep/a.b.jpg", "train/deep/a.b", "deep/a.b.jpg", "a.b.jpg", "a.b"):
        assert Captions({key: ["x"]}).of("train/deep/a.b.jpg") == ["x"]
    for key in ("a", "val/deep/a.b.jpg", "eep/a.b.jpg", "a.b.png"):
        assert Captions({key: ["x"]}).of("train/deep/a.b.jpg") == []
    captions = Captions({"a": ["1"], "a.jpg": ["2"], "train/a": ["3"], "val/a.jpg": ["4"]})
    said = [captions.of(image) for image in ("train/a.jpg", "val/a.jpg", "a.jpg", "test/a.png", "b.jpg")]
    assert said == [["3"], ["4"], ["2"], ["1"], []]  # the longest name wins


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("said.csv", "picture,caption\na,b\n", r"none of its columns \(picture, caption\) is called file,.*Rename"),
        ("said.csv", "file,label\na,b\n", r"none of its columns \(file, label\) is called caption,"),
        ("said.jsonl", '{"file": "a", "caption": "b"}\nnot\n', r"line 2: not JSON"),
        ("said.jsonl", "[1]\n", r"expected objects"),
        ("said.json", "{", r"not JSON"),
        ("said.json", "3", r"expected an object"),
        ("said.json", '{"a": 3}', r"a: expected a caption or a list of captions, got 3"),
        ("said.json", '{"a": [["b"]]}', r"a: expected"),
        ("said.json", "{}", r"no captions"),
        ("said.csv", "", r"no captions"),
        ("said.parquet", "no", r"cannot be read"),
        ("said.xlsx", "", r"unknown kind.*\.json.*\.parquet"),
    ],
)
def test_files_that_cannot_be_used(read, name, content, message):
    with pytest.raises(InlayError, match=rf"{re.escape(name)}[:,] {message}"):
        read(name, content)


def test_no_such_columns_file_and_names(read_table, read, tmp_path, caplog):
    with pytest.raises(InlayError, match=r"said\.parquet: none of its columns \(text\) is called file"):
        read_table({"image": [b"\xff"], "text": ["x"]})
    with pytest.raises(InlayError, match=r"data\.listing\.captions=no\.json: no such file, neither in data\.root="):
        read_captions(Tree(tmp_path), "no.json")
    assert read("said.csv", "file,text\n,lost\na,b\n").by_name == {"a": ["b"]}
    assert "1 rows name no picture" in caplog.text


def test_captioned(tmp_path, caplog):
    (tmp_path / "said.json").write_text('{"a": "x", "z": "y"}')
    rows = [row("a"), row("b"), RejectedFile("c.jpg", "why")]
    said = list(captioned([row("a"), *rows[1:]], Tree(tmp_path), "said.json"))
    assert said == [rows[0] | {"captions": ["x"]}, *rows[1:]]
    assert "captions=said.json: 1 of 2 pictures have no caption." in caplog.text
    assert "captions=said.json: 1 names are no picture's, 'z' for instance." in caplog.text
    assert list(captioned(rows, Tree(tmp_path), None)) == rows


def plant(path, what):
    if what == "pipe":
        os.mkfifo(path)
    elif what == "folder":
        path.mkdir()
    else:
        path.symlink_to("/dev/zero" if what == "device" else "/etc/passwd")


@pytest.mark.stranger("A.10", "A.11")
@pytest.mark.parametrize("name", ["caption.json", "caption.csv", "caption.jsonl", "caption.parquet"])
@pytest.mark.parametrize("what", ["pipe", "device", "link"])
def test_captions_that_are_no_file_of_the_dataset_are_refused(tmp_path, name, what):
    plant(tmp_path / name, what)
    with pytest.raises(InlayError, match=rf"{name}: (no regular file|leads out of)"):
        list(captioned([row("a")], Tree(tmp_path), name))


@pytest.mark.stranger("A.10", "17.A.5")
@pytest.mark.parametrize("what", ["pipe", "device", "folder", "link"])
def test_a_bad_file_beside_a_picture_fails_that_picture_alone(tmp_path, what):
    (tmp_path / "b.txt").write_text("A bird.")
    plant(tmp_path / "a.txt", what)
    refused, found = captioned([row("a"), row("b")], Tree(tmp_path), "beside")
    assert (refused.file, refused.split, found["captions"]) == ("a.png", "train", ["A bird."])
    assert re.search(r"its captions: .*a\.txt: (no regular|a folder|leads out of)", refused.reason)


@pytest.mark.stranger("A.10")
def test_captions_elsewhere_are_read_where_the_user_names_them_and_below_a_link_to_a_folder(tmp_path):
    (root := tmp_path / "root").mkdir()
    (tmp_path / "secret.json").write_text('{"a": "secret"}')
    for name in ("../secret.json", f"{tmp_path}/secret.json"):
        assert read_captions(Tree(root), name).by_name == {"a": ["secret"]}
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep/a.txt").write_text("A.")
    (root / "deep").symlink_to("../deep")
    assert next(captioned([row("deep/a")], Tree(root), "beside"))["captions"] == ["A."]


@pytest.mark.stranger("A.11")
def test_texts_and_lines_of_any_length_are_refused(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"x" * (2**20 + 1))
    (tmp_path / "a.jsonl").write_bytes(b" " * (2**20 + 1))
    (refused,) = captioned([row("a")], Tree(tmp_path), "beside")
    assert "a.txt: larger than" in refused.reason
    with pytest.raises(InlayError, match=r"a\.jsonl: a line of more than"):
        read_captions(Tree(tmp_path), "a.jsonl")


@pytest.mark.stranger("17.A.5")
class TestLetters:
    @pytest.mark.parametrize(
        "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252", "latin-1"]
    )
    def test_of_any_program_are_read(self, encoding, tmp_path, caplog):
        (tmp_path / "a.txt").write_bytes("Ein Küken, gelb.\r\nÜber dem Gras.".encode(encoding))
        (found,) = captioned([row("a")], Tree(tmp_path), "beside")
        assert found["captions"] == ["Ein Küken, gelb.", "Über dem Gras."]
        odd = "a.txt: neither UTF-8 nor UTF-16; its odd bytes were read as cp1252"
        assert (odd in caplog.text) == (encoding in ("cp1252", "latin-1"))

    @pytest.mark.parametrize(("text", "encoding"), [("Küken", "utf-16"), ("Küken", "cp1252"), ("一只小鸡", "utf-8")])
    @pytest.mark.parametrize(("name", "content"), [("a.csv", "file,text\na,{}\n"), ("a.json", '{{"a": "{}"}}')])
    def test_of_a_file_for_all_are_read_too(self, read, name, content, text, encoding):
        assert read(name, content.format(text).encode(encoding)).by_name == {"a": [text]}


@pytest.mark.stranger("17.A.5")
def test_odd_bytes_are_tidied_and_control_characters_counted(read, tmp_path, caplog):
    (tmp_path / "a.txt").write_bytes(b"a \0red\x1b[31m\x07 bird\tsings\n")
    assert next(captioned([row("a")], Tree(tmp_path), "beside"))["captions"] == ["a red[31m bird sings"]
    assert "a.txt: 3 control characters were dropped" in caplog.text
    assert read("said.json", json.dumps({"a.jpg": "a\0 bird"})).by_name == {"a.jpg": ["a bird"]}
    assert "said.json: 1 control characters were dropped" in caplog.text
    assert read("said.csv", b"file,text\na.jpg,caf\xe9 \x81bar\n").by_name == {"a.jpg": ["café bar"]}
    assert sentences("one\ufffdtwo\n\n \n three \n") == ["one two", "three"]
