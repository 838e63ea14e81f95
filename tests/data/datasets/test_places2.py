import pytest

from inlay.data.datasets import Places2
from inlay.data.datasets.places2 import category
from inlay.data.filesystem import Tree
from inlay.errors import InlayError

STANDARD = {
    "places365_standard/train/airfield/00000001.jpg": "",
    "places365_standard/train/field-cultivated/00000001.jpg": "",
    "places365_standard/val/airfield/Places365_val_00000435.jpg": "",
    "places365_standard/train.txt": "",
}
SMALL = {
    "data_256/a/airfield/00000001.jpg": "",
    "data_256/a/airfield/00000002.jpg": "",
    "data_256/c/church/indoor/00000001.jpg": "",
    "val_256/Places365_val_00000001.jpg": "",
    "val_256/Places365_val_00000002.jpg": "",
    "test_256/Places365_test_00000001.jpg": "",
}
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


def test_category():
    paths = ("/a/airfield", "c/church/indoor", "field-cultivated", "church/indoor", "a")
    names = ["airfield", "church/indoor", "field-cultivated", "church/indoor", "a"]
    assert [category(path) for path in paths] == names


def test_standard(plant, ask, caplog):
    rows, refused = ask(Places2(), plant(STANDARD))
    assert rows["train/field-cultivated/00000001.jpg"] == {
        "id": "train/field-cultivated/00000001.jpg",
        "image": "places365_standard/train/field-cultivated/00000001.jpg",
        "split": "train",
        "label": "field-cultivated",
    }
    assert splits(rows) == ["train", "train", "val"]
    assert not refused
    assert not caplog.records


def test_the_inner_folder_as_root_gives_the_same_ids(plant, ask):
    root = plant(STANDARD)
    inner = ask(Places2(), root / "places365_standard")[0]
    assert list(inner) == list(ask(Places2(), root)[0])
    assert inner["train/airfield/00000001.jpg"]["image"] == "train/airfield/00000001.jpg"


@pytest.mark.parametrize("files", [SMALL, LARGE])
def test_small_and_large(plant, ask, files):
    rows, refused = ask(Places2(), plant(files | LISTS))
    assert {id: row.get("label") for id, row in rows.items()} == {
        "train/a/airfield/00000001.jpg": "airfield",
        "train/a/airfield/00000002.jpg": "airfield",
        "train/c/church/indoor/00000001.jpg": "church/indoor",
        "val/Places365_val_00000001.jpg": "church/indoor",
        "val/Places365_val_00000002.jpg": "airfield",
        "test/Places365_test_00000001.jpg": None,
    }
    assert splits(rows) == ["train"] * 3 + ["val"] * 2 + ["test"]
    assert not refused


@pytest.mark.parametrize("place", ["", "filelist_places365-standard/", "filelist_places365-challenge/"])
def test_labels_of_validation_pictures(plant, ask, place):
    assert "label" not in ask(Places2(), plant(SMALL))[0]["val/Places365_val_00000001.jpg"]
    rows, _ = ask(Places2(), plant(SMALL | {place + name: text for name, text in LISTS.items()}))
    assert rows["val/Places365_val_00000001.jpg"]["label"] == "church/indoor"


def test_each_split_from_the_first_that_has_it(plant, ask, caplog):
    files = {path: "" for path in STANDARD if "/train/" not in path} | SMALL | LARGE
    rows, refused = ask(Places2(), plant(files))
    assert folders(rows) == {"data_256", "places365_standard", "test_256"}
    assert not refused
    said = [record.message for record in caplog.records]
    assert len(said) == 4  # once each, though the listing was asked twice
    assert any(
        "val_256/ is not used, places365_standard/val/ is. To use it: data.listing.layout=small" in m for m in said
    )
    assert any("data_large/ is not used, data_256/ is. To use it: data.listing.layout=large" in m for m in said)


@pytest.mark.parametrize(
    ("layout", "taken"),
    [
        ("standard", {"places365_standard"}),
        ("small", {"data_256", "val_256", "test_256"}),
        ("large", {"data_large", "val_large", "test_large"}),
    ],
)
def test_a_layout_of_choice(plant, ask, caplog, layout, taken):
    rows, refused = ask(Places2(layout=layout), plant(STANDARD | SMALL | LARGE))
    assert folders(rows) == taken
    assert not refused
    assert not caplog.records  # it was a choice


def test_torchvisions_names(plant, ask, caplog):
    files = {f"data_256_{kind}/a/abbey/1.jpg": "" for kind in ("standard", "challenge")}
    rows, _ = ask(Places2(), plant(files))
    assert folders(rows) == {"data_256_standard"}
    assert (
        "data_256_challenge/ is not used, data_256_standard/ is. To use it: move data_256_standard/ away" in caplog.text
    )


def test_a_training_list_names_the_pictures(plant, ask):
    listed = TRAIN + "/a/airfield/00000001.jpg 0\n"  # a second time, and the folder comes back
    root = plant(SMALL | {"filelist_places365-standard/places365_train_standard.txt": listed})
    with pytest.raises(InlayError, match=r"comes back to a/airfield/.*Sort"):
        list(Places2()(Tree(root)))
    listed = TRAIN.replace("00000002", "00000007") + "/c/church/indoor/00000001.jpg 91\n"
    more = {"data_256/loose.jpg": "", "data_256/z/zoo/00000001.jpg": "", "data_256/a/airfield/notes.txt": ""}
    root = plant(SMALL | more | {"places365_train_standard.txt": listed}, "another")
    rows, refused = ask(Places2(), root)
    assert [id for id in rows if id.startswith("train")] == [
        "train/a/airfield/00000001.jpg",
        "train/a/airfield/00000007.jpg",  # listed and not there: whoever decodes says so
        "train/c/church/indoor/00000001.jpg",
    ]
    assert rows["train/c/church/indoor/00000001.jpg"] == {
        "id": "train/c/church/indoor/00000001.jpg",
        "image": "data_256/c/church/indoor/00000001.jpg",
        "split": "train",
        "label": "church/indoor",
    }
    assert refused == {
        "data_256/c/church/indoor/00000001.jpg": "named twice by places365_train_standard.txt",
        "data_256/a/airfield/00000002.jpg": "not named by places365_train_standard.txt",
        "data_256/loose.jpg": "not named by places365_train_standard.txt",
        "data_256/z/zoo/00000001.jpg": "not named by places365_train_standard.txt",
    }


def test_the_list_does_not_name_the_standard_layout(plant, ask):
    rows, _ = ask(Places2(), plant(STANDARD | {"places365_train_standard.txt": TRAIN}))
    assert splits(rows).count("train") == 2


@pytest.mark.parametrize("extra", [False, True])
def test_which_of_two_training_lists(plant, ask, extra):
    """The challenge's archive holds both lists; its pictures include the standard ones."""
    lists = {
        "places365_train_standard.txt": TRAIN,
        "filelist_places365-challenge/places365_train_challenge.txt": CHALLENGE,
    }
    rows, refused = ask(Places2(), plant(SMALL | lists | ({"data_256/a/airfield/00000003.jpg": ""} if extra else {})))
    assert splits(rows).count("train") == 3 + extra
    assert not refused


@pytest.mark.parametrize(("kind", "count"), [("standard", 3), ("challenge", 4)])
def test_a_folder_that_says_which(plant, ask, kind, count):
    files = {f"data_large_{kind}/a/airfield/00000003.jpg": "", f"data_large_{kind}/a/airfield/00000001.jpg": ""}
    lists = {"places365_train_standard.txt": TRAIN, "places365_train_challenge.txt": CHALLENGE}
    rows, refused = ask(Places2(), plant(files | lists))
    assert splits(rows).count("train") == count
    assert list(refused) == (["data_large_standard/a/airfield/00000003.jpg"] if kind == "standard" else [])


def test_what_lies_beside(plant, ask, caplog):
    more = {"loose.jpg": "", "places365_standard/odd.png": "", "holiday/1.jpg": "", "places365_standard/new/1.jpg": ""}
    _, refused = ask(Places2(), plant(STANDARD | more))
    assert refused == dict.fromkeys(["loose.jpg", "places365_standard/odd.png"], "lies outside the folders of Places2")
    assert "holiday/ is no folder of Places2" in caplog.text
    assert "places365_standard/new/ is no folder of Places2" in caplog.text


@pytest.mark.parametrize("layout", ["auto", "large"])
def test_another_layout(plant, layout):
    files = {"airfield/1.jpg": ""} if layout == "auto" else SMALL
    with pytest.raises(InlayError, match=r"data\.root=.*Expected there: places365_standard/.*places2\.csail\.mit\.edu"):
        list(Places2(layout=layout)(Tree(plant(files))))


def test_options_are_checked():
    with pytest.raises(
        InlayError, match=r"data\.listing\.layout must be one of auto, standard, small, large, got 'big'"
    ):
        Places2(layout="big")


def test_real_places(shared_data, ask):
    rows, _ = ask(Places2(), shared_data / "places")
    assert len(rows) == 8
    assert {(row["split"], row["label"]) for row in rows.values()} == {("val", "field-cultivated")}
    rows, _ = ask(Places2(layout="small"), shared_data / "places")
    assert len(rows) == 3
    assert folders(rows) == {"val_256"}
