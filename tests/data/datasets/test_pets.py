import pytest

from inlay.data.datasets import Pets
from inlay.data.datasets.pets import sentence
from inlay.data.filesystem import Tree
from inlay.errors import InlayError

VOC = (
    "<annotation><object><name>cat</name><bndbox><xmin>333</xmin><ymin>72</ymin><xmax>425</xmax><ymax>158</ymax>"
    "</bndbox></object></annotation>"
)
PETS = {
    "images/Abyssinian_1.jpg": "",
    "images/american_bulldog_20.jpg": "",
    "images/Abyssinian_1.mat": "",
    "images/._american_bulldog_20.jpg": "",
    "annotations/list.txt": "#Image CLASS-ID SPECIES BREED ID\nAbyssinian_1 1 1 1\n",
    "annotations/trainval.txt": "# header\nAbyssinian_1 1 1 1\n",
    "annotations/test.txt": "american_bulldog_20 2 2 1\nBengal_3 6 1 2\n",
    "annotations/trimaps/Abyssinian_1.png": "",
    "annotations/trimaps/._Abyssinian_1.png": "",
    "annotations/xmls/Abyssinian_1.xml": VOC,
}


def test_official_layout(plant, ask):
    rows, refused = ask(Pets(), plant(PETS))
    assert rows == {
        "Abyssinian_1": {
            "id": "Abyssinian_1",
            "image": "images/Abyssinian_1.jpg",
            "split": "trainval",
            "label": "Abyssinian",
            "captions": ["a photo of an Abyssinian, a breed of cat."],
            "bbox": [333.0, 72.0, 425.0, 158.0],
            "mask": "annotations/trimaps/Abyssinian_1.png",
            "mask_is": "trimap",
        },
        "american_bulldog_20": {
            "id": "american_bulldog_20",
            "image": "images/american_bulldog_20.jpg",
            "split": "test",
            "label": "american_bulldog",
            "captions": ["a photo of an american bulldog, a breed of dog."],
        },
        "Bengal_3": {  # listed and not there: whoever decodes says so
            "id": "Bengal_3",
            "image": "images/Bengal_3.jpg",
            "split": "test",
            "label": "Bengal",
            "captions": ["a photo of a Bengal, a breed of cat."],
        },
    }
    assert not refused


def test_torchvisions_layout(plant, ask):
    rows, _ = ask(Pets(), plant({f"oxford-iiit-pet/{path}": text for path, text in PETS.items()}))
    assert rows["Abyssinian_1"]["image"] == "oxford-iiit-pet/images/Abyssinian_1.jpg"
    assert rows["Abyssinian_1"]["mask"] == "oxford-iiit-pet/annotations/trimaps/Abyssinian_1.png"


@pytest.mark.parametrize(
    ("breed", "begin"),
    [("Egyptian_Mau", "an Egyptian Mau"), ("shiba_inu", "a shiba inu"), ("english_setter", "an english setter")],
)
def test_sentence(breed, begin):
    assert sentence(breed, "dog") == f"a photo of {begin}, a breed of dog."


def test_captions_from_a_file_take_the_place_of_the_template(plant, ask, caplog):
    said = '{"Abyssinian_1.jpg": ["brown", " large ears", " sitting"], "Siamese_9.jpg": "x"}'
    rows, _ = ask(Pets(captions="caption_dict.json"), plant(PETS | {"caption_dict.json": said}))
    assert rows["Abyssinian_1"]["captions"] == ["brown, large ears, sitting"]
    assert "captions" not in rows["Bengal_3"]
    assert "2 of 3 pictures have no caption" in caplog.text
    assert "1 names are no picture's, 'Siamese_9.jpg' for instance" in caplog.text


def test_what_the_lists_do_not_know_is_refused(plant, ask):
    more = {
        "images/Bombay_1.jpg": "",
        "annotations/test.txt": PETS["annotations/test.txt"] + "Abyssinian_1 1 1 1\n",
        "annotations/xmls/american_bulldog_20.xml": "<annotation></annotation>",
        "annotations/xmls/Bengal_3.xml": "<annot",
    }
    rows, refused = ask(Pets(), plant(PETS | more))
    assert rows["Abyssinian_1"]["split"] == "trainval"
    assert not any("bbox" in rows[id] for id in ("american_bulldog_20", "Bengal_3"))
    assert refused["images/Bombay_1.jpg"] == "named by neither trainval.txt nor test.txt"
    assert refused["images/Abyssinian_1.jpg"] == "named twice, at last by test.txt"
    assert "no box" in refused["annotations/xmls/american_bulldog_20.xml"]
    assert "no box" in refused["annotations/xmls/Bengal_3.xml"]
    assert len(refused) == 4


@pytest.mark.parametrize("missing", ["images", "annotations/trainval.txt", "annotations/test.txt"])
def test_another_layout(plant, missing):
    files = {path: text for path, text in PETS.items() if not path.startswith(missing)}
    with pytest.raises(InlayError, match=rf"data\.root=.*{missing} is missing.*annotations/.*inlay data download pets"):
        list(Pets()(Tree(plant(files))))


def test_real_pets(shared_data, ask):
    rows, refused = ask(Pets(), shared_data / "pets")
    splits = [row["split"] for row in rows.values()]
    assert (len(rows), splits.count("trainval"), splits.count("test")) == (299, 150, 149)
    assert all((shared_data / "pets" / row["mask"]).is_file() for row in rows.values())
    assert sum("bbox" in row for row in rows.values()) == 147
    assert {row["label"] for row in rows.values()} == {"Abyssinian", "american_bulldog", "Bengal"}
    assert not refused
