import cv2
import numpy as np
import pytest
import torch

from inlay.fillers.classical import MeanFill, NavierStokes, Telea

FILLERS = [MeanFill, Telea, NavierStokes]
every_filler = pytest.mark.parametrize("filler", [f() for f in FILLERS], ids=[f.__name__ for f in FILLERS])


@pytest.fixture
def image():
    coarse = torch.rand(2, 3, 4, 4)
    return torch.nn.functional.interpolate(coarse, (16, 20), mode="bilinear")


@pytest.fixture
def mask():
    mask = torch.zeros(2, 1, 16, 20)
    mask[0, :, 4:9, 5:12] = 1
    mask[1, :, 0:6, 13:20] = 1
    mask[1, :, 10, 3] = 1
    return mask


@every_filler
def test_known_pixels_are_exact(filler, image, mask):
    known = ~mask.bool().expand_as(image)
    assert torch.equal(filler.fill(image, mask)[known], image[known])


@every_filler
def test_answer_is_a_picture(filler, image, mask):
    filled = filler.fill(image, mask)
    assert filled.shape == image.shape
    assert filled.dtype == torch.float32
    assert filled.min() >= 0
    assert filled.max() <= 1


@every_filler
def test_one_color_goes_on_in_the_hole(filler, mask):
    image = torch.tensor([0.2, 0.4, 0.8]).view(1, 3, 1, 1).expand(2, 3, 16, 20)
    torch.testing.assert_close(filler.fill(image, mask), image, rtol=0, atol=0.02)  # OpenCV's steps of 1/255 add up


@every_filler
@pytest.mark.parametrize("under", [0.0, 1.0, float("nan")])
def test_what_lies_under_the_mask_is_not_used(filler, image, mask, under):
    assert torch.equal(filler.fill(image.masked_fill(mask > 0, under), mask), filler.fill(image, mask))


@every_filler
def test_batch_equals_its_pictures(filler, image, mask):
    singles = [filler.fill(image[i : i + 1], mask[i : i + 1]) for i in range(2)]
    torch.testing.assert_close(filler.fill(image, mask), torch.cat(singles), rtol=1e-6, atol=1e-7)


@every_filler
def test_inputs_are_left_alone(filler, image, mask):
    before = image.clone(), mask.clone()
    filler.fill(image, mask)
    assert torch.equal(image, before[0])
    assert torch.equal(mask, before[1])


@every_filler
def test_picture_without_a_hole_comes_back(filler, image, mask):
    assert torch.equal(filler.fill(image, torch.zeros_like(mask)), image)


@every_filler
def test_picture_that_is_all_hole_gets_an_answer(filler, image, mask):
    assert filler.fill(image, torch.ones_like(mask)).isfinite().all()


@every_filler
def test_channels_last_is_accepted(filler, image, mask):
    last = image.to(memory_format=torch.channels_last)
    torch.testing.assert_close(filler.fill(last, mask), filler.fill(image, mask), rtol=1e-6, atol=1e-7)


def test_mean_is_that_of_the_known_pixels_of_each_picture(image, mask):
    filled = MeanFill().fill(image, mask).numpy()
    for picture, hole, answer in zip(image.numpy(), mask.numpy()[:, 0] == 1, filled, strict=True):
        for channel in range(3):
            expected = picture[channel][~hole].astype(np.float64).mean()
            np.testing.assert_allclose(answer[channel][hole], expected, rtol=1e-5)


def test_mean_of_nothing_is_mid_gray(image, mask):
    mask[1] = 1
    filled = MeanFill().fill(image, mask)
    assert (filled[1] == 0.5).all()
    assert not (filled[0] == 0.5).all()


@pytest.mark.parametrize("radius", [3.0, 5.0])
@pytest.mark.parametrize(
    ("filler", "algorithm"), [(Telea, cv2.INPAINT_TELEA), (NavierStokes, cv2.INPAINT_NS)], ids=["Telea", "NavierStokes"]
)
def test_opencv_answers_as_when_called_by_hand(filler, algorithm, radius, image, mask):
    filled = filler(radius).fill(image, mask)
    for picture, hole, answer in zip(image, mask[:, 0].numpy().astype(np.uint8), filled, strict=True):
        pixels = np.rint(picture.numpy().transpose(1, 2, 0) * 255).astype(np.uint8)
        pixels[hole == 1] = 0
        expected = cv2.inpaint(pixels, hole, radius, algorithm).astype(np.float32) / 255
        np.testing.assert_array_equal(answer.numpy().transpose(1, 2, 0)[hole == 1], expected[hole == 1])
