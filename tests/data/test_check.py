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


@pytest.mark.stranger("A.10")
def test_objects_are_read_too_and_nothing_outside_the_root(save, write_index, tmp_path):
    for name in ("private.png", "root/a.png"):
        save(name)
    (tmp_path / "root/b.png").write_text("broken")
    rows = [{"id": name, "image": f"{name}.png", "split": "train"} for name in ("a", "b", "../private")]
    index = write_index([rows[0] | {"mask": "o.png", "mask_is": "white"}, *rows[1:]])
    sound, wrong = checked(index, tmp_path / "root")
    assert (sound, sorted(wrong)) == (0, ["../private.png", "b.png", "o.png"])
    assert "lies outside data.root" in wrong["../private.png"]
    save("root/o.png", np.zeros((40, 50), np.uint8))
    assert checked(index, tmp_path / "root")[0] == 1


@pytest.mark.parametrize("about", [None, "{}", "oops"])
def test_where_the_pictures_lie_may_have_to_be_said(index, tmp_path, about):
    path = tmp_path / "index.about.json"
    path.unlink() if about is None else path.write_text(about)
    with pytest.raises(InlayError, match=r"not noted in .*index\.about\.json\. Give --root"):
        root_of(index)
