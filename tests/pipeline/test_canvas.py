import numpy as np
import pytest

from inlay.images import Picture
from inlay.pipeline.canvas import Canvas, cut
from inlay.pipeline.windows import Window
from tests.pictures import picture

SIZE = (40, 60)
HOLE = np.pad(np.ones((10, 20), bool), ((10, 20), (30, 10)))


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA16", "L"])
@pytest.mark.parametrize("scale", [0.5, 0.3, 0.77])
def test_what_lies_under_the_hole_tells_nothing_to_a_smaller_window(scale, mode):
    """The hole's colors change, and no small pixel does, not even one that is hole."""
    given = picture(mode, SIZE)
    other = Picture(np.where(HOLE[..., None], given.peak - given.pixels, given.pixels))
    window = Window(3, 7, 31, 50)
    (rgb, small), (changed, same) = (Canvas(each, HOLE).crop(window, scale)[:2] for each in (given, other))
    assert np.array_equal(small, same)
    assert rgb.shape == (*small.shape, 3) == (round(31 * scale), round(50 * scale), 3)
    assert np.array_equal(rgb, changed)
    assert small.mean() < HOLE[3:34, 7:57].mean() + 4 * scale * 60 / small.size


@pytest.mark.parametrize("mode", ["RGB", "RGBA16", "LA", "L16"])
def test_a_smaller_window_shows_means_of_what_is_known(mode):
    given = picture(mode, SIZE)
    rgb, small = Canvas(given, HOLE).crop(Window(0, 0, 40, 60), 0.5)[:2]
    means = given.rgb().reshape(20, 2, 30, 2, 3).mean((1, 3))
    assert np.array_equal(small, HOLE[::2, ::2])
    assert np.abs(rgb - means)[~small].max() <= 0.51 / given.peak
    assert (rgb[small] == 0).all()


def test_a_part_of_an_answer_is_where_it_belongs(rng):
    ramp = np.tile(((np.arange(120, dtype=np.float32) + 0.5) / 120)[None, :, None], (80, 1, 3))
    small = ramp.reshape(40, 2, 60, 2, 3).mean((1, 3))
    part = cut(small, Window(10, 20, 80, 120), Window(30, 50, 17, 33))
    assert part.shape == (17, 33, 3)
    assert np.abs(part - ramp[20:37, 30:63]).max() < 0.001  # a pixel is 0.0083
    answer = rng.random((20, 30, 3)).astype(np.float32)  # of full size
    assert np.array_equal(cut(answer, Window(5, 5, 20, 30), Window(10, 15, 4, 6)), answer[5:9, 10:16])
