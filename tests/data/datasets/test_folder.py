import json
import os
from itertools import cycle

import pytest

from inlay.data.datasets import Folder
from inlay.data.datasets.folder import none_empty, place_of, split_of
from inlay.data.filesystem import Tree, unchanged
from inlay.data.records import RejectedFile


def test_its_own_split_or_one_by_hash(plant, ask):
    splits = {"train/b.jpg": "train", "train/deep/A.PNG": "train", "val/a.webp": "val", "test/a.jpg": "test"}
    beside = dict.fromkeys(["c.jpg", "more/train/d.jpg"], "lies beside train/ and val/")
    rows, refused = ask(Folder(), dict.fromkeys([*splits, *beside, "val/notes.txt"], ""))
    assert {id: row["split"] for id, row in rows.items()} == splits
    assert all(row["image"] == id for id, row in rows.items())
    assert refused == beside
    names = [f"{number % 3}/{number}.jpg" for number in range(300)]
    rows, _ = ask(Folder(), plant(dict.fromkeys(names, ""), "unsplit"))
    assert {id: row["split"] for id, row in rows.items()} == {name: split_of(name) for name in names}


@pytest.mark.parametrize(("there", "lacking"), [("train", "val"), ("val", "train")])
def test_half_a_split_is_announced(plant, ask, caplog, there, lacking):
    ask(Folder(), {f"{there}/a.jpg": "", f"{there}/b.jpg": ""})
    (record,) = caplog.records
    assert f"{there}/ is there and {lacking}/ is not" in record.message
    rows, _ = ask(Folder(), plant(dict.fromkeys(["train", "val", "a.jpg", "b.jpg"], ""), "files"))  # are no split
    assert sorted(row["split"] for row in rows.values()) == ["train", "val"]  # a handful, and neither is empty


def test_names_that_are_no_text(ask):
    good = ["a.jpg", "Größe/雪 1.jpg"]
    odd = [os.fsdecode(name) for name in (b"caf\xe9.jpg", b"f\xff/d.jpg")]
    rows, refused = ask(Folder(), dict.fromkeys([*good, *odd], ""))
    assert sorted(rows) == sorted(good)
    assert list(refused) == [r"caf\xe9.jpg", r"f\xff/d.jpg"]
    assert all("UTF-8" in reason for reason in refused.values())
    json.dumps(list(refused), ensure_ascii=False).encode()


def test_nothing_is_decoded_or_passed_over_or_searched_too_early(plant, ask):
    root = plant({"empty.jpg": "", "folder.jpg/in.png": ""})
    (root / "lost.jpg").symlink_to("nowhere")
    assert list(ask(Folder(), root)[0]) == ["empty.jpg", "folder.jpg", "folder.jpg/in.png", "lost.jpg"]
    tree = Tree(plant({f"{number}.jpg": "" for number in range(250)} | {"z/y.jpg": ""}, "many"))
    next(iter(Folder()(tree)))
    assert "z" not in tree.consulted  # not searched before it is its turn


def test_captions_beside(plant, ask, caplog):
    texts = {"a/1.txt": "One.\n\n  Two. \n", "c.txt": b"caf\xe9 \xff\xfe!\n"}
    tree = Tree(plant(dict.fromkeys(["a/1.jpg", "b.jpg", "c.jpg"], "") | texts))
    rows, _ = ask(Folder(captions="beside"), tree)
    said = {id: row.get("captions") for id, row in rows.items()}
    assert said == {"a/1.jpg": ["One.", "Two."], "b.jpg": None, "c.jpg": ["café ÿþ!"]}
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


IDS = [f"{number}.jpg" for number in range(3000)]


def rows(ids):
    return [{"id": id, "image": id, "split": split_of(id)} for id in ids]


def ids_in(split, count):
    return [id for id in IDS if split_of(id) == split][: int(count)]


def test_a_split_is_a_function_of_the_name_alone_with_its_shares():
    """Written down once: another value would send pictures that were trained on to the test."""
    assert place_of("13.jpg") == 0xF73122A5D9FCA555 / 2**64  # echo -n 13.jpg | sha256sum
    assert [split_of(id) for id in ("a.jpg", "3.jpg", "13.jpg", "Größe/雪.jpg")] == ["train", "val", "test", "train"]
    shares = [sum(split_of(id) == split for id in IDS) / len(IDS) for split in ("train", "val", "test")]
    assert shares == pytest.approx([0.8, 0.1, 0.1], abs=0.02)


@pytest.mark.parametrize(
    "handful", ["train:2", "val:2", "test:2", "val:1 test:1", "val:1 test:5", "test:1 train:1", "train:30"]
)
def test_a_handful_has_something_to_train_on_and_to_validate_with(handful):
    ids = [id for part in handful.split() for id in ids_in(*part.split(":"))]
    after = [row["split"] for row in none_empty(rows(ids))]
    assert {"train", "val"} <= set(after)
    assert sum(new != row["split"] for new, row in zip(after, rows(ids), strict=True)) <= 2


def test_where_nothing_is_empty_nothing_changes():
    ids = ids_in("train", 5) + ids_in("val", 1)
    for some in (ids, ids_in("test", 1)):
        assert list(none_empty(rows(some))) == rows(some)
    refused = RejectedFile("x.jpg", "because")
    assert list(none_empty([refused, *rows(ids)])) == [refused, *rows(ids)]
    stream = none_empty(cycle([refused, *rows(ids_in("test", 1))]))  # many pictures stream and stay
    assert [next(stream) for _ in range(501)][1]["split"] == "test"
