"""17. TDANet's official measures, flaws included, against computations of our own."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d
from skimage.metrics import structural_similarity

from inlay.metrics.legacy_tdanet import legacy_tdanet


@pytest.fixture
def pair(rng):
    truth = rng.integers(0, 256, (40, 50, 3)).astype(np.uint8)
    filled = np.clip(truth + rng.normal(0, 30, truth.shape), 0, 255).astype(np.uint8)
    return truth, filled


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


def test_ssim_is_taken_column_by_column_in_the_range_of_the_answer(pair):
    a, b = gray(pair[0]), gray(pair[1])
    expected = np.mean([column_ssim(a[:, k], b[:, k], b.max() - b.min()) for k in range(50)])
    assert legacy_tdanet(*pair)["ssim"] == pytest.approx(expected, rel=1e-6)


def test_ssim_differs_from_the_usual_one(pair):
    usual = structural_similarity(gray(pair[0]), gray(pair[1]), gaussian_weights=True, sigma=1.5, data_range=1.0)
    assert abs(legacy_tdanet(*pair)["ssim"] - usual) > 0.01


def test_the_rest_by_hand(pair):
    a, b = gray(pair[0]), gray(pair[1])
    found = legacy_tdanet(*pair)
    assert found["l1"] == pytest.approx(sum(abs(x - y) for x, y in zip(a.flat, b.flat, strict=True)) / (a + b).sum())
    assert found["psnr"] == pytest.approx(-10 * np.log10(((a - b) ** 2).mean()))
    lengths = [
        np.hypot(b[(i + 1) % 40, j] - b[i, j], b[i, (j + 1) % 50] - b[i, j]) for i in range(40) for j in range(50)
    ]
    assert found["tv"] == pytest.approx(np.mean(lengths))


def test_of_a_perfect_answer(pair):
    found = legacy_tdanet(pair[0], pair[0])
    assert (found["l1"], found["psnr"]) == (0, float("inf"))
    assert found["ssim"] == pytest.approx(1)
