"""An index held against the files that it names."""

import numpy as np
import pytest

from inlay.data.check import check, root_of
from inlay.data.datasets import Folder
from inlay.data.prepare import prepare
from inlay.errors import InlayError


@pytest.fixture
def index(save, tmp_path):
    for name in ("train/a.jpg", "train/b.png", "val/c.jpg"):
        save(f"root/{name}")
    prepare(Folder(), tmp_path / "root", tmp_path / "index.jsonl", 0)
    return tmp_path / "index.jsonl"


def checked(index, root=None, workers=0):
    sound, wrong = check(index, root or root_of(index), workers)
    return sound, dict(wrong)


@pytest.mark.parametrize("workers", [0, 2])
def test_what_is_as_it_was_is_sound_and_a_line_that_is_no_row_is_named(index, workers):
    assert checked(index, workers=workers) == (3, {})
    index.write_text(index.read_text() + "oops\n")
    with pytest.raises(InlayError, match=r"index\.jsonl, line 4: not JSON"):
        checked(index, workers=workers)


@pytest.mark.parametrize("same", ["size", "pixels"])
def test_what_has_changed_is_told(index, save, tmp_path, same):
    if same == "size":
        save("root/train/a.jpg", np.zeros((40, 50, 3), np.uint8))
    else:
        (tmp_path / "root/train/a.jpg").write_bytes((tmp_path / "root/train/a.jpg").read_bytes() + b"more")
    save("root/train/b.png", (41, 50))
    path = tmp_path / "root/val/c.jpg"
    path.write_bytes(path.read_bytes()[:-100])
    sound, wrong = checked(index)
    assert (sound, sorted(wrong)) == (0, ["train/a.jpg", "train/b.png", "val/c.jpg"])
    assert wrong["train/a.jpg"].startswith("sha256 was ")
    assert wrong["train/b.png"] == "size was [50, 40], is [50, 41]"
    assert "truncated" in wrong["val/c.jpg"]


def test_an_index_may_know_neither_size_nor_checksum_and_objects_are_read_too(save, write_index, tmp_path):
    save("a.png")
    (tmp_path / "b.png").write_text("broken")
    rows = [{"id": name, "image": f"{name}.png", "split": "train"} for name in "ab"]
    index = write_index([rows[0] | {"mask": "o.png", "mask_is": "white"}, rows[1]])
    assert sorted(checked(index, tmp_path)[1]) == ["b.png", "o.png"]
    save("o.png", np.zeros((40, 50), np.uint8))
    sound, wrong = checked(index, tmp_path)
    assert (sound, list(wrong)) == (1, ["b.png"])


@pytest.mark.parametrize("about", [None, "{}", "oops"])
def test_where_the_pictures_lie_may_have_to_be_said(index, tmp_path, about):
    path = tmp_path / "index.about.json"
    path.unlink() if about is None else path.write_text(about)
    with pytest.raises(InlayError, match=r"not noted in .*index\.about\.json\. Give --root"):
        root_of(index)


@pytest.mark.stranger("A.10")
def test_a_file_outside_the_root_is_not_read(save, write_index, tmp_path):
    save("private.png")
    save("root/a.png")
    index = write_index([{"id": name, "image": name, "split": "train"} for name in ("a.png", "../private.png")])
    sound, wrong = checked(index, tmp_path / "root")
    assert sound == 1
    assert "lies outside data.root" in wrong["../private.png"]
