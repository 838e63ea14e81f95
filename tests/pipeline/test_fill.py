"""Filling one picture with a filler that breaks every promise: it repaints the known pixels too."""

import numpy as np
import pytest
import torch

from inlay.fillers import Filler
from inlay.pipeline import FillOptions, Job, fill_picture
from tests.pictures import picture

MODES = ["L", "LA", "RGB", "RGBA", "L16", "RGB16", "RGBA16"]
SIZES = [(7, 9), (1, 13), (33, 32), (101, 47)]


class Negative(Filler):
    """Turns every pixel into its complement and remembers what it was given."""

    identity = "a test's"

    def fill(self, image, mask, *, text=None, seed=None):
        self.image, self.mask, self.text, self.seed = image, mask, text, seed
        return 1 - image


def hole(size):
    return np.random.default_rng(2).random(size) < 0.4


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("mode", MODES)
class TestFillPicture:
    def test_keeps_known_pixels_bit_for_bit(self, mode, size):
        given, where = picture(mode, size), hole(size)
        assert np.array_equal(
            fill_picture(Negative(), Job(given, where), FillOptions()).picture.pixels[~where], given.pixels[~where]
        )

    def test_keeps_size_and_mode(self, mode, size):
        filled = fill_picture(Negative(), Job(picture(mode, size), hole(size)), FillOptions()).picture
        assert (filled.size, filled.mode) == (size, mode)

    def test_puts_the_answer_into_the_hole(self, mode, size):
        given, where = picture(mode, size), hole(size)
        filled = fill_picture(Negative(), Job(given, where), FillOptions()).picture
        assert np.abs(filled.rgb()[where] - (1 - given.rgb()[where])).max() < 1.5 / given.peak

    def test_gives_the_filler_what_the_contract_says(self, mode, size):
        filler, given, where = Negative(), picture(mode, size), hole(size)
        fill_picture(filler, Job(given, where), FillOptions())
        assert (filler.image.shape, filler.image.dtype) == ((1, 3, *size), torch.float32)
        assert (filler.mask.shape, filler.mask.dtype) == ((1, 1, *size), torch.float32)
        assert 0 <= filler.image.min() <= filler.image.max() <= 1
        assert np.array_equal(filler.mask[0, 0].numpy(), where)
        assert (filler.text, filler.seed) == (None, None)

    def test_hands_text_and_seed_over(self, mode, size):
        filler = Negative()
        fill_picture(filler, Job(picture(mode, size), hole(size), "a bird", 7), FillOptions())
        assert (filler.text, filler.seed) == (["a bird"], [7])
        fill_picture(filler, Job(picture(mode, size), hole(size), ""), FillOptions())
        assert (filler.text, filler.seed) == (None, None)
