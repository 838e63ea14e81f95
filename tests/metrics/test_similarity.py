"""Against scikit-image and torchmetrics in double precision."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from skimage.metrics import structural_similarity
from torchmetrics.functional.image import (
    structural_similarity_index_measure,
)

from inlay.metrics import Similarity
from inlay.metrics.similarity import LEAST_SIDE, SCALES, ssim_maps
from tests.metrics.test_base import answers, values_of

RIM = 5  # half a window of 11


def by_skimage(answer, index, **options):
    """SSIM of one picture; the mean leaves out a rim of half a window, the map ends there in zeros."""
    return structural_similarity(
        answer.image[index].numpy(),
        answer.filled[index].numpy(),
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        data_range=1,
        channel_axis=0,
        **options,
    )


def mirrored(pictures):
    return F.pad(pictures, (RIM,) * 4, mode="reflect")


@pytest.fixture
def answer():
    return answers(3, 61, 47)


@pytest.fixture(scope="module")
def large():
    torch.manual_seed(0)
    return answers(3, 177, 191)


class TestSSIM:
    def test_interior_equals_scikit_image(self, answer):
        inside = torch.zeros_like(answer.mask)
        inside[..., RIM:-RIM, RIM:-RIM] = 1
        found = Similarity()(answer._replace(mask=inside))["ssim_hole"].tolist()
        assert found == pytest.approx([by_skimage(answer, i) for i in range(3)], abs=1e-10)

    def test_whole_picture_equals_scikit_image_on_a_mirrored_one(self, answer):
        found = Similarity()(answer)["ssim"].tolist()
        wide = answer._replace(image=mirrored(answer.image), filled=mirrored(answer.filled))
        assert found == pytest.approx([by_skimage(wide, i) for i in range(3)], abs=1e-10)

    def test_equals_torchmetrics(self, answer):
        expected = structural_similarity_index_measure(answer.filled, answer.image, data_range=1.0, reduction="none")
        torch.testing.assert_close(Similarity()(answer)["ssim"], expected, rtol=0, atol=1e-10)
        assert values_of(Similarity(scales=False), answer)["ssim"] == pytest.approx(expected.mean().item(), abs=1e-10)

    def test_hole_is_the_mean_of_the_map_over_all_hole_pixels(self, answer):
        wide = answer._replace(image=mirrored(answer.image), filled=mirrored(answer.filled))
        maps = [by_skimage(wide, i, full=True)[1][:, RIM:-RIM, RIM:-RIM] for i in range(3)]
        pixels = np.stack(maps)[answer.mask.expand_as(answer.image).numpy() == 1]
        assert values_of(Similarity(scales=False), answer)["ssim_hole"] == pytest.approx(pixels.mean(), abs=1e-10)

    def test_map_of_a_pixel_by_its_definition(self, answer):
        """Eq. 13 with a window written out, of one pixel inside and of the corner."""
        bell = np.exp(-(np.arange(-RIM, RIM + 1) ** 2) / (2 * 1.5**2))
        window = np.outer(bell, bell) / np.outer(bell, bell).sum()
        similarity, structure = ssim_maps(answer.filled, answer.image)
        a, b = (np.pad(x[1, 2].numpy(), RIM, mode="reflect") for x in (answer.filled, answer.image))
        for row, column in ((20, 30), (0, 0), (60, 46)):
            u, v = (x[row : row + 11, column : column + 11] for x in (a, b))
            mu, mv = (window * u).sum(), (window * v).sum()
            variances = (window * (u - mu) ** 2).sum() + (window * (v - mv) ** 2).sum()
            contrast = (2 * (window * (u - mu) * (v - mv)).sum() + 0.0009) / (variances + 0.0009)
            luminance = (2 * mu * mv + 0.0001) / (mu**2 + mv**2 + 0.0001)
            assert structure[1, 2, row, column].item() == pytest.approx(contrast, abs=1e-10)
            assert similarity[1, 2, row, column].item() == pytest.approx(luminance * contrast, abs=1e-10)

    def test_of_the_truth_is_one(self, large):
        found = values_of(Similarity(), large._replace(filled=large.image))
        assert list(found.values()) == pytest.approx([1] * 4, abs=1e-12)

    def test_of_a_negative_is_below_zero(self, answer):
        assert values_of(Similarity(scales=False), answer._replace(filled=1 - answer.image))["ssim"] < 0

    def test_negative_means_count_zero(self, large):
        columns = Similarity()(large._replace(filled=1 - large.image))
        assert columns["ms_ssim"].tolist() == [0] * 3

    def test_exponents_sum_to_one(self):
        assert sum(SCALES) == pytest.approx(1, abs=2e-4)  # as published

    @pytest.mark.parametrize(("height", "width"), [(LEAST_SIDE - 1, 200), (200, LEAST_SIDE - 1)])
    def test_pictures_that_are_too_small_have_none(self, height, width):
        assert set(Similarity()(answers(1, height, width))) == {"ssim", "ssim_hole", "hole_pixels"}

    def test_the_smallest_that_has_one(self):
        columns = Similarity()(answers(1, LEAST_SIDE, LEAST_SIDE))
        assert 0 < columns["ms_ssim"].item() < 1

    def test_can_be_left_out(self, large):
        measure = Similarity(scales=False)
        assert [metric.name for metric in measure.metrics] == ["ssim", "ssim_hole"]
        assert not any("ms_ssim" in name for name in measure(large))
