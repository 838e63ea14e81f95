import os
import tracemalloc

import pytest

from inlay.data.datasets import FList
from inlay.data.filesystem import Tree
from inlay.errors import InlayError


def test_lists_with_masks_and_captions(ask, caplog):
    files = [f"images/{name}.jpg" for name in "abcd"] + [f"masks/{name}.png" for name in "abc"]
    lists = {
        "train.flist": "images/a.jpg\n\n./images/b.jpg\n",
        "train_mask.flist": "masks/a.png\nmasks/b.png\n",
        "valid.flist": "images/c.jpg\n",
        "test_shuffled.flist": "images/gone.jpg\n",
        "caption.json": '{"a.jpg": ["one", "two"], "c.jpg": "three", "b.jpg": [""]}',
    }
    rows, refused = ask(FList(), lists | dict.fromkeys(files, ""))
    known = {row["image"]: [row.get(key) for key in ("split", "mask", "mask_is", "captions")] for row in rows.values()}
    assert known == {
        "images/a.jpg": ["train", "masks/a.png", "nonzero", ["one", "two"]],
        "images/b.jpg": ["train", "masks/b.png", "nonzero", None],
        "images/c.jpg": ["val", None, None, ["three"]],
        "images/gone.jpg": ["test", None, None, None],
    }
    assert list(rows) == list(known)
    assert refused == dict.fromkeys(["images/d.jpg", "masks/c.png"], "named by none of the lists")
    assert "2 of 4 pictures have no caption" in caplog.text


def test_a_name_in_two_lists_is_refused_once_and_a_list_of_no_split(ask):
    lists = {"train.flist": "a.jpg\n./a.jpg\n", "val.flist": "b.jpg\na.jpg\n", "all.flist": "c.jpg\n"}
    rows, refused = ask(FList(), lists | {"a.jpg": ""})
    assert {id: row["split"] for id, row in rows.items()} == {"a.jpg": "train", "b.jpg": "val"}
    assert "begins with one of train, val, test" in refused.pop("all.flist")
    assert refused == {"a.jpg": "named twice, at last by val.flist"}


@pytest.mark.stranger("17.A.6")
@pytest.mark.parametrize("line", ["/b/a.jpg", "../a.jpg", "x/../../a.jpg", r"D:\b\a.jpg", "D:/b/a.jpg", r"\\b\c\a.jpg"])
def test_paths_outside_are_told_with_the_way_to_map_them(ask, line):
    with pytest.raises(InlayError, match=r"train\.flist, line 2: .*outside data\.root.*data\.listing\.root_was=FOLDER"):
        ask(FList(), {"train.flist": f"a.jpg\n{line}\n"})


def test_a_list_that_names_folders(plant, ask):
    files = ["images/x/1.jpg", "images/2.jpg", "masks/x/1.png", "masks/2.png"]
    root = plant({"train.flist": "images\n", "train_mask.flist": "masks/\n", **dict.fromkeys(files, "")})
    rows, refused = ask(FList(), root)
    masks = {id: row["mask"] for id, row in rows.items()}
    assert masks == {"images/2.jpg": "masks/2.png", "images/x/1.jpg": "masks/x/1.png"}
    assert not refused


def test_names_that_are_no_text(ask):
    odd = [os.fsdecode(name) for name in (b"images/1\xff.jpg", b"masks/2\xff.png")]
    files = dict.fromkeys(["images/2.jpg", "masks/1.png", *odd], "")
    rows, refused = ask(FList(), {"train.flist": "images\n", "train_mask.flist": "masks\n", **files})
    assert not rows
    assert list(refused) == ["images/2.jpg", r"images/1\xff.jpg", r"masks/2\xff.png"]
    assert "its mask" in refused["images/2.jpg"]


@pytest.mark.stranger("A.10", "A.11")
@pytest.mark.parametrize("name", ["train.flist", "train_mask.flist", "caption.json"])
@pytest.mark.parametrize("what", ["pipe", "link"])
def test_lists_that_are_pipes_or_lie_elsewhere(plant, tmp_path, name, what):
    root = plant({"train.flist": "a.jpg\n", "train_mask.flist": "m.png\n"})
    (root / name).unlink(missing_ok=True)
    os.mkfifo(root / name) if what == "pipe" else (root / name).symlink_to("/etc/passwd")
    with pytest.raises(InlayError, match=rf"{name}: (no regular file|leads out of)"):
        list(FList()(Tree(root)))


@pytest.mark.stranger("A.11")
def test_long_lists_take_few_bytes_a_line(plant):
    lines = 20_000
    root = plant({"train.flist": "".join(f"places/{number:030d}.jpg\n" for number in range(lines))})
    tracemalloc.start()
    assert sum(1 for _ in FList()(Tree(root))) == lines
    assert tracemalloc.get_traced_memory()[1] < 40 * lines + 2**19  # so ten millions stay under 1 GB
    tracemalloc.stop()


WINDOWS = b"\xef\xbb\xbf\"D:\\P\\images\\a.jpg\" \r\nd:/p/images/b.JPG\t\r\n'images\\c.jpg'\r\nimages/d.png  \r\n"


@pytest.mark.stranger("17.A.6")
@pytest.mark.parametrize("content", [WINDOWS, WINDOWS.decode("utf-8-sig").encode("utf-16")])
@pytest.mark.parametrize("root_was", ["D:/P", "D:\\P\\"])
def test_lists_of_another_system(ask, caplog, root_was, content):
    names = ["images/a.JPG", "images/b.jpg", "images/c.jpg", "images/d.PNG"]
    rows, refused = ask(FList(root_was=root_was), {"train.flist": content, **dict.fromkeys(names, "")})
    assert list(rows) == names
    assert not refused
    assert "files have other capital letters than in the lists, images/a.JPG for instance" in caplog.text


@pytest.mark.stranger("17.A.6")
def test_absolute_paths_and_masks_of_this_and_another_machine(plant, ask, tmp_path):
    root = plant(dict.fromkeys(["images/a.jpg", "images/b.jpg", "images/c.jpg"], ""), "this")
    (tmp_path / "link").symlink_to(root)
    (root / "train.flist").write_text(f"{root}/images/a.jpg\n{tmp_path}/link/images/b.jpg\n/images/c.jpg\n")
    rows, refused = ask(FList(), tmp_path / "link")
    assert (list(rows), refused) == (["images/a.jpg", "images/b.jpg", "images/c.jpg"], {})
    root = plant({"train.flist": "/home/bob/photos/a.jpg\nb.jpg\n", "a.jpg": "", "b.jpg": ""})
    assert list(ask(FList(root_was="/home/bob/photos/"), root)[0]) == ["a.jpg", "b.jpg"]
    lists = {"train.flist": "a.jpg\n", "train_mask.flist": "'masks\\A.png'\n"}
    rows, refused = ask(FList(), plant({**lists, "a.jpg": "", "masks/a.png": ""}, "another"))
    assert (rows["a.jpg"]["mask"], refused) == ("masks/a.png", {})


@pytest.mark.stranger("17.A.6")
def test_capital_letters_choose_where_files_differ_in_nothing_else(ask):
    files = dict.fromkeys(["a.jpg", "a.JPG", "a\\b.jpg"], "")  # a backslash may be a part of a name
    rows, refused = ask(FList(), {"train.flist": "a.jpg\nB.jpg\na\\b.jpg\n", **files})
    assert list(rows) == ["a.jpg", "B.jpg", "a\\b.jpg"]
    assert list(refused) == ["a.JPG"]
