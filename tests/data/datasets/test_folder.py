import json
import os
from collections import Counter

import pytest

from inlay.data.datasets import Folder
from inlay.data.filesystem import Tree, unchanged
from inlay.data.splits import split_of
from inlay.errors import InlayError


def test_its_own_split(plant, ask):
    splits = {"train/b.jpg": "train", "train/deep/A.PNG": "train", "val/a.webp": "val", "test/a.jpg": "test"}
    beside = dict.fromkeys(["c.jpg", "more/train/d.jpg"], "lies beside train/ and val/")
    rows, refused = ask(Folder(), plant(dict.fromkeys([*splits, *beside, "val/notes.txt"], "")))
    assert {id: row["split"] for id, row in rows.items()} == splits
    assert all(row["image"] == id for id, row in rows.items())
    assert refused == beside


def test_split_by_hash(plant, ask):
    names = [f"{number % 3}/{number}.jpg" for number in range(300)]
    rows, _ = ask(Folder(), plant(dict.fromkeys(names, "")))
    assert {id: row["split"] for id, row in rows.items()} == {name: split_of(name) for name in names}


@pytest.mark.parametrize(("there", "lacking"), [("train", "val"), ("val", "train")])
def test_half_a_split_is_announced(plant, ask, caplog, there, lacking):
    ask(Folder(), plant({f"{there}/a.jpg": "", f"{there}/b.jpg": ""}))
    (record,) = caplog.records
    assert f"{there}/ is there and {lacking}/ is not" in record.message
    rows, _ = ask(Folder(), plant(dict.fromkeys(["train", "val", "a.jpg", "b.jpg"], ""), "files"))  # are no split
    assert sorted(row["split"] for row in rows.values()) == ["train", "val"]  # a handful, and neither is empty


def test_names_that_are_no_text(plant, ask):
    good = ["a.jpg", "Größe/雪 1.jpg"]
    odd = [os.fsdecode(name) for name in (b"caf\xe9.jpg", b"f\xff/d.jpg")]
    rows, refused = ask(Folder(), plant(dict.fromkeys([*good, *odd], "")))
    assert sorted(rows) == sorted(good)
    assert list(refused) == [r"caf\xe9.jpg", r"f\xff/d.jpg"]
    assert all("UTF-8" in reason for reason in refused.values())
    json.dumps(list(refused), ensure_ascii=False).encode()


def test_nothing_is_decoded_and_nothing_passed_over(plant, ask):
    root = plant({"empty.jpg": "", "folder.jpg/in.png": ""})
    (root / "lost.jpg").symlink_to("nowhere")
    assert list(ask(Folder(), root)[0]) == ["empty.jpg", "folder.jpg", "folder.jpg/in.png", "lost.jpg"]


def test_streams(plant):
    tree = Tree(plant({f"{number}.jpg": "" for number in range(250)} | {"z/y.jpg": ""}))
    next(iter(Folder()(tree)))
    assert "z" not in tree.consulted  # not searched before it is its turn


def test_captions_beside(plant, ask, caplog):
    texts = {"a/1.txt": "One.\n\n  Two. \n", "c.txt": b"caf\xe9 \xff\xfe!\n"}
    tree = Tree(plant(dict.fromkeys(["a/1.jpg", "b.jpg", "c.jpg"], "") | texts))
    rows, _ = ask(Folder(captions="beside"), tree)
    assert {id: row.get("captions") for id, row in rows.items()} == {
        "a/1.jpg": ["One.", "Two."],
        "b.jpg": None,
        "c.jpg": ["café ÿþ!"],
    }
    assert "1 of 3 pictures have no caption" in caplog.text
    (tree.root / "b.txt").write_text("Three.")
    assert not unchanged(tree.root, tree.consulted)


def test_captions_from_a_file(plant, ask, tmp_path, monkeypatch):
    said = {"said.json": '{"train/a.jpg": "T", "a": "V", "b": "B"}'}
    root = plant(dict.fromkeys(["train/a.jpg", "val/a.jpg", "val/b.jpg"], "") | said)
    rows, _ = ask(Folder(captions="said.json"), root)
    assert [row["captions"] for row in rows.values()] == [["T"], ["V"], ["B"]]
    (tmp_path / "here.json").write_text('{"b": "from the working folder"}')
    monkeypatch.chdir(tmp_path)
    tree = Tree(root)
    rows, _ = ask(Folder(captions="here.json"), tree)
    assert rows["val/b.jpg"]["captions"] == ["from the working folder"]
    (tmp_path / "here.json").write_text('{"b": "anew"}')
    os.utime(tmp_path / "here.json", ns=(1, 1))
    assert not unchanged(root, tree.consulted)


def test_an_empty_folder(plant):
    with pytest.raises(InlayError, match=r"data\.root=.*no pictures.*JPEG"):
        list(Folder()(Tree(plant({"a.txt": ""}))))


def test_real_photographs(shared_data, ask):
    rows, refused = ask(Folder(), shared_data / "photos")
    assert Counter(row["split"] for row in rows.values()) == {"train": 300, "val": 60}
    assert not refused
