import logging
import re

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from inlay.errors import BadFile, InlayError
from inlay.images import Picture, write_pages
from inlay.masks import Files, Paired
from inlay.masks.files import moved
from tests.masks.contexts import disc, rectangle
from tests.masks.mask_tester import address
from tests.pictures import half, write_mask

HALF = half(24, 24)  # nothing is unusual about it
OFF_THE_MIDDLE = disc(100, 15, (40, 55))


@pytest.fixture
def folder(tmp_path):
    write_mask(tmp_path / "left.png", HALF)
    write_mask(tmp_path / "deep/er/right.bmp", ~HALF)
    return tmp_path


def drawn(root, rng, **options):
    family = Files(root=str(root), **options)
    return {family(24, 24, rng).tobytes() for _ in range(40)}


def test_every_mask_file_below_the_folder_is_drawn_and_black_can_be_the_hole(folder, rng, caplog):
    for name in ("readme.txt", ".hidden.png", "manifest.jsonl"):
        (folder / name).write_text("not a mask")
    assert drawn(folder, rng) == {HALF.tobytes(), (~HALF).tobytes()}
    assert caplog.records == []
    (folder / "left.png").unlink()
    assert drawn(folder, rng, mask_polarity="black") == {HALF.tobytes()}


@pytest.mark.parametrize("name", ["empty", "missing"])
@pytest.mark.parametrize("masks", [Files, Paired])
def test_a_folder_without_masks_is_named(tmp_path, name, masks):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InlayError, match=rf"masks\.root={tmp_path / name}: no mask files there \(JPEG, PNG"):
        masks(root=str(tmp_path / name))


def test_doubtful_polarity_is_said_once(tmp_path, caplog, rng):
    for number in range(20):
        write_mask(tmp_path / f"{number}.png", np.tile(np.arange(24) > 0, (24, 1)))
    Files(root=str(tmp_path))(24, 24, rng)
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert re.search(rf"masks\.root={tmp_path}: .* 95\.8%.*mask_polarity=black", record.message)


@pytest.fixture
def one(tmp_path):
    """A folder with one mask: a disc off the middle, 100 px."""

    def folder(mask=OFF_THE_MIDDLE, value=255):
        Image.fromarray(mask.astype(np.uint8) * np.uint8(value)).save(tmp_path / "one.png")
        return str(tmp_path)

    return folder


def masks_of(root, count=30, size=(100, 100), **options):
    family = Files(root=root, **options)
    return [family(*size, address(index)) for index in range(count)]


def middle(mask):
    return np.array([index.mean() for index in np.nonzero(mask)])


class TestRecipe:
    """Each part of it against an independent calculation."""

    def test_does_nothing_unless_asked_for(self, one):
        assert all(np.array_equal(mask, OFF_THE_MIDDLE) for mask in masks_of(one(), count=5))

    @pytest.mark.parametrize(("white", "half", "more"), [(127, 0, 0), (128, 1, 0), (152, 1, 0), (153, 1, 1)])
    def test_binarizes_at_a_share_of_white(self, one, white, half, more):
        root = one(value=white)
        assert masks_of(root, count=1)[0].any() == half
        assert masks_of(root, count=1, binarize=0.6)[0].any() == more

    def test_grows_by_kernels_of_the_asked_for_sizes_without_moving(self, one):
        masks = masks_of(one(), dilate=[0.02, 0.2])
        grown_by = np.sqrt(np.array([mask.sum() for mask in masks]) / np.pi) - 15
        assert -0.5 < grown_by.min() < 3
        assert 8 < grown_by.max() < 10.5
        assert all(np.abs(middle(mask) - (40, 55)).max() < 0.5 for mask in masks)

    def test_shifts_as_far_as_asked_for_brings_in_no_hole_and_leaves_some(self, one):
        offsets = np.array([middle(mask) - (40, 55) for mask in masks_of(one(), shift=0.2)])
        assert 15 < np.abs(offsets).max() <= 20.5
        assert offsets.min() < -10 < 10 < offsets.max()
        for mask in masks_of(one(rectangle((100, 100), 0, 100, 0, 100)), count=10, shift=0.3):
            rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
            assert mask.sum() == len(rows) * len(columns) < mask.size
        assert all(mask.any() for mask in masks_of(one(disc(100, 5, (5, 5))), count=40, shift=0.5))

    def test_turns_as_far_as_asked_for(self, one):
        places = [np.nonzero(mask) for mask in masks_of(one(rectangle((100, 100), 48, 52, 20, 80)), rotate=30)]
        angles = [np.degrees(np.arctan(np.polyfit(columns, rows, 1)[0])) for rows, columns in places]
        assert 22 < np.abs(angles).max() < 31
        assert min(angles) < -10 < 10 < max(angles)

    def test_crops_and_enlarges_anywhere_inside(self, one):
        areas = [mask.mean() for mask in masks_of(one(disc(100, 15)), crop=[0.5, 0.5])]
        assert abs(np.median(areas) / disc(100, 15).mean() - 2) < 0.1
        masks = masks_of(one(rectangle((100, 100), 0, 100, 0, 100)), crop=[0.25, 1.0])
        assert all(mask.all() for mask in masks)  # nothing from outside the file comes in
        offsets = np.array([middle(mask) for mask in masks_of(one(disc(100, 6)), crop=[0.4, 0.5])])
        assert np.ptp(offsets, axis=0).min() > 20

    def test_mirrors_each_way_half_the_time(self, one):
        places = {tuple(np.rint(middle(mask)).astype(int)) for mask in masks_of(one(), flip=0.5)}
        assert places == {(40, 55), (59, 55), (40, 44), (59, 44)}


# Scale, angle, right and down; an independent calculation; how many pixels may differ in their rounding.
MOTIONS = [
    *(((1, by, 0, 0), lambda m, by=by: ndimage.rotate(m, by, reshape=False, order=0), 0.015) for by in (-20, 7)),
    *(((1, 90 * k, 0, 0), lambda m, k=k: np.rot90(m, k), 0) for k in (0, -1, 1, 2)),
    *(
        ((1, 0, right / 90, down / 90), lambda m, by=(down, right): ndimage.shift(m, by, order=0), 0)
        for right, down in ((10, 0), (0, -7), (-12, 30))
    ),
    ((3, 0, 30 / 90, 0), lambda m: m[30:60, :30].repeat(3, 0).repeat(3, 1), 0.02),  # it shifts before it enlarges
    ((3, 0, 0, 0), lambda m: m[30:60, 30:60].repeat(3, 0).repeat(3, 1), 0.02),
]


@pytest.mark.parametrize(("motion", "reference", "rounding"), MOTIONS)
def test_masks_move_as_scipy_moves_them(rng, motion, reference, rounding):
    blobs = ndimage.gaussian_filter(rng.normal(size=(90, 90)), 4) > 0.03
    assert (moved(blobs, *motion) != reference(blobs.astype(np.uint8)).astype(bool)).mean() <= rounding


class TestRatio:
    @pytest.mark.parametrize("polarity", ["white", "black"])
    @pytest.mark.parametrize("ratio", [(0.19, 0.31), (0.94, 0.96)])
    def test_draws_all_files_of_the_bucket_and_no_others(self, percents, polarity, ratio):
        masks = masks_of(percents, count=25, ratio=ratio, mask_polarity=polarity)
        expected = {percent / 100 for percent in range(5, 100, 5) if ratio[0] <= percent / 100 <= ratio[1]}
        assert {round(mask.mean(), 2) for mask in masks} == expected

    def test_is_met_after_the_recipe_and_a_bucket_without_files_is_said(self, percents):
        masks = masks_of(percents, ratio=(0.2, 0.3), dilate=[0.1, 0.3], shift=0.1, rotate=45, crop=[0.5, 1.0])
        assert all(0.2 <= mask.mean() <= 0.3 for mask in masks)
        with pytest.raises(InlayError, match=rf"masks\.root={percents}.*masks\.ratio=\[0\.11, 0\.14\].*Widen"):
            masks_of(percents, ratio=(0.11, 0.14), count=1)


def test_published_sets(shared_data, caplog, rng):
    family = Files(root=str(shared_data / "masks/nvidia_irregular"))
    assert len(family.paths) == 60
    assert 0.28 < np.mean([family(128, 128, rng).mean() for _ in range(20)]) < 0.42
    family = Files(root=str(shared_data / "masks/quickdraw"), mask_polarity="black")
    assert 0.04 <= np.mean([family(128, 128, rng).mean() for _ in range(20)]) <= 0.38
    assert caplog.records == []
    Files(root=str(shared_data / "masks/quickdraw"))  # whose holes are black
    assert "mask_polarity=black" in caplog.text


@pytest.mark.stranger("17.A.1", "17.A.4")
def test_masks_lie_behind_links_and_what_is_not_read_is_said(folder, tmp_path_factory, rng, caplog):
    root = tmp_path_factory.mktemp("masks")
    (root / "linked").symlink_to(folder)
    (folder / "back").symlink_to(root)
    (root / "a.psd").touch()
    assert drawn(root, rng) == {HALF.tobytes(), (~HALF).tobytes()}
    assert f"not read: {root / 'a.psd'}: Photoshop's format" in caplog.text


@pytest.mark.stranger("17.A.2")
def test_a_file_that_is_broken_or_of_several_pages_is_named_when_it_is_drawn(tmp_path, rng, caplog):
    page = Picture(np.zeros((24, 24, 1), np.uint8))
    write_pages(tmp_path / "a.tif", [page, page])
    family = Files(root=str(tmp_path))
    with pytest.raises(BadFile, match=r"a\.tif: holds 2 pages, where one picture is wanted"):
        family(24, 24, rng)
    (tmp_path / "a.tif").write_bytes(b"not a picture")
    family = Files(root=str(tmp_path))
    assert caplog.records == []
    with pytest.raises(BadFile, match=r"a\.tif"):
        family(24, 24, rng)
