"""Which windows a filler is shown, and what becomes of its answers."""

from itertools import chain
from unittest.mock import Mock

import numpy as np
import pytest
import torch

from inlay.errors import InlayError
from inlay.fillers import Telea
from inlay.images import Picture
from inlay.pipeline import STRATEGIES, FillOptions, HardComposer, Job, fill_picture, fill_pictures
from inlay.pipeline.strategies import choose
from inlay.randomness import RngStream, torch_seed
from tests.images.files import peak_memory
from tests.pictures import picture
from tests.pipeline.fillers import MeanOfSeen, Painter
from tests.pipeline.test_windows import disks

SIZE = (300, 420)
SPOTS = disks(SIZE, (40, 50, 10), (200, 300, 14))
BIG = disks(SIZE, (150, 200, 100))


def scratch(size):
    rows, columns = np.mgrid[: size[0], : size[1]]
    return np.abs(rows * size[1] - columns * size[0]) < 3 * max(size)


def fill(filler, hole, strategy, given=None):
    return fill_picture(filler, Job(given or picture(size=hole.shape), hole), FillOptions(strategy))


every_strategy = pytest.mark.parametrize("strategy", [name for name in STRATEGIES if name != "auto"])


def known_of(filler):
    return [image[mask.expand_as(image) == 0] for image, mask in zip(filler.images, filler.masks, strict=True)]


every_hole = pytest.mark.parametrize("hole", [SPOTS, BIG, scratch(SIZE)], ids=["spots", "big", "scratch"])


@every_strategy
@every_hole
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L16"])
def test_known_pixels_stay_and_every_other_is_filled(strategy, hole, mode):
    given, before = picture(mode, SIZE), picture(mode, SIZE).pixels
    filled = fill(Painter((0.5, 0.5, 0.5), 64), hole, strategy, given).picture.pixels
    assert np.array_equal(filled[~hole], before[~hole])
    assert np.abs(filled[hole][:, 0] / given.peak - 0.5).max() < 0.01
    assert np.array_equal(given.pixels, before)


@every_strategy
@every_hole
def test_no_pixel_of_the_hole_is_shown(strategy, hole):
    """The hole's pixels change, and neither known pixels of the windows nor the result do."""
    given = picture(size=SIZE)
    results, shown = [], []
    for each in (given, Picture(np.where(hole[..., None], 255 - given.pixels, given.pixels))):
        filler = MeanOfSeen(size=64)
        results.append(fill(filler, hole, strategy, each).picture.pixels)
        shown.append(torch.cat(known_of(filler)))
    assert np.array_equal(*results)
    assert torch.equal(*shown)


def line(size):
    return np.repeat(abs(np.arange(size[0]) - size[0] // 2 - 1) < 2, size[1]).reshape(size)


@every_strategy
def test_windows_have_about_the_training_size_and_none_is_longer_than_three(strategy):
    """A scratch over all of a wide picture would fill the memory; what was shown smaller is filled again."""
    whole, most = strategy == "whole", {"whole": 420, "crop": 96, "tile": 64, "resize": 90}[strategy]
    for hole, longest in ((BIG if strategy == "resize" else SPOTS, most), (line((140, 900)), 900 if whole else 192)):
        filler = Painter(size=64)
        fill(filler, hole, strategy)
        assert max(max(shape[2:]) for shape in filler.shapes) <= longest
    if strategy in ("crop", "resize"):
        assert filler.shapes[0] == (1, 3, 14 if strategy == "crop" else 30, 192)
        assert {shape[2:] for shape in filler.shapes[1:]} == {(64, 64)}


def test_whole_and_crop_of_a_local_filler_are_the_filler_alone():
    """Telea looks three pixels far: whatever lies outside the window changes nothing."""
    whole, crop = (fill(Telea(), SPOTS, strategy) for strategy in ("whole", "crop"))
    image = torch.from_numpy(picture(size=SIZE).rgb()).permute(2, 0, 1)[None]
    alone = Telea().fill(image, torch.from_numpy(SPOTS)[None, None].float())[0].permute(1, 2, 0).numpy()
    assert np.array_equal(whole.picture.pixels, np.rint(alone * 255).astype(np.uint8))
    assert np.array_equal(crop.picture.pixels, whole.picture.pixels)
    assert (whole.strategy, whole.windows, crop.windows) == ("whole", 1, 2)  # every hole once, others as holes
    assert fill(Painter(size=64), SPOTS | disks(SIZE, (100, 50, 10)), "crop").windows == 3


class TestTile:
    def test_fades_between_neighbors(self):
        """A step in what tiles see becomes a ramp in their predictions: no jump as large as the step."""
        given, hole = Picture(np.zeros((64, 400, 3), np.uint8)), np.zeros((64, 400), bool)
        given.pixels[:, 200:], hole[20:40] = 255, True
        row = fill(MeanOfSeen(size=64), hole, "tile", given).picture.pixels[30, :, 0].astype(int)
        assert (row[0], row[-1]) == (0, 255)
        assert np.diff(row).min() >= 0
        assert np.diff(row).max() < 24

    def test_looks_further_where_nothing_is_known(self):
        filler = MeanOfSeen(size=32)
        assert (fill(filler, BIG, "tile", Picture(np.full((*SIZE, 3), 99, np.uint8))).picture.pixels == 99).all()
        assert max(mask.mean(dim=(1, 2, 3)).max() for mask in filler.masks) <= 1 - 1 / 8 + 0.05

    def test_looks_at_a_window_once_and_at_none_without_hole(self):
        """Inside of a large hole, tiles look at one window, within a row and in the one below."""
        filler, hole = Painter(size=32), np.arange(160)[:, None].repeat(160, 1) >= 20
        done = fill(filler, hole, "tile")
        looks = [image.numpy().tobytes() for images in filler.images for image in images]
        assert len(set(looks)) == len(looks) == done.windows
        assert np.abs(done.picture.pixels[hole] / 255 - [0.2, 0.4, 0.6]).max() < 0.01
        assert fill(Painter(size=64), SPOTS, "tile").windows <= 8

    def test_needs_no_more_memory_for_a_larger_picture(self):

        def extra(height):
            hole = np.pad(np.ones((height, 10), bool), ((0, 0), (240, 250)))
            given = Picture(np.zeros((height, 500, 3), np.uint8))
            return peak_memory(fill, Painter(size=64), hole, "tile", given) - given.pixels.nbytes

        assert extra(4000) - extra(500) < 3500 * 500 * 1.5  # bytes a pixel: the mask, hardly more


def test_resize_fills_the_rim_at_full_size_between_both_sides():
    filler = Painter((0.2, 0.4, 0.6), 64)
    done = fill(filler, BIG, "resize", Picture(np.zeros((*SIZE, 3), np.uint8)))
    assert (filler.shapes[0], {shape[2:] for shape in filler.shapes[1:]}) == ((1, 3, 64, 90), {(64, 64)})
    assert done.windows == sum(shape[0] for shape in filler.shapes) > 4
    assert all(mask.mean() < 0.6 for mask in filler.masks[1:])
    known = torch.cat(known_of(filler)[1:])
    assert {round(float(value), 1) for value in known.unique()} == {0.0, 0.2, 0.4, 0.6}
    assert fill(Painter(size=512), BIG, "resize").windows == 1


class TestChoice:
    @pytest.mark.parametrize(
        ("hole", "size", "strategy"),
        [
            (SPOTS, 256, "whole"),
            (BIG, 300, "whole"),
            (SPOTS, 64, "crop"),
            (scratch(SIZE), 64, "tile"),
            (line((300, 420)), 64, "tile"),
            (line((300, 420)), 160, "crop"),
            (BIG, 64, "resize"),
            (BIG, None, "whole"),
        ],
    )
    def test_follows_the_hole_and_the_training_size(self, hole, size, strategy):
        assert choose(hole, size) == strategy
        assert fill(Painter(size=size), hole, "auto").strategy == strategy

    @pytest.mark.parametrize("strategy", ["crop", "resize"])
    def test_shows_the_untrained_parts_and_no_more_than_a_small_picture_at_once(self, strategy, monkeypatch):
        small, large = np.zeros((2100, 2000), bool), np.pad(np.ones((2000, 1900), bool), 50)
        small[5:9, 7:11] = True
        holes = small, scratch((2100, 2000)), small | large
        assert [choose(hole, None) for hole in holes] == ["crop", "tile", "resize"]
        monkeypatch.setattr("inlay.pipeline.strategies._SMALL", 320 * 400)
        filler = Painter()
        fill(filler, np.pad(np.ones((580, 740), bool), 30), strategy)
        assert filler.shapes[0] == (1, 3, 320, 400)
        assert {shape[2:] for shape in filler.shapes[1:]} == {(256, 256)}


class TestBatches:
    @pytest.mark.parametrize("batch", [1, 5])
    def test_text_and_seeds_reach_every_window(self, batch):
        """The first window has the given seed; no other one depends on how many share a batch."""
        filler = Painter(size=64)
        done = fill_picture(filler, Job(picture(size=SIZE), BIG, "a bird", 7), FillOptions("tile", batch=batch))
        assert set(chain(*filler.texts)) == {"a bird"}
        others = (torch_seed(7, RngStream.WINDOWS, index=number) for number in range(1, done.windows))
        assert list(chain(*filler.seeds)) == [7, *others]
        assert max(shape[0] for shape in filler.shapes) == batch

    def test_pictures_of_one_size_with_references_of_one_size_go_together(self):
        filler = Painter()
        sizes, shown = [(30, 40), (30, 40), (40, 30), (40, 30)], [(4, 5), (4, 5), (4, 5), (6, 7)]
        jobs = [
            Job(picture(size=size, seed=n), np.eye(*size, dtype=bool), "abcd"[n], n, picture(size=shown[n]))
            for n, size in enumerate(sizes)
        ]
        done = fill_pictures(filler, jobs, FillOptions("whole"))
        assert filler.shapes == [(2, 3, 30, 40), (1, 3, 40, 30), (1, 3, 40, 30)]
        assert (filler.texts, filler.seeds) == ([["a", "b"], ["c"], ["d"]], [[0, 1], [2], [3]])
        assert [each.shape[2:] for each in filler.references] == [(4, 5), (4, 5), (6, 7)]
        for job, each in zip(jobs, done, strict=True):
            assert np.array_equal(each.picture.pixels[~job.hole], job.picture.pixels[~job.hole])

    @pytest.mark.parametrize(("side", "together"), [(512, 4), (700, 2), (1100, 1)])
    def test_fewer_large_windows_go_together(self, side, together):
        filler, hole = Painter(), np.eye(side, dtype=bool)
        fill_pictures(filler, [Job(Picture(np.zeros((side, side, 3), np.uint8)), hole)] * 4, FillOptions("whole"))
        assert {shape[0] for shape in filler.shapes} == {together}

    def test_what_is_not_finite_or_does_not_fit_is_refused_with_a_remedy(self, monkeypatch):
        with pytest.raises(InlayError, match=r"not finite\. Use precision=32"):
            fill(Painter((float("nan"), 0, 0)), SPOTS, "whole")
        filler = Painter(size=64)
        monkeypatch.setattr(filler, "paint", Mock(side_effect=torch.OutOfMemoryError("CUDA out of memory")))
        with pytest.raises(InlayError, match=r"4 windows of 64x64 .* memory.* batch=1, strategy=tile"):
            fill(filler, BIG, "tile")


@pytest.mark.parametrize(
    ("hole", "options", "says"),
    [
        (np.zeros(SIZE, bool), {}, "no hole"),
        (np.eye(20, dtype=bool), {"composer": HardComposer(dilate=30)}, "nothing of the picture is left"),
        (SPOTS, {"strategy": "tiles"}, "strategy must be one of auto, whole, crop, tile, resize, got 'tiles'"),
        (SPOTS, {"batch": 0}, "batch must be at least 1, got 0"),
    ],
    ids=["empty", "full", "strategy", "batch"],
)
def test_what_means_nothing_is_refused(hole, options, says):
    with pytest.raises(InlayError, match=says):
        fill_picture(Painter(), Job(picture(size=hole.shape), hole), FillOptions(**options))
