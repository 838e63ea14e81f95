"""17. TDANet's official measures, flaws included, against computations of our own."""

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter1d
from skimage.metrics import structural_similarity

from inlay.metrics import FillResult, measure
from inlay.metrics.legacy_tdanet import LegacyTDANet, legacy_tdanet


@pytest.fixture
def pair(rng):
    truth = rng.integers(0, 256, (40, 50, 3)).astype(np.uint8)
    filled = np.clip(truth + rng.normal(0, 30, truth.shape), 0, 255).astype(np.uint8)
    return truth, filled


@pytest.fixture
def result(rng):
    """Three pictures as files have them: the second one is exact, the third one black in truth and result."""
    truth, filled = rng.integers(0, 256, (2, 3, 3, 20, 24))
    filled[1], truth[2], filled[2] = truth[1], 0, 0
    filled, truth = (torch.from_numpy(pictures / 255) for pictures in (filled, truth))
    return FillResult(filled, torch.ones(3, 1, 20, 24), truth)


def one(result, index):
    pictures = (result.image[index], result.filled[index])
    return legacy_tdanet(*((picture * 255).round().byte().permute(1, 2, 0).numpy() for picture in pictures))


def gray(picture):
    return (0.299 * picture[..., 0] + 0.587 * picture[..., 1] + 0.114 * picture[..., 2]) / 255


def column_ssim(a, b, reach):
    """One column's structural similarity with a Gaussian window, by its definition."""
    mean = lambda x: gaussian_filter1d(x, 1.5, truncate=3.5)  # noqa: E731
    c1, c2 = (0.01 * reach) ** 2, (0.03 * reach) ** 2
    sample = 11 / 10  # scikit-image takes the variance of a sample of 11
    va, vb = sample * (mean(a * a) - mean(a) ** 2), sample * (mean(b * b) - mean(b) ** 2)
    vab = sample * (mean(a * b) - mean(a) * mean(b))
    similarity = (2 * mean(a) * mean(b) + c1) * (2 * vab + c2)
    similarity /= (mean(a) ** 2 + mean(b) ** 2 + c1) * (va + vb + c2)
    return similarity[5:-5].mean()


def test_ssim_is_taken_column_by_column_in_the_range_of_the_result(pair):
    a, b = gray(pair[0]), gray(pair[1])
    expected = np.mean([column_ssim(a[:, k], b[:, k], b.max() - b.min()) for k in range(50)])
    usual = structural_similarity(a, b, gaussian_weights=True, sigma=1.5, data_range=1.0)
    found = legacy_tdanet(*pair)["ssim"]
    assert found == pytest.approx(expected, rel=1e-6)
    assert abs(found - usual) > 0.01
    assert "ssim" not in legacy_tdanet(pair[0][:10], pair[1][:10])  # without room for a window there is none
    assert set(legacy_tdanet(pair[0][:11], pair[1][:11])) == {"l1", "psnr", "tv", "ssim"}


def test_the_rest_by_hand(pair):
    a, b = gray(pair[0]), gray(pair[1])
    found = legacy_tdanet(*pair)
    assert found["l1"] == pytest.approx(sum(abs(x - y) for x, y in zip(a.flat, b.flat, strict=True)) / (a + b).sum())
    assert found["psnr"] == pytest.approx(-10 * np.log10(((a - b) ** 2).mean()))
    lengths = [
        np.hypot(b[(i + 1) % 40, j] - b[i, j], b[i, (j + 1) % 50] - b[i, j]) for i in range(40) for j in range(50)
    ]
    assert found["tv"] == pytest.approx(np.mean(lengths))


def test_of_perfect_results_black_ones_and_a_single_gray(pair):
    found = legacy_tdanet(pair[0], pair[0])
    assert (found["l1"], found["psnr"], found["ssim"]) == (0, float("inf"), pytest.approx(1))
    black, gray = np.zeros((12, 14, 3), np.uint8), np.full((12, 14, 3), 128, np.uint8)
    found = legacy_tdanet(black, black)
    assert np.isnan([found["l1"], found["ssim"]]).all()
    assert (found["psnr"], found["tv"]) == (float("inf"), 0)
    found = legacy_tdanet(black, gray)
    assert (found["l1"], found["tv"], np.isnan(found["ssim"])) == (1, 0, True)


def test_means_are_those_of_what_pictures_have(result):
    better = {spec.name: spec.better for spec in LegacyTDANet().specs}
    assert better == {"l1_legacy": "lower", "psnr_legacy": "higher", "tv_legacy": "neither", "ssim_legacy": "higher"}
    first, exact, black = (one(result, i) for i in range(3))
    found = measure(LegacyTDANet(), result)
    assert found["psnr_legacy"] == pytest.approx(first["psnr"], rel=1e-12)  # the others would make it infinite
    assert found["l1_legacy"] == pytest.approx((first["l1"] + 0) / 2, rel=1e-12)
    assert found["ssim_legacy"] == pytest.approx((first["ssim"] + 1) / 2, rel=1e-12)
    assert found["tv_legacy"] == pytest.approx((first["tv"] + exact["tv"] + black["tv"]) / 3, rel=1e-12)


def test_psnr_is_a_mean_of_logarithms(rng):
    truth = torch.from_numpy(rng.integers(64, 192, (2, 3, 20, 24)) / 255)
    filled = truth + torch.tensor([1 / 255, 32 / 255])[:, None, None, None]
    found = measure(LegacyTDANet(), FillResult(filled, torch.ones(2, 1, 20, 24), truth))
    expected = np.mean([20 * np.log10(255), 20 * np.log10(255 / 32)])
    assert found["psnr_legacy"] == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("off", [-0.49, 0.49])
def test_pictures_are_rounded_to_8_bit(result, off):
    found = LegacyTDANet()(result._replace(filled=(result.filled + off / 255).clamp(0, 1)))
    for name, column in LegacyTDANet()(result).items():
        torch.testing.assert_close(found[name], column, rtol=0, atol=0, equal_nan=True)
