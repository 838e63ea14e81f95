"""Against numpy and scikit-image in double precision."""

import numpy as np
import pytest
import torch
from skimage.metrics import mean_squared_error, peak_signal_noise_ratio

from inlay.metrics import FillResult, PixelErrors, measure
from tests.metrics.test_base import each, results


@pytest.fixture
def result():
    return results(3, 40, 48)


def in_hole(result):
    hole = result.mask[:, 0].numpy() == 1
    return (tensor.permute(0, 2, 3, 1).numpy()[hole] for tensor in (result.filled, result.image))


def test_one_picture_and_its_hole_equal_scikit_image(result):
    for i in range(3):
        one = each(result, lambda x, i=i: x[i : i + 1])
        found = measure(PixelErrors(), one)
        for where, (filled, image) in (("", (one.filled.numpy(), one.image.numpy())), ("_hole", in_hole(one))):
            psnr = peak_signal_noise_ratio(image, filled, data_range=1)
            assert found[f"mse{where}"] == pytest.approx(mean_squared_error(image, filled), rel=1e-12)
            assert found[f"psnr{where}"] == pytest.approx(psnr, abs=1e-10)
            assert found[f"l1{where}"] == pytest.approx(np.abs(image - filled).mean(), rel=1e-12)


def test_errors_of_several_pictures_are_pooled_over_their_pixels(result):
    found, (filled, image) = measure(PixelErrors(), result), in_hole(result)
    assert found["psnr_hole"] == pytest.approx(peak_signal_noise_ratio(image, filled, data_range=1), abs=1e-10)
    assert found["l1_hole"] == pytest.approx(np.abs(image - filled).mean(), rel=1e-12)
    columns = PixelErrors()(result)
    assert columns["pixels"].tolist() == [40 * 48] * 3
    assert columns["hole_pixels"].tolist() == [np.count_nonzero(mask) for mask in result.mask.numpy()]
    whole = result.image.numpy(), result.filled.numpy()
    assert found["psnr"] == pytest.approx(peak_signal_noise_ratio(*whole, data_range=1), abs=1e-10)


def test_one_perfect_picture_leaves_the_psnr_finite_and_all_of_them_do_not(result):
    result.filled[0] = result.image[0]
    assert np.isfinite(list(measure(PixelErrors(), result).values())).all()
    found = measure(PixelErrors(), result._replace(filled=result.image))
    assert found["psnr"] == found["psnr_hole"] == np.inf
    assert found["l1"] == found["mse"] == found["l1_hole"] == found["mse_hole"] == 0


def test_errors_are_of_the_hole_alone():
    image, mask = torch.zeros(3, 3, 4, 4), torch.zeros(3, 1, 4, 4)
    mask[0, :, :2], mask[1, :, 0, 0] = 1, 1
    filled = image.clone()
    filled[0, 0, :2] = 0.3
    filled[1] = 1.0  # outside the hole nothing is looked at
    found = PixelErrors()(FillResult(filled, mask, image))
    assert found["hole_pixels"].tolist() == [8, 1, 0]
    assert found["mse_hole"][:2].tolist() == pytest.approx([0.03, 1.0])
    assert found["l1_hole"][:2].tolist() == pytest.approx([0.1, 1.0])
    assert torch.stack([found["mse_hole"][2], found["l1_hole"][2]]).isnan().all()
