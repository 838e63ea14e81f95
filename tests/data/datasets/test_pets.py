from inlay.data.datasets import Pets
from inlay.data.datasets.pets import sentence

VOC = (
    "<annotation><object><name>cat</name><bndbox><xmin>333</xmin><ymin>72</ymin><xmax>425</xmax><ymax>158</ymax>"
    "</bndbox></object></annotation>"
)
PETS = {
    "annotations/list.txt": "#Image CLASS-ID SPECIES BREED ID\nAbyssinian_1 1 1 1\n",
    "annotations/trainval.txt": "# header\nAbyssinian_1 1 1 1\n",
    "annotations/test.txt": "american_bulldog_20 2 2 1\nBengal_3 6 1 2\n",
    "annotations/xmls/Abyssinian_1.xml": VOC,
    **{f"annotations/trimaps/{name}": "" for name in ("Abyssinian_1.png", "._Abyssinian_1.png")},
    **{f"images/{name}": "" for name in ("Abyssinian_1.jpg", "american_bulldog_20.jpg", "Abyssinian_1.mat")},
    "images/._american_bulldog_20.jpg": "",
}


def row(name, split, label, caption, **more):
    more["captions"] = [f"a photo of {caption}."]
    return {"id": name, "image": f"images/{name}.jpg", "split": split, "label": label, **more}


def test_layouts_official_and_of_torchvision_and_sentences(plant, ask):
    rows, refused = ask(Pets(), PETS)
    known = {"bbox": [333.0, 72.0, 425.0, 158.0], "mask_is": "trimap", "mask": "annotations/trimaps/Abyssinian_1.png"}
    assert list(rows.values()) == [
        row("Abyssinian_1", "trainval", "Abyssinian", "an Abyssinian, a breed of cat", **known),
        row("american_bulldog_20", "test", "american_bulldog", "an american bulldog, a breed of dog"),
        row("Bengal_3", "test", "Bengal", "a Bengal, a breed of cat"),  # not there: whoever decodes says so
    ]
    assert not refused
    rows, _ = ask(Pets(), plant({f"oxford-iiit-pet/{path}": text for path, text in PETS.items()}, "of torchvision"))
    assert rows["Abyssinian_1"]["image"] == "oxford-iiit-pet/images/Abyssinian_1.jpg"
    assert rows["Abyssinian_1"]["mask"] == "oxford-iiit-pet/annotations/trimaps/Abyssinian_1.png"
    for breed in ("an Egyptian_Mau", "a shiba_inu", "an english_setter"):
        assert sentence(breed.split()[1], "dog") == f"a photo of {breed.replace('_', ' ')}, a breed of dog."


def test_captions_from_a_file_take_the_place_of_the_template(ask, caplog):
    said = '{"Abyssinian_1.jpg": ["brown", " large ears", " sitting"], "Siamese_9.jpg": "x"}'
    rows, _ = ask(Pets(captions="caption_dict.json"), PETS | {"caption_dict.json": said})
    assert rows["Abyssinian_1"]["captions"] == ["brown, large ears, sitting"]
    assert "captions" not in rows["Bengal_3"]
    assert "2 of 3 pictures have no caption" in caplog.text
    assert "1 names are no picture's, 'Siamese_9.jpg' for instance" in caplog.text


def test_what_the_lists_do_not_know_is_refused(ask):
    boxless = {"annotations/xmls/american_bulldog_20.xml": "<annotation></annotation>"}
    boxless |= {"annotations/xmls/Bengal_3.xml": "<annot"}
    test = PETS["annotations/test.txt"] + "Abyssinian_1 1 1 1\n"
    rows, refused = ask(Pets(), PETS | boxless | {"images/Bombay_1.jpg": "", "annotations/test.txt": test})
    assert rows["Abyssinian_1"]["split"] == "trainval"
    assert [id for id, row in rows.items() if "bbox" in row] == ["Abyssinian_1"]
    assert refused.pop("images/Bombay_1.jpg") == "named by neither trainval.txt nor test.txt"
    assert refused.pop("images/Abyssinian_1.jpg") == "named twice, at last by test.txt"
    assert refused.keys() == boxless.keys()
    assert all("no box" in reason for reason in refused.values())
