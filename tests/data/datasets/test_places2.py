import re

import pytest

from inlay.data.datasets import Places2
from inlay.data.datasets.places2 import category

STANDARD = dict.fromkeys([
    "places365_standard/train/airfield/00000001.jpg", "places365_standard/train/field-cultivated/00000001.jpg",
    "places365_standard/val/airfield/Places365_val_00000435.jpg", "places365_standard/train.txt",
], "")  # fmt: skip
SMALL = dict.fromkeys([
    *(f"data_256/{name}/0000000{n}.jpg" for name, n in (("a/airfield", 1), ("a/airfield", 2), ("c/church/indoor", 1))),
    "val_256/Places365_val_00000001.jpg", "val_256/Places365_val_00000002.jpg", "test_256/Places365_test_00000001.jpg",
], "")  # fmt: skip
LARGE = {path.replace("_256/", "_large/"): "" for path in SMALL}
LISTS = {
    "categories_places365.txt": "/a/airfield 0\n/c/church/indoor 91\n",
    "places365_val.txt": "Places365_val_00000001.jpg 91\nPlaces365_val_00000002.jpg 0\n",
}
TRAIN = "/a/airfield/00000001.jpg 0\n/a/airfield/00000002.jpg 0\n/c/church/indoor/00000001.jpg 91\n"
CHALLENGE = TRAIN.replace("/c/", "/a/airfield/00000003.jpg 0\n/c/")


def folders(rows):
    return {row["image"].partition("/")[0] for row in rows.values()}


def splits(rows):
    return [row["split"] for row in rows.values()]


def test_standard(plant, ask, caplog):
    root = plant(STANDARD)
    rows, refused = ask(Places2(), root)
    name = "train/field-cultivated/00000001.jpg"
    assert rows[name] == {
        "id": name,
        "image": f"places365_standard/{name}",
        "split": "train",
        "label": name.split("/")[1],
    }
    assert splits(rows) == ["train", "train", "val"]
    assert not refused
    assert not caplog.records
    inner = ask(Places2(), root / "places365_standard")[0]  # as the root, it gives the same ids
    assert list(inner) == list(rows)
    assert inner["train/airfield/00000001.jpg"]["image"] == "train/airfield/00000001.jpg"
    paths = ("/a/airfield", "c/church/indoor", "field-cultivated", "church/indoor", "a")
    assert [*map(category, paths)] == ["airfield", "church/indoor", "field-cultivated", "church/indoor", "a"]
    rows, _ = ask(Places2(), {"places365_train_standard.txt": TRAIN})  # which does not name this layout
    assert splits(rows) == ["train", "train", "val"]


@pytest.mark.parametrize("files", [SMALL, LARGE])
def test_small_and_large(ask, files):
    rows, refused = ask(Places2(), files | LISTS)
    assert {id: (row["split"], row.get("label")) for id, row in rows.items()} == {
        **{f"train/a/airfield/0000000{number}.jpg": ("train", "airfield") for number in (1, 2)},
        "train/c/church/indoor/00000001.jpg": ("train", "church/indoor"),
        "val/Places365_val_00000001.jpg": ("val", "church/indoor"),
        "val/Places365_val_00000002.jpg": ("val", "airfield"),
        "test/Places365_test_00000001.jpg": ("test", None),
    }
    assert not refused


@pytest.mark.parametrize("place", ["filelist_places365-standard/", "filelist_places365-challenge/"])
def test_labels_of_validation_pictures(ask, place):
    assert "label" not in ask(Places2(), SMALL)[0]["val/Places365_val_00000001.jpg"]
    rows, _ = ask(Places2(), SMALL | {place + name: text for name, text in LISTS.items()})
    assert rows["val/Places365_val_00000001.jpg"]["label"] == "church/indoor"


def test_each_split_from_the_first_that_has_it(plant, ask, caplog):
    files = {path: "" for path in STANDARD if "/train/" not in path} | SMALL | LARGE
    rows, refused = ask(Places2(), files)
    assert folders(rows) == {"data_256", "places365_standard", "test_256"}
    assert not refused
    assert len(caplog.records) == 4  # once each, though the listing was asked twice
    for left, taken, layout in (("val_256", "places365_standard/val", "small"), ("data_large", "data_256", "large")):
        assert re.search(rf"{left}/ is not used, {taken}/ is\. .*data\.listing\.layout={layout}", caplog.text)
    named = {f"data_256_{kind}/a/abbey/1.jpg": "" for kind in ("standard", "challenge")}  # as torchvision names them
    assert folders(ask(Places2(), plant(named, "torchvision"))[0]) == {"data_256_standard"}
    said = r"data_256_challenge/ is not used, data_256_standard/ is\. .*move data_256_standard/ away"
    assert re.search(said, caplog.text)


def test_a_layout_of_choice(ask, caplog):
    large, small = ({f"{split}_{end}" for split in ("data", "val", "test")} for end in ("large", "256"))
    for layout, taken in {"standard": {"places365_standard"}, "small": small, "large": large}.items():
        rows, refused = ask(Places2(layout=layout), STANDARD | SMALL | LARGE)
        assert (folders(rows), refused) == (taken, {})
    assert not caplog.records  # it was a choice


def test_a_training_list_names_the_pictures(ask):
    listed = TRAIN.replace("00000002", "00000007") + "/c/church/indoor/00000001.jpg 91\n"
    more = {"data_256/loose.jpg": "", "data_256/z/zoo/00000001.jpg": "", "data_256/a/airfield/notes.txt": ""}
    rows, refused = ask(Places2(), SMALL | more | {"places365_train_standard.txt": listed})
    church = "c/church/indoor/00000001.jpg"
    assert [id for id in rows if id.startswith("train")] == [
        "train/a/airfield/00000001.jpg",
        "train/a/airfield/00000007.jpg",  # listed and not there: whoever decodes says so
        f"train/{church}",
    ]
    assert [rows[f"train/{church}"][key] for key in ("image", "label")] == [f"data_256/{church}", "church/indoor"]
    unnamed = [f"data_256/{name}.jpg" for name in ("a/airfield/00000002", "loose", "z/zoo/00000001")]
    assert refused == dict.fromkeys(unnamed, "not named by places365_train_standard.txt") | {
        f"data_256/{church}": "named twice by places365_train_standard.txt"
    }


THIRD = "a/airfield/00000003.jpg"


@pytest.mark.parametrize(
    ("files", "count", "refused"),
    [
        (SMALL, 3, []),
        (SMALL | {f"data_256/{THIRD}": ""}, 4, []),
        ({f"data_large_standard/{THIRD}": ""}, 3, [f"data_large_standard/{THIRD}"]),
        ({f"data_large_challenge/{THIRD}": ""}, 4, []),
    ],
)
def test_which_of_two_training_lists(ask, files, count, refused):
    """The challenge's archive holds both; its pictures include the standard ones. A folder's name may say which."""
    lists = {
        "places365_train_standard.txt": TRAIN,
        "filelist_places365-challenge/places365_train_challenge.txt": CHALLENGE,
    }
    rows, reasons = ask(Places2(), files | lists)
    assert (splits(rows).count("train"), list(reasons)) == (count, refused)


def test_what_lies_beside(ask, caplog):
    more = {"loose.jpg": "", "places365_standard/odd.png": "", "holiday/1.jpg": "", "places365_standard/new/1.jpg": ""}
    _, refused = ask(Places2(), STANDARD | more)
    assert refused == dict.fromkeys(["loose.jpg", "places365_standard/odd.png"], "lies outside the folders of Places2")
    assert "holiday/ is no folder of Places2" in caplog.text
    assert "places365_standard/new/ is no folder of Places2" in caplog.text
