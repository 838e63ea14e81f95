"""Against scikit-image and torchmetrics in double precision."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from skimage.metrics import structural_similarity
from torchmetrics.functional.image import structural_similarity_index_measure

from inlay.metrics import StructuralSimilarity, measure
from inlay.metrics.ssim import MIN_SIDE, SCALES, ssim_maps
from tests.metrics.test_base import results

RIM = 5  # half a window of 11
ONE_SCALE = StructuralSimilarity(scales=False)


def by_skimage(result, index, **options):
    """SSIM of one picture; the mean leaves out a rim of half a window, the map ends there in zeros."""
    published = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 1}
    pictures = result.image[index].numpy(), result.filled[index].numpy()
    return structural_similarity(*pictures, channel_axis=0, **published, **options)


def mirrored(pictures):
    return F.pad(pictures, (RIM,) * 4, mode="reflect")


@pytest.fixture
def result():
    return results(3, 61, 47)


@pytest.fixture(scope="module")
def large():
    torch.manual_seed(0)
    return results(3, 177, 191)


class TestSSIM:
    def test_interior_and_on_a_mirrored_one_the_whole_picture_equal_scikit_image(self, result):
        inside = torch.zeros_like(result.mask)
        inside[..., RIM:-RIM, RIM:-RIM] = 1
        wide = result._replace(image=mirrored(result.image), filled=mirrored(result.filled))
        found = StructuralSimilarity()(result._replace(mask=inside))
        assert found["ssim_hole"].tolist() == pytest.approx([by_skimage(result, i) for i in range(3)], abs=1e-10)
        assert found["ssim"].tolist() == pytest.approx([by_skimage(wide, i) for i in range(3)], abs=1e-10)

    def test_equals_torchmetrics(self, result):
        expected = structural_similarity_index_measure(result.filled, result.image, data_range=1.0, reduction="none")
        torch.testing.assert_close(StructuralSimilarity()(result)["ssim"], expected, rtol=0, atol=1e-10)
        assert measure(ONE_SCALE, result)["ssim"] == pytest.approx(expected.mean().item(), abs=1e-10)

    def test_hole_is_the_mean_of_the_map_over_all_hole_pixels(self, result):
        wide = result._replace(image=mirrored(result.image), filled=mirrored(result.filled))
        maps = [by_skimage(wide, i, full=True)[1][:, RIM:-RIM, RIM:-RIM] for i in range(3)]
        pixels = np.stack(maps)[result.mask.expand_as(result.image).numpy() == 1]
        assert measure(ONE_SCALE, result)["ssim_hole"] == pytest.approx(pixels.mean(), abs=1e-10)

    def test_map_of_a_pixel_by_its_definition(self, result):
        """Eq. 13 with a window written out, of one pixel inside and of the corner."""
        bell = np.exp(-(np.arange(-RIM, RIM + 1) ** 2) / (2 * 1.5**2))
        window = np.outer(bell, bell) / np.outer(bell, bell).sum()
        similarity, structure = ssim_maps(result.filled, result.image)
        a, b = (np.pad(x[1, 2].numpy(), RIM, mode="reflect") for x in (result.filled, result.image))
        for row, column in ((20, 30), (0, 0), (60, 46)):
            u, v = (x[row : row + 11, column : column + 11] for x in (a, b))
            mu, mv = (window * u).sum(), (window * v).sum()
            variances = (window * (u - mu) ** 2).sum() + (window * (v - mv) ** 2).sum()
            contrast = (2 * (window * (u - mu) * (v - mv)).sum() + 0.0009) / (variances + 0.0009)
            luminance = (2 * mu * mv + 0.0001) / (mu**2 + mv**2 + 0.0001)
            assert structure[1, 2, row, column].item() == pytest.approx(contrast, abs=1e-10)
            assert similarity[1, 2, row, column].item() == pytest.approx(luminance * contrast, abs=1e-10)

    def test_of_the_truth_is_one_and_of_a_negative_below_zero_which_counts_zero(self, large):
        assert sum(SCALES) == pytest.approx(1, abs=2e-4)  # as published
        found = measure(StructuralSimilarity(), large._replace(filled=large.image))
        assert list(found.values()) == pytest.approx([1] * 4, abs=1e-12)
        columns = StructuralSimilarity()(large._replace(filled=1 - large.image))
        assert columns["ssim"].mean() < 0
        assert columns["ms_ssim"].tolist() == [0] * 3

    def test_several_scales_need_a_size_and_can_be_left_out(self, large):
        for size in ((MIN_SIDE - 1, 200), (200, MIN_SIDE - 1)):
            assert set(StructuralSimilarity()(results(1, *size))) == {"ssim", "ssim_hole", "hole_pixels"}
        assert 0 < StructuralSimilarity()(results(1, MIN_SIDE, MIN_SIDE))["ms_ssim"].item() < 1
        assert [spec.name for spec in ONE_SCALE.specs] == ["ssim", "ssim_hole"]
        assert not any("ms_ssim" in name for name in ONE_SCALE(large))
