"""JSON Lines in, memory-mapped rows out."""

import os
import pickle
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from inlay.cache import cache_dir
from inlay.data import index
from inlay.data.index import open_split, read_rows
from inlay.errors import InlayError
from inlay.files.atomic import _part_of

FULL = {"id": "cats/1", "image": "cats/1.jpg", "split": "train", "captions": ["One.", "Two, and more."], "label": "cat"}
FULL |= {"bbox": [1.5, 2.0, 30.25, 40.0], "mask": "cats/1.png", "mask_is": "trimap", "size": [50, 60]}
FULL |= {"sha256": "0f" * 32}
BARE = {"id": "2", "image": "2.jpg", "split": "train"}
WRONG_TYPES = {"captions": "One."}, {"size": ["a", "b"]}, {"bbox": {"x": 1}}, {"label": 7}
OTHER = {"id": "Größe/雪", "image": "Größe/雪.png", "split": "val", "captions": []}


def rows(index):
    return [index[place] for place in range(len(index))]


def arrow_files():
    return {file: file.stat().st_ino for file in cache_dir().rglob("*.arrow")}


class TestRows:
    def test_come_back_as_they_were_split_by_split_in_order(self, write_index):
        path = write_index([FULL, OTHER, BARE])
        train, val = open_split(path, "train"), open_split(path, "val")
        assert (rows(train), rows(val)) == ([FULL, BARE], [OTHER])
        assert all(train.has(column) for column in FULL)
        assert [column for column in FULL if val.has(column)] == [*BARE, "captions"]
        more = {"license": {"name": "CC0", "years": [1, 2]}, "score": 0.5}  # than is used, and null for what they lack
        path = write_index([BARE | more, FULL | {"score": "?"}, FULL | dict.fromkeys(FULL.keys() - BARE.keys())])
        assert rows(open_split(path, "train")) == [BARE, FULL, {key: FULL[key] for key in BARE}]

    def test_keep_their_order_over_many_blocks(self, write_index, monkeypatch):
        monkeypatch.setattr(index, "_BLOCK", 2000)
        many = [BARE | {"id": str(number), "split": ("train", "val", "test")[number % 3]} for number in range(600)]
        path, made = write_index(many), []
        parsed = index._batches
        monkeypatch.setattr(index, "_batches", lambda *of: (made.append(batch) or batch for batch in parsed(*of)))
        for split in ("train", "val", "test"):
            assert rows(open_split(path, split)) == [row for row in many if row["split"] == split]
        assert len(made) > 10


class TestRefusals:
    @pytest.mark.parametrize(
        "line",
        [
            *({"image": "a.jpg", "split": "train"}, {"id": "a", "image": None, "split": "train"}),
            *({"id": "a", "image": "a.jpg"}, {"id": 7, "image": "a.jpg", "split": "train"}),
            *('{"id": "a", "image": "a.jp', "[1, 2]", ""),
        ],
    )
    @pytest.mark.parametrize("block", [300, 32 << 20])
    def test_name_file_and_line(self, write_index, monkeypatch, line, block):
        monkeypatch.setattr(index, "_BLOCK", block)
        path = write_index([BARE, BARE, line, *[BARE] * 20])
        is_json = line and (isinstance(line, dict) or line == "[1, 2]")
        message = r"line 3: a row needs the texts id, image, split; got" if is_json else "line 3: not JSON"
        with pytest.raises(InlayError, match=message):
            list(read_rows(path))
        if line != "":  # Arrow passes over empty lines
            with pytest.raises(InlayError, match=rf"index\.jsonl, {message}"):
                open_split(path, "train")

    @pytest.mark.parametrize(
        ("row", "message"),
        [
            *((FULL | wrong, r"index\.jsonl: not an index .*inlay data prepare") for wrong in WRONG_TYPES),
            *((BARE | {"split": split}, "is no name for a split") for split in ("../train", "a/b", "", "tr ain")),
            (OTHER, r"no pictures in split 'test'; it has train \(1\), val \(1\)\. .*val_split"),
        ],
    )
    def test_include_values_of_another_type_and_splits_of_no_name(self, write_index, row, message):
        with pytest.raises(InlayError, match=message):
            open_split(write_index([BARE, row]), "test")

    def test_include_bytes_that_are_no_text_and_what_is_no_file(self, write_index, tmp_path):
        with pytest.raises(InlayError, match=r"it has none at all\."):
            open_split(write_index([]), "test")
        path = write_index([BARE])
        path.write_bytes(path.read_bytes().replace(b"2.jpg", b"\xff.jpg"))
        no_file = r"data\.index=.*inlay data prepare"
        said = {"index.jsonl": r"index\.jsonl", "nowhere.jsonl": no_file, ".": no_file}
        for name, message in said.items():
            for read in (lambda path: list(read_rows(path)), lambda path: open_split(path, "train")):
                with pytest.raises(InlayError, match=message):
                    read(tmp_path / name)

    @pytest.mark.stranger("A.10")
    @pytest.mark.parametrize("column", ["image", "mask"])
    @pytest.mark.parametrize("name", ["../../private", "a/../../private", "/etc/private", "link/../private"])
    @pytest.mark.parametrize("known", [True, False])
    def test_of_names_outside_the_root(self, write_index, tmp_path, column, name, known):
        (tmp_path / "root").mkdir()
        (tmp_path / "elsewhere/folder").mkdir(parents=True)
        (tmp_path / "root/link").symlink_to(tmp_path / "elsewhere/folder")
        with pytest.raises(InlayError, match=r"index\.jsonl: .*private lies outside data\.root"):
            open_split(write_index([BARE, BARE | {column: name}]), "train", tmp_path / "root" if known else None)

    @pytest.mark.stranger("A.10")
    def test_leave_out_absolute_names_below_the_root(self, write_index, tmp_path):
        (tmp_path / "link").symlink_to(tmp_path)
        row = BARE | {"image": f"{tmp_path}/2.jpg", "mask": "a/../2.png"}
        path = write_index([row])
        assert rows(open_split(path, "train", tmp_path / "link")) == rows(open_split(path, "train", tmp_path)) == [row]

    def test_leave_nothing_in_the_cache(self, write_index, tmp_path, monkeypatch):
        path = write_index([BARE, "broken"])
        with pytest.raises(InlayError):
            open_split(path, "train")
        assert [file.suffix for file in (tmp_path / "cache/arrow").iterdir()] == [".lock"]
        write_index([BARE])
        assert rows(open_split(path, "train")) == [BARE]
        (tmp_path / "file").touch()
        monkeypatch.setenv("INLAY_CACHE", str(tmp_path / "file"))
        with pytest.raises(InlayError, match=r"file/arrow/.*cannot be written .*Set INLAY_CACHE to another place"):
            open_split(path, "train")


class TestConversion:
    @pytest.mark.stranger("B.6")
    def test_happens_again_when_the_index_has_changed(self, write_index):
        path = write_index([FULL, OTHER])
        early = open_split(path, "train")
        write_index([BARE])
        assert rows(open_split(path, "train")) == [BARE]
        with pytest.raises(InlayError, match=r"it has train \(1\)\. .*split 80/10/10 .*into train/ and val/"):
            open_split(path, "val")
        assert rows(early) == [FULL]  # a run that goes on keeps what it opened
        write_index([BARE | {"id": "3"}])  # of the same length
        os.utime(path, ns=(1, path.stat().st_mtime_ns + 1))
        assert open_split(path, "train")[0]["id"] == "3"

    def test_keeps_indexes_of_the_same_name_apart(self, write_index):
        first, second = write_index([FULL], "a/index.jsonl"), write_index([BARE], "b/index.jsonl")
        assert [rows(open_split(path, "train")) for path in (first, second)] == [[FULL], [BARE]]
        before = arrow_files()
        assert rows(open_split(first, "train")) == [FULL]
        assert arrow_files() == before

    def test_takes_the_place_of_one_that_was_killed(self, write_index):
        path = write_index([FULL])
        open_split(path, "train")
        (file,) = arrow_files()
        os.utime(path, ns=(1, 1))
        half = _part_of(file.parent)
        half.mkdir()
        (half / "train.arrow").write_bytes(b"half")
        (half / "other.arrow").write_bytes(b"half")
        assert rows(open_split(path, "train")) == [FULL]
        assert [file.name for file in arrow_files()] == ["train.arrow"]
        assert not half.exists()

    @pytest.mark.stranger("B.14")
    @pytest.mark.parametrize("name", ["train.arrow", "source.json"])
    def test_is_done_anew_where_the_disk_lost_a_half(self, write_index, name):
        path = write_index([FULL] * 50)
        open_split(path, "train")
        half = next(iter(arrow_files())).with_name(name)
        half.write_bytes(half.read_bytes()[: half.stat().st_size // 2])
        assert rows(open_split(path, "train")) == [FULL] * 50

    def test_happens_once_for_many_at_once(self, write_index, monkeypatch):
        path, convert, made = write_index([BARE] * 50), index._convert, []

        def slowly(*of):
            made.append(of)
            time.sleep(0.1)
            convert(*of)

        monkeypatch.setattr(index, "_convert", slowly)
        with ThreadPoolExecutor(4) as pool:
            assert list(pool.map(lambda _: len(open_split(path, "train")), range(4))) == [50] * 4
        assert len(made) == 1

    def test_by_two_processes_at_once(self, write_index, tmp_path, two_at_once):
        for number in range(10):
            write_index([BARE] * 50, f"{number}.jsonl")

        def open_all(meet):
            for number in range(10):
                meet(60)
                assert len(open_split(tmp_path / f"{number}.jsonl", "train")) == 50

        two_at_once(open_all, (), ())


def test_pickling_keeps_the_place_alone(write_index):
    index = open_split(write_index([FULL | {"id": str(number)} for number in range(2000)]), "train")
    data = pickle.dumps(index)
    assert len(data) < 500
    assert rows(pickle.loads(data)) == rows(index)
