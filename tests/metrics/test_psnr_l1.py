"""Against numpy and scikit-image in double precision."""

import numpy as np
import pytest
import torch
from skimage.metrics import mean_squared_error, peak_signal_noise_ratio

from inlay.metrics import Fidelity, FillResult
from tests.metrics.test_base import answers, at, values_of


@pytest.fixture
def answer():
    return answers(3, 40, 48)


def in_hole(answer):
    """The hole's pixels of all pictures, of the answer and of the truth."""
    hole = answer.mask[:, 0].numpy() == 1
    return (tensor.permute(0, 2, 3, 1).numpy()[hole] for tensor in (answer.filled, answer.image))


def test_one_picture_equals_scikit_image(answer):
    for i in range(3):
        one = at(answer, slice(i, i + 1))
        found = values_of(Fidelity(), one)
        filled, image = one.filled.numpy(), one.image.numpy()
        assert found["mse"] == pytest.approx(mean_squared_error(image, filled), rel=1e-12)
        assert found["psnr"] == pytest.approx(peak_signal_noise_ratio(image, filled, data_range=1), abs=1e-10)
        assert found["l1"] == pytest.approx(np.abs(image - filled).mean(), rel=1e-12)


def test_hole_of_one_picture_equals_scikit_image(answer):
    for i in range(3):
        one = at(answer, slice(i, i + 1))
        found, (filled, image) = values_of(Fidelity(), one), in_hole(one)
        assert found["mse_hole"] == pytest.approx(mean_squared_error(image, filled), rel=1e-12)
        assert found["psnr_hole"] == pytest.approx(peak_signal_noise_ratio(image, filled, data_range=1), abs=1e-10)
        assert found["l1_hole"] == pytest.approx(np.abs(image - filled).mean(), rel=1e-12)


def test_errors_of_several_pictures_are_pooled_over_their_pixels(answer):
    found, (filled, image) = values_of(Fidelity(), answer), in_hole(answer)
    assert found["psnr_hole"] == pytest.approx(peak_signal_noise_ratio(image, filled, data_range=1), abs=1e-10)
    assert found["l1_hole"] == pytest.approx(np.abs(image - filled).mean(), rel=1e-12)
    whole = answer.image.numpy(), answer.filled.numpy()
    assert found["psnr"] == pytest.approx(peak_signal_noise_ratio(*whole, data_range=1), abs=1e-10)


def test_one_perfect_picture_leaves_the_psnr_finite_and_all_of_them_do_not(answer):
    answer.filled[0] = answer.image[0]
    assert np.isfinite(list(values_of(Fidelity(), answer).values())).all()
    found = values_of(Fidelity(), answer._replace(filled=answer.image))
    assert found["psnr"] == found["psnr_hole"] == np.inf
    assert found["l1"] == found["mse"] == found["l1_hole"] == found["mse_hole"] == 0


def test_weights_count_pixels(answer):
    columns = Fidelity()(answer)
    assert columns["pixels"].tolist() == [40 * 48] * 3
    assert columns["hole_pixels"].tolist() == [np.count_nonzero(mask) for mask in answer.mask.numpy()]


def test_errors_are_of_the_hole_alone():
    image, mask = torch.zeros(3, 3, 4, 4), torch.zeros(3, 1, 4, 4)
    mask[0, :, :2], mask[1, :, 0, 0] = 1, 1
    filled = image.clone()
    filled[0, 0, :2] = 0.3
    filled[1] = 1.0  # outside the hole nothing is looked at
    found = Fidelity()(FillResult(filled, image, mask))
    assert found["hole_pixels"].tolist() == [8, 1, 0]
    assert found["mse_hole"][:2].tolist() == pytest.approx([0.03, 1.0])
    assert found["l1_hole"][:2].tolist() == pytest.approx([0.1, 1.0])
    assert found["mse_hole"][2].isnan()
    assert found["l1_hole"][2].isnan()
