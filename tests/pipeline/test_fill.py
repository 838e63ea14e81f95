"""Filling one picture with a filler that breaks every promise: it repaints the known pixels, too."""

import numpy as np
import pytest
import torch

from inlay.pipeline import FillOptions, Job, fill_picture
from tests.pictures import picture
from tests.pipeline.fillers import Negative


@pytest.mark.parametrize("size", [(7, 9), (1, 13), (33, 32), (101, 47)])
@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "L16", "LA16", "RGB16", "RGBA16"])
def test_the_hole_is_predicted_and_known_pixels_are_exact(mode, size):
    filler, given, hole = Negative(), picture(mode, size), np.random.default_rng(2).random(size) < 0.4
    filled = fill_picture(filler, Job(given, hole), FillOptions()).picture
    assert (filled.size, filled.mode) == (size, mode)
    assert np.array_equal(filled.pixels[~hole], given.pixels[~hole])
    assert np.abs(filled.rgb()[hole] - (1 - given.rgb()[hole])).max() < 1.5 / given.peak
    if "A" in mode:
        assert (filled.pixels[hole][:, -1] == given.peak).all()
    (image,), (mask,) = filler.images, filler.masks
    assert (image.shape, image.dtype) == ((1, 3, *size), torch.float32)
    assert (mask.shape, mask.dtype) == ((1, 1, *size), torch.float32)
    assert 0 <= image.min() <= image.max() <= 1
    assert np.array_equal(mask[0, 0].numpy(), hole)
    assert (filler.texts, filler.seeds, filler.references) == ([None], [None], [None])


def test_text_seed_and_reference_are_handed_over():
    filler, hole, shown = Negative(), np.eye(20, 30, dtype=bool), picture("L16", (5, 7))
    filler.takes_text = True
    fill_picture(filler, Job(picture(), hole, "a bird", 7, shown), FillOptions())
    fill_picture(filler, Job(picture(), hole, ""), FillOptions())
    assert (filler.texts, filler.seeds) == ([["a bird"], None], [[7], None])
    assert np.array_equal(filler.references[0][0].permute(1, 2, 0), shown.rgb())
