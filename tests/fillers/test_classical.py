from importlib.metadata import version

import cv2
import numpy as np
import pytest
import torch

import inlay
from inlay.errors import InlayError
from inlay.fillers.classical import Biharmonic, MeanFill, NavierStokes, Telea

FILLERS = [MeanFill, Telea, NavierStokes, Biharmonic]
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
def test_known_pixels_are_exact_what_was_in_the_hole_is_not_used_and_a_batch_equals_its_pictures(filler, image, mask):
    before, known = (image.clone(), mask.clone()), ~mask.bool().expand_as(image)
    filled = filler.fill(image, mask)
    assert (filled.shape, filled.dtype) == (image.shape, torch.float32)
    assert 0 <= filled.min() <= filled.max() <= 1
    assert torch.equal(filled[known], image[known])
    for under in (0.0, 1.0, float("nan")):
        assert torch.equal(filler.fill(image.masked_fill(mask > 0, under), mask), filled)
    assert all(map(torch.equal, before, (image, mask)))
    singles = torch.cat(list(map(filler.fill, image.split(1), mask.split(1))))
    for batch in (filled, filler.fill(image.to(memory_format=torch.channels_last), mask)):
        torch.testing.assert_close(batch, singles, rtol=1e-6, atol=1e-7)


@every_filler
def test_one_color_goes_on_in_the_hole(filler, mask):
    image = torch.tensor([0.2, 0.4, 0.8]).view(1, 3, 1, 1).expand(2, 3, 16, 20)
    torch.testing.assert_close(filler.fill(image, mask), image, rtol=0, atol=0.02)  # OpenCV's steps of 1/255 add up


@every_filler
@pytest.mark.parametrize("size", [(1, 1), (1, 9), (2, 3), (16, 20)])
def test_any_size_will_do_and_any_hole(filler, size):
    image = torch.rand(1, 3, *size)
    for holes in (0, 1, -1, size[0] * size[1]):
        mask = torch.zeros(size[0] * size[1])
        mask[:holes] = 1
        filled = filler.fill(image, mask.reshape(1, 1, *size))
        assert filled.shape == (1, 3, *size)
        assert 0 <= filled.min() <= filled.max() <= 1
        assert holes or torch.equal(filled, image)


@every_filler
def test_what_is_not_taken_is_refused_and_a_seed_not_read(filler, image, mask):
    assert torch.equal(filler.fill(image, mask, text=["", ""], seed=1), filler.fill(image, mask))
    with pytest.raises(InlayError, match=r"text: .* takes none\. .* checkpoint of TDANet"):
        filler.fill(image, mask, text=["a", ""])
    with pytest.raises(InlayError, match=r"reference: .* takes none\. Leave it out"):
        filler.fill(image, mask, reference=image)
    with pytest.raises(InlayError, match="reference must be 2 pictures"):
        filler.fill(image, mask, reference=image[:1])
    for text in (["bird"], ["bird"] * 3, [], "ab"):
        with pytest.raises(InlayError, match="text must be a list of 2 texts"):
            filler.fill(image, mask, text=text)


def test_mean_is_that_of_the_known_pixels_of_each_picture(image, mask):
    filled = MeanFill().fill(image, mask).numpy()
    for picture, hole, answer in zip(image.numpy(), mask.numpy()[:, 0] == 1, filled, strict=True):
        for channel in range(3):
            expected = picture[channel][~hole].astype(np.float64).mean()
            np.testing.assert_allclose(answer[channel][hole], expected, rtol=1e-5)


@pytest.mark.parametrize("filler", [MeanFill, Biharmonic])
def test_what_is_made_of_nothing_is_mid_gray(filler, image, mask):
    mask[1] = 1
    assert [bool((each == 0.5).all()) for each in filler().fill(image, mask)] == [False, True]


@pytest.mark.parametrize("radius", [3.0, 5.0])
@pytest.mark.parametrize(("filler", "algorithm"), [(Telea, cv2.INPAINT_TELEA), (NavierStokes, cv2.INPAINT_NS)])
def test_opencv_answers_as_when_called_by_hand(filler, algorithm, radius, image, mask):
    filled = filler(radius).fill(image, mask)
    for picture, hole, answer in zip(image, mask[:, 0].numpy().astype(np.uint8), filled, strict=True):
        pixels = np.rint(picture.numpy().transpose(1, 2, 0) * 255).astype(np.uint8)
        pixels[hole == 1] = 0
        expected = cv2.inpaint(pixels, hole, radius, algorithm).astype(np.float32) / 255
        np.testing.assert_array_equal(answer.numpy().transpose(1, 2, 0)[hole == 1], expected[hole == 1])


@pytest.mark.parametrize("filler", [Telea(), NavierStokes()], ids=["Telea", "NavierStokes"])
@pytest.mark.parametrize("size", [(1, 64), (64, 1)])
def test_opencv_answers_the_same_on_a_line_each_time(filler, size):
    """Beyond a line one pixel wide there is other memory, which OpenCV would read."""
    line = torch.linspace(0.2, 0.6, 64).reshape(1, 1, *size).repeat(1, 3, 1, 1)
    mask = torch.zeros(64)
    mask[:4] = mask[20:30] = mask[50] = 1
    answers = []
    for number in range(20):
        traces = [np.full(length, 255 * (number % 2), np.uint8) for length in (64, 192, 198, 200, 256, 512) * 8]
        del traces  # in the memory that OpenCV is given next
        answers.append(filler.fill(line, mask.reshape(1, 1, *size)))
    assert all(torch.equal(answer, answers[0]) for answer in answers)
    known, step = line[0, 0].flatten()[mask == 0], 1 / 255
    assert known.min() - step <= answers[0].min() <= answers[0].max() <= known.max() + step


def test_biharmonic_fill_solves_the_biharmonic_equation():
    """Away from the edges: the discrete Laplacian of the Laplacian vanishes in all of the hole."""
    image, mask = 0.3 + 0.4 * torch.rand(1, 3, 20, 24), torch.zeros(1, 1, 20, 24)
    mask[..., 6:12, 7:15] = 1
    image[..., 3:17, 3:21] = 0.5 + 0.1 * torch.rand(1, 3, 1, 1)  # smooth around the hole, so that nothing is clipped
    image[..., 3:5, :] += 0.01
    filled = Biharmonic().fill(image, mask)[0].double().numpy()
    stencil = np.array([[0, 0, 1, 0, 0], [0, 2, -8, 2, 0], [1, -8, 20, -8, 1], [0, 2, -8, 2, 0], [0, 0, 1, 0, 0]])
    for row in range(6, 12):
        for column in range(7, 15):
            around = filled[:, row - 2 : row + 3, column - 2 : column + 3]
            assert np.abs((stencil * around).sum((1, 2))).max() < 1e-5


def test_biharmonic_fill_goes_on_with_a_slope_and_stays_between_what_is_known():
    ramp, mask = torch.linspace(0.2, 0.8, 24).expand(1, 3, 24, 24), torch.zeros(1, 1, 24, 24)
    mask[..., 8:15, 8:15] = 1
    torch.testing.assert_close(Biharmonic().fill(ramp, mask), ramp, rtol=0, atol=1e-6)
    mask[..., 12:] = 1  # the slope would go on to 0.8
    mask[..., :12] = 0
    assert Biharmonic().fill(ramp, mask).max() == ramp[..., :12].max()


def test_says_which_library_fills():
    assert MeanFill().identity == f"Inlay {inlay.__version__}"
    assert Telea().identity == f"OpenCV {cv2.__version__}, radius 3"
    assert NavierStokes(2.5).identity == f"OpenCV {cv2.__version__}, radius 2.5"
    assert Biharmonic().identity == f"scikit-image {version('scikit-image')}"
