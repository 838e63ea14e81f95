from pathlib import Path

import pytest

from inlay.errors import InlayError
from inlay.pipeline import AlphaRegion
from inlay.prediction import Request
from inlay.prediction.pairing import find_items
from inlay.prediction.reading import read
from tests.pictures import half, picture, write_mask, write_picture


@pytest.fixture(autouse=True)
def _there(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def write(*names, captions=()):
    for name in names:
        write_picture(name, picture()) if "mask" not in name else write_mask(Path(name), half(20, 30))
    for name, text in captions:
        Path(name).write_text(text)


def found(image, output="out", mask="mask.png", **options):
    image = [image] if isinstance(image, str) else image
    return find_items(Request(image, "telea", Path(output), mask, **options))


def pairs(plan):
    return {str(item.image): item.mask and str(item.mask) for item in plan.items}


def outputs(plan):
    return [str(path) for item in plan.items for path in item.outputs]


class TestOutput:
    @pytest.mark.parametrize("output", ["filled.png", "out", "there"])
    def test_of_one_picture_is_a_file_or_a_folder(self, output):
        Path("there").mkdir()
        plan, file = found("a.jpg", output), output.endswith(".png")
        assert (plan.folder, outputs(plan)) == (None if file else Path(output), [output if file else f"{output}/a.jpg"])

    def test_of_several_is_a_folder_that_keeps_their_tree(self):
        write("photos/a.jpg", "photos/deep/b.png", "photos/c.png")
        Path("photos/notes.txt").touch()
        for given, names in (
            ("photos", "a.jpg c.png deep/b.png"),
            (["photos/a.jpg", "photos/c.png"], "a.jpg c.png"),
            (["photos", "photos/*.png", "photos/c.png"], "a.jpg c.png deep/b.png"),  # each once
            ("photos/*.png", "c.png"),
            ("photos/**/*", "a.jpg c.png b.png"),
        ):
            assert outputs(found(given)) == [f"out/{name}" for name in names.split()]
        assert outputs(found("photos", format="png")) == ["out/a.png", "out/c.png", "out/deep/b.png"]


class TestMasks:
    def test_serve_all_or_go_by_name(self):
        write("photos/a.jpg", "photos/deep/b.jpg", "photos/c.jpg", "masks/a.png", "masks/deep/b.png", "masks/d.png")
        assert set(pairs(found("photos")).values()) == {"mask.png"}
        assert pairs(found("photos/a.jpg", mask=None)) == {"photos/a.jpg": None}
        assert pairs(found("a.png", mask=None, region=AlphaRegion())) == {"a.png": None}
        assert pairs(found("photos", mask="masks/a*")) == {"photos/a.jpg": "masks/a.png"}
        plan = found("photos", mask="masks")
        assert pairs(plan) == {"photos/a.jpg": "masks/a.png", "photos/deep/b.jpg": "masks/deep/b.png"}
        assert (plan.without_mask, plan.without_picture) == ([Path("photos/c.jpg")], [Path("masks/d.png")])

    def test_may_say_so_in_their_names_and_lie_beside_the_pictures(self):
        write("photos/a.png", "photos/a_mask.png", "photos/b.png", "photos/b_mask001.png", "photos/c.png")
        plan = found("photos", mask="photos")
        assert pairs(plan) == {"photos/a.png": "photos/a_mask.png", "photos/b.png": "photos/b_mask001.png"}
        assert plan.without_mask == [Path("photos/c.png")]
        write("marks/\u00e9.jpg", "masks/e\u0301.png")  # spelled in two ways
        assert len(found("marks", mask="masks").items) == 1


class TestCaptions:
    def test_lie_beside(self):
        write("photos/a.jpg", "photos/b.jpg", captions=[("photos/a.txt", "\n a red bird \nanother\n")])
        plan = found("photos", captions=True)
        assert [item.text for item in plan.items] == ["a red bird", None]
        assert plan.without_text == [Path("photos/b.jpg")]

    @pytest.mark.stranger("17.A.5")
    @pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
    def test_may_be_of_any_program(self, encoding):
        write("photos/a.jpg")
        Path("photos/a.txt").write_bytes("ein Küken\0\r\n".encode(encoding))
        (item,) = found("photos", captions=True).items
        assert item.text == "ein Küken"
        assert "a.txt: 1 control characters were dropped" in item.text_warnings[-1]
        assert ("cp1252" in item.text_warnings[0]) == (encoding == "cp1252")

    @pytest.mark.stranger("17.A.5")
    def test_that_cannot_be_read_fail_their_picture_alone(self):
        write("photos/a.jpg", "photos/b.jpg", captions=[("photos/b.txt", "a bird")])
        Path("photos/a.txt").mkdir()
        plan = found("photos", captions=True)
        assert [(item.text, bool(item.text_fault)) for item in plan.items] == [(None, True), ("a bird", False)]
        assert not plan.without_text
        with pytest.raises(InlayError, match=r"a\.txt: cannot be read \(a folder"):
            read(Request(["photos"], "telea", Path("out"), captions=True), plan.items[0])


def test_an_output_above_or_inside_of_the_input_is_no_input():
    write("photos/a.jpg", "deep/photos/a.jpg", "photos/out/a.jpg")
    for image, output in (("photos/a.jpg", "."), ("deep/photos", "deep"), ("photos", "photos/out")):
        assert len(outputs(found(image, output))) == 1


def test_references_are_one_for_all_or_go_by_name():
    write("photos/a.jpg", "photos/b.jpg", "looks/a.png", "looks/b.png")
    for reference, each in (("looks/a.png", "aa"), ("looks", "ab")):
        given = [str(item.reference) for item in found("photos", reference=reference).items]
        assert given == [f"looks/{name}.png" for name in each]


PHOTOS, LOOKS = ["photos/a.jpg", "photos/b.jpg"], {"reference": "looks"}


@pytest.mark.parametrize(
    ("files", "asked", "options", "says"),
    [
        (PHOTOS, (PHOTOS, "out.png"), {}, r"--output out\.png: a file"),
        (["photos/a.png"], ("photos", "photos"), {}, "would overwrite an input"),
        (["photos/a.png"], ("photos", "photos/../photos"), {}, "would overwrite an input"),
        (["photos/a.png", "mask/a.png"], ("photos", "mask", "mask"), {}, "would overwrite an input"),
        ([*PHOTOS, "looks/a.jpg"], (PHOTOS[:1], "looks"), LOOKS, "would overwrite an input"),
        ([*PHOTOS, "looks/a.jpg"], ("photos",), LOOKS, r"--reference looks: .*photos/b\.jpg"),
        (["one/a.jpg", "two/a.jpg"], (["one", "two"],), {}, r"one/a\.jpg and two/a\.jpg would both become out/a\.jpg"),
        (["one/a.png", "two/a.png"], (["one", "two"],), {"samples": 2}, "would both become"),
        ([*PHOTOS, "m/a.png", "m/a.webp"], ("photos", "out", "m"), {}, r"--mask.*m/a\.png and m/a\.webp could both"),
        ([*PHOTOS, "m/c.png"], ("photos", "out", "m"), {}, "--mask.*no mask there is named .* 2 pictures, a for"),
        (PHOTOS, ("photos", "out", "empty"), {}, "--mask.*no mask files there"),
        (PHOTOS, ("photos", "out", "masks/*.png"), {}, "--mask.*no mask files there"),
        (PHOTOS, ("photos/*.png",), {}, "--image .*: no pictures there"),
        ([], ("empty",), {}, "--image .*: no pictures there"),
        ([], ("a" * 240 + ".jpg", "out/"), {}, "a file name may have 230 bytes"),
        ([], ("a.jpg", "out.png"), {"format": "webp"}, r"--format: .* --output out\.png"),
        ([], ("a.png",), {"captions": True, "text": "a bird"}, "--captions and --text"),
        ([], ("a.png",), {"region": AlphaRegion()}, "--mask and --region"),
        ([], ("a.png", "out", None), {"mask_polarity": "black"}, "--mask-polarity: is for --mask"),
        ([], ("a.png", "out", None), {"threshold": 0.4}, "--threshold: is for --mask"),
    ],
)
def test_what_does_not_go_together_is_refused(files, asked, options, says):
    write(*files)
    Path("empty").mkdir()
    with pytest.raises(InlayError, match=says):
        found(*asked, **options)
