import re

import pytest

from inlay.data.datasets import CUB
from inlay.data.filesystem import Tree, unchanged

BIRDS = {
    "CUB_200_2011/images.txt": "2 001.Auk/Auk_2.jpg\n5 003.Jay/Jay_1.jpg\n9 003.Jay/Jay_7.jpg\n",
    "CUB_200_2011/image_class_labels.txt": "2 1\n5 3\n9 3\n",
    "CUB_200_2011/classes.txt": "1 001.Auk\n3 003.Jay\n",
    "CUB_200_2011/train_test_split.txt": "2 1\n5 0\n9 1\n",
    "CUB_200_2011/bounding_boxes.txt": "2 60.0 27.1 325.0 304.2\n5 1.0 2.0 3.0 4.0\n",
    "CUB_200_2011/images/001.Auk/Auk_2.jpg": "",
    "CUB_200_2011/images/003.Jay/Jay_1.jpg": "",
}
LISTS = {"trainvalclasses.txt": "001.Auk\n", "testclasses.txt": "003.Jay\n"}


def test_official_layout(ask):
    rows, refused = ask(CUB(), BIRDS)
    assert not refused
    assert [(name, row["split"], row.get("bbox")) for name, row in rows.items()] == [
        ("001.Auk/Auk_2.jpg", "train", [60.0, 27.1, 385.0, 331.3]),
        ("003.Jay/Jay_1.jpg", "test", [1.0, 2.0, 4.0, 6.0]),
        ("003.Jay/Jay_7.jpg", "train", None),  # listed and not there: whoever decodes says so
    ]
    for name, row in rows.items():
        assert row["image"] == f"CUB_200_2011/images/{name}"
        assert row["label"] == name.partition("/")[0]
        assert row.keys() <= {"id", "image", "split", "label", "bbox"}


@pytest.mark.stranger("17.C.6")
@pytest.mark.parametrize("place", ["text", "text_c10", "cvpr2016_cub/text_c10", "CUB_200_2011/text"])
def test_the_inner_folder_finds_captions_and_class_lists_in_and_beside_it(plant, ask, place, caplog):
    text = {f"{place}/001.Auk/Auk_2.txt": "An auk.", **{f"{place}/{name}": lines for name, lines in LISTS.items()}}
    tree = Tree(plant(BIRDS | text) / "CUB_200_2011")
    rows, _ = ask(CUB(classes="zero_shot"), tree)
    assert rows["001.Auk/Auk_2.jpg"]["image"] == "images/001.Auk/Auk_2.jpg"
    assert [row.get("captions") for row in rows.values()] == [["An auk."], None, None]
    assert [row["split"] for row in rows.values()] == ["train", "test", "test"]
    assert f"{place.removeprefix('CUB_200_2011/')}/ has no captions for 2 pictures" in caplog.text
    assert unchanged(tree.root, tree.consulted)
    (tree.root.parent / place / "001.Auk/Auk_3.txt").write_text("Another.")
    assert not unchanged(tree.root, tree.consulted), "an index that rests on what lies beside it is outdated"


@pytest.mark.stranger("17.C.6")
def test_what_lies_beside_the_inner_folder_and_is_not_used_is_said(plant, ask, caplog):
    root = plant(BIRDS | {"segmentations/001.Auk/Auk_2.png": ""})
    rows, _ = ask(CUB(), root / "CUB_200_2011")
    for place in (root / "CUB_200_2011", root):
        assert f"{place}/text_c10, {place}/text, " in caplog.text
    assert f"{root}/cvpr2016_cub/text_c10" in caplog.text
    assert "mask" not in rows["001.Auk/Auk_2.jpg"]
    assert re.search(rf"{root}/segmentations is not used.*data\.root={root}\.", caplog.text)
    lists = {"CUB_200_2011/images.txt": "2 ../secret.jpg\n"}  # captions beside lead no further
    rows, refused = ask(CUB(), plant(lists | {"text/a": "", "secret.txt": "A secret."}) / "CUB_200_2011")
    assert not rows
    assert "lies outside" in refused["images/../secret.jpg"]


@pytest.mark.parametrize("place", ["text", "text_c10", "CUB_200_2011/text_c10", "cvpr2016_cub/text_c10"])
def test_captions_and_segmentations(ask, caplog, place):
    mask = f"{'CUB_200_2011/' * place.startswith('CUB')}segmentations/001.Auk/Auk_2.png"
    beside = {
        f"{place}/001.Auk/Auk_2.txt": b"a black bird\xef\xbf\xbd\xff with a bill.\r\n\n a bird. \n",
        f"{place}/003.Jay/Jay_1.h5": b"\x00\xff",
        f"{place}/003.Jay/Jay_7.txt": " \n",
        mask: "",
    }
    rows, refused = ask(CUB(), BIRDS | beside)
    auk = rows.pop("001.Auk/Auk_2.jpg")
    assert auk["captions"] == ["a black bird ÿ with a bill.", "a bird."]
    assert (auk["mask"], auk["mask_is"], refused) == (mask, "white", {})
    assert not any({"captions", "mask", "mask_is"} & row.keys() for row in rows.values())
    assert "no captions for 2 pictures" in caplog.text


@pytest.mark.stranger("17.A.11")
@pytest.mark.parametrize("file", ["text_c10/001.Auk.t7", "cvpr2016_cub/word_c10/001.Auk.t7", "cub_icml/001.Auk/2.t7"])
def test_captions_for_torch_alone_are_told_from_what_is_needed(ask, caplog, file):
    ask(CUB(), BIRDS | {file: b"\x04\0"})
    assert re.search(rf"{file} .*for Torch.*text_c10/ or text/ .*cvpr2016_cub\.tar\.gz", caplog.text)


@pytest.mark.stranger("17.A.5")
def test_a_bad_caption_file_fails_its_picture_alone(plant, ask):
    root = plant(BIRDS | {"text/001.Auk/Auk_2.txt": None, "text/003.Jay/Jay_1.txt": "A jay."})
    rows, refused = ask(CUB(), root)
    assert "Auk_2.txt: a folder" in refused["CUB_200_2011/images/001.Auk/Auk_2.jpg"]
    assert rows["003.Jay/Jay_1.jpg"]["captions"] == ["A jay."]


@pytest.mark.parametrize("place", ["", "CUB_200_2011/", "text/", "text_c10/", "cvpr2016_cub/"])
def test_classes_apart_of_which_the_lists_may_lack_one(ask, place):
    rows, refused = ask(CUB(classes="zero_shot"), BIRDS | {place + name: text for name, text in LISTS.items()})
    assert [row["split"] for row in rows.values()] == ["train", "test", "test"]
    assert not refused
    rows, refused = ask(CUB(classes="zero_shot"), {f"{place}testclasses.txt": "007.Other\n"})
    assert list(rows) == ["001.Auk/Auk_2.jpg"]
    assert len(refused) == 2
    assert "neither trainvalclasses.txt nor testclasses.txt" in refused["CUB_200_2011/images/003.Jay/Jay_1.jpg"]


def test_what_the_lists_do_not_know_is_refused(ask):
    images = BIRDS["CUB_200_2011/images.txt"] + "10 003.Jay/Jay_9.jpg\n11 001.Auk/Auk_2.jpg\n"
    more = dict.fromkeys(["CUB_200_2011/images/003.Jay/Jay_8.jpg", "CUB_200_2011/images/new/a.png"], "")
    rows, refused = ask(CUB(), BIRDS | more | {"CUB_200_2011/images.txt": images})
    assert len(rows) == 3
    assert refused == {
        "CUB_200_2011/images/003.Jay/Jay_9.jpg": "train_test_split.txt gives it no split",
        "CUB_200_2011/images/001.Auk/Auk_2.jpg": "named twice by images.txt",
        **dict.fromkeys(more, "not named by images.txt"),
    }
