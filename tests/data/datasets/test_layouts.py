"""What every dataset does alike: it lists the real files, and refuses other layouts and lists with what to do."""

from collections import Counter

import pytest

from inlay.data.datasets import CUB, FList, Folder, Pets, Places2
from inlay.errors import InlayError
from inlay.images import read_picture
from tests.data.datasets.test_cub import BIRDS
from tests.data.datasets.test_pets import PETS
from tests.data.datasets.test_places2 import SMALL, TRAIN

BIRD_LISTS = "images.txt", "image_class_labels.txt", "classes.txt", "train_test_split.txt"
PLACES = r"data\.root=.*Expected there: places365_standard/.*places2\.csail\.mit\.edu"


def without(files, name):
    return {path: content for path, content in files.items() if name not in path}


@pytest.mark.parametrize(
    ("listing", "files", "message"),
    [
        *((CUB(), without(BIRDS, n), rf"data\.root=.*{n} is missing.*CUB_200_2011/ with.*caltech") for n in BIRD_LISTS),
        (CUB(), BIRDS | {"CUB_200_2011/images.txt": "2\n"}, r"images\.txt.*expected"),
        (CUB(), BIRDS | {"CUB_200_2011/bounding_boxes.txt": "2 1 1 wide 4\n"}, r"bounding_boxes\.txt.*expected"),
        (CUB(classes="zero_shot"), BIRDS | {"trainvalclasses.txt": ""}, r"testclasses\.txt is missing.*cvpr2016_cub"),
        (Pets(), without(PETS, "images"), r"data\.root=.*images is missing.*inlay data download pets"),
        (Pets(), without(PETS, "trainval.txt"), r"data\.root=.*annotations/trainval\.txt is missing.*download pets"),
        (Pets(), without(PETS, "test.txt"), r"data\.root=.*annotations/test\.txt is missing.*download pets"),
        (Places2(), {"airfield/1.jpg": ""}, PLACES),
        (Places2(layout="large"), SMALL, PLACES),
        (Places2(), SMALL | {"places365_train_standard.txt": TRAIN + "/a/airfield/1.jpg 0"}, r"to a/airfield/.*Sort"),
        (Folder(), {"a.txt": ""}, r"data\.root=.*no pictures.*JPEG"),
        (FList(), {"a.jpg": ""}, r"data\.root=.*\.flist.*is missing.*train\*\.flist"),
        (FList(), {"train.flist": "a\nb\nc", "train_mask.flist": "m"}, r"train\.flist names 3 files and the other 1"),
        (FList(), {"train.flist": "a", "train_mask.flist": "m\nn\no"}, r"mask\.flist names 3 files and the other 1"),
    ],
)
def test_other_layouts_and_lists_are_refused(ask, listing, files, message):
    with pytest.raises(InlayError, match=message):
        ask(listing, files)


def test_options_are_checked():
    with pytest.raises(InlayError, match=r"data\.listing\.classes must be 'all' or 'zero_shot', got 'some'"):
        CUB(classes="some")
    with pytest.raises(InlayError, match=r"data\.listing\.layout must .*auto, standard, small, large, got 'big'"):
        Places2(layout="big")


def test_real_birds_pets_photographs_and_places(shared_data, ask):
    rows, refused = ask(CUB(), shared_data / "cub")
    assert not refused
    assert Counter(row["split"] for row in rows.values()) == {"train": 154, "test": 142}
    assert {len(row["captions"]) for row in rows.values()} == {10}
    assert len({row["label"] for row in rows.values()}) == 12
    for row in list(rows.values())[::10]:
        height, width = read_picture(shared_data / "cub" / row["image"]).size
        left, top, right, bottom = row["bbox"]
        assert 0 <= left < right <= width + 1
        assert 0 <= top < bottom <= height + 1
    rows, refused = ask(Pets(), shared_data / "pets")
    assert Counter(row["split"] for row in rows.values()) == {"trainval": 150, "test": 149}
    assert all((shared_data / "pets" / row["mask"]).is_file() for row in rows.values())
    assert sum("bbox" in row for row in rows.values()) == 147
    assert {row["label"] for row in rows.values()} == {"Abyssinian", "american_bulldog", "Bengal"}
    assert not refused
    rows, refused = ask(Folder(), shared_data / "photos")
    assert Counter(row["split"] for row in rows.values()) == {"train": 300, "val": 60}
    assert not refused
    rows, _ = ask(Places2(), shared_data / "places")
    assert Counter((row["split"], row["label"]) for row in rows.values()) == {("val", "field-cultivated"): 8}
    rows, _ = ask(Places2(layout="small"), shared_data / "places")
    assert [row["image"].partition("/")[0] for row in rows.values()] == ["val_256"] * 3
