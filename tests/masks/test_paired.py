import numpy as np
import pytest

from inlay.errors import BadFile, InlayError, NoHole
from inlay.masks import Paired
from tests.masks.contexts import PlainContext, rectangle
from tests.pictures import write_mask as save

HOLE = rectangle((40, 60), 5, 25, 10, 40)


def draw(context, **options):
    return Paired(**options)(*(context.size if context else (40, 60)), np.random.default_rng(0), context)


@pytest.fixture
def context():
    return PlainContext(size=(40, 60), id="birds/one.jpg")


@pytest.fixture
def draw_of(tmp_path, context):
    """The mask that is drawn where a folder has HOLE in one file, and its opposite in the others."""

    def draw_of(file, *others, **options):
        save(tmp_path / file, HOLE)
        for other in others:
            save(tmp_path / other, ~HOLE)
        return draw(context, root=str(tmp_path), **options)

    return draw_of


class TestFolder:
    @pytest.mark.parametrize(
        "files",
        [
            *(("birds/one.png", "birds/two.png"), ("birds/one.BMP", "birds/two.png"), ("one.png", "birds/two.png")),
            ("birds/one.png", "cats/one.png"),  # the path goes before the stem
        ],
    )
    def test_a_partner_is_known_by_its_path_or_its_stem(self, draw_of, files):
        assert np.array_equal(draw_of(*files), HOLE)

    @pytest.mark.parametrize("id", ["birds/001.black_bird", "birds/001.black_bird.JPEG"])
    def test_a_dot_in_a_name_is_no_suffix(self, draw_of, context, id):
        context.id = id
        assert np.array_equal(draw_of("birds/001.black_bird.png", "birds/001.png"), HOLE)

    @pytest.mark.parametrize("files", [("one.png", "one.bmp"), ("birds/one.png", "birds/one.bmp")])
    def test_two_that_could_be_meant_are_named(self, tmp_path, draw_of, files):
        with pytest.raises(InlayError, match=r"could both be meant for birds/one\.jpg") as raised:
            draw_of(*files)
        assert all(str(tmp_path / file) in str(raised.value) for file in files)
        assert not isinstance(raised.value, NoHole)

    def test_a_mask_is_of_the_whole_picture_and_cut_as_the_sample_was_and_meets_a_ratio(self, draw_of, context):
        assert np.array_equal(draw_of("one.png", mask_polarity="black"), ~HOLE)
        assert 0.5 <= draw_of("one.png", ratio=(0.5, 0.6)).mean() <= 0.6
        context.size, context.rows, context.columns = (20, 30), (0.0, 0.5), (0.5, 1.0)
        assert np.array_equal(draw_of("one.png"), HOLE[:20, 30:])

    @pytest.mark.parametrize("other", ["two.png", "cats/one.png"])
    def test_a_picture_without_partner_has_no_hole(self, tmp_path, draw_of, other):
        with pytest.raises(NoHole, match=f"no mask for it in {tmp_path}"):
            draw_of(other)

    def test_pictures_without_partner_are_listed(self, tmp_path):
        save(tmp_path / "birds/one.png", HOLE)
        save(tmp_path / "two.png", HOLE)
        ids = ["birds/one.jpg", "cats/three.jpg", "birds/two.jpg", "birds/four"]
        assert Paired(root=str(tmp_path)).without_partner(iter(ids)) == ["cats/three.jpg", "birds/four"]

    def test_a_broken_file_is_named(self, tmp_path, context):
        (tmp_path / "one.png").write_bytes(b"not a picture")
        with pytest.raises(BadFile, match=r"one\.png"):
            draw(context, root=str(tmp_path))


def test_a_dataset_names_the_mask_itself_or_none(context):
    with pytest.raises(NoHole, match="the dataset names no mask"):
        draw(context)
    assert Paired().without_partner(["a.jpg"]) == []  # lists none beforehand
    context.whole_object = HOLE
    assert np.array_equal(draw(context), HOLE)


def test_a_part_of_the_picture_without_hole_has_no_hole(context):
    context.whole_object, context.rows = HOLE, (0.75, 1.0)
    with pytest.raises(NoHole, match="no hole in what the sample shows"):
        draw(context)
    with pytest.raises(InlayError, match=r"masks=paired .*data\.root"):
        draw(None)
