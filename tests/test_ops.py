import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from inlay.ops import composite, erase, hole_ratio, pad_to_multiple, target_of
from inlay.types import Batch

NAN = float("nan")


@pytest.fixture
def mask():
    return (torch.rand(2, 1, 5, 7) < 0.5).float()


def test_erase_blanks_the_hole_and_nothing_else(mask):
    image = torch.rand(2, 3, 5, 7)
    assert torch.equal(erase(image, mask), image * (1 - mask))


@pytest.mark.parametrize("value", [NAN, float("inf")])
def test_erase_blanks_even_what_is_not_finite(mask, value):
    image = torch.rand(2, 3, 5, 7).masked_fill(mask > 0, value)
    assert erase(image, mask).isfinite().all()


def test_erase_leaves_its_input_alone(mask):
    image = torch.ones(2, 3, 5, 7)
    erase(image, mask)
    assert torch.equal(image, torch.ones(2, 3, 5, 7))


def test_composite_is_the_answer_in_the_hole_and_the_picture_elsewhere(mask):
    raw, image = torch.rand(2, 2, 3, 5, 7)
    hole = mask.bool().expand_as(image)
    filled = composite(raw, image, mask)
    assert torch.equal(filled[hole], raw[hole])
    assert torch.equal(filled[~hole], image[~hole])


@pytest.mark.parametrize("value", [NAN, float("inf"), 1e30])
def test_known_pixels_are_exact_whatever_the_answer_is_there(mask, value):
    image = torch.rand(2, 3, 5, 7)
    known = ~mask.bool().expand_as(image)
    assert torch.equal(composite(torch.full_like(image, value), image, mask)[known], image[known])


def test_known_pixels_are_exact_under_an_answer_in_bfloat16(mask):
    image = torch.rand(2, 3, 5, 7)
    known = ~mask.bool().expand_as(image)
    filled = composite(torch.rand(2, 3, 5, 7).bfloat16(), image, mask)
    assert filled.dtype == torch.float32
    assert torch.equal(filled[known], image[known])


def test_gradient_reaches_the_answer_in_the_hole_alone(mask):
    raw = torch.rand(2, 3, 5, 7, requires_grad=True)
    composite(raw, torch.rand(2, 3, 5, 7), mask).sum().backward()
    assert torch.equal(raw.grad, mask.expand_as(raw))


def test_hole_ratio_is_one_number_a_picture():
    mask = torch.zeros(2, 1, 4, 5)
    mask[0, 0, 0] = 1
    torch.testing.assert_close(hole_ratio(mask), torch.tensor([0.25, 0.0]))


def test_hole_ratio_of_a_half_precision_mask_is_not_rounded():
    mask = torch.zeros(1, 1, 7, 9, dtype=torch.bfloat16)
    mask[..., 0, 0] = 1
    assert hole_ratio(mask).item() == pytest.approx(1 / 63, rel=1e-6)


sizes = st.integers(1, 40)


@settings(max_examples=50, deadline=None)
@given(height=sizes, width=sizes, multiple=st.integers(1, 33))
def test_padding_can_be_cropped_away(height, width, multiple):
    x = torch.rand(1, 2, height, width)
    assert torch.equal(pad_to_multiple(x, multiple)[..., :height, :width], x)


@settings(max_examples=50, deadline=None)
@given(height=sizes, width=sizes, multiple=st.integers(1, 33))
def test_padding_reaches_the_next_multiple_and_no_further(height, width, multiple):
    padded = pad_to_multiple(torch.rand(1, 2, height, width), multiple)
    for before, after in zip((height, width), padded.shape[2:], strict=True):
        assert after % multiple == 0
        assert 0 <= after - before < multiple


def test_padding_holds_the_value():
    padded = pad_to_multiple(torch.zeros(1, 1, 3, 5), 4, value=1.0)
    assert padded.sum() == 4 * 8 - 3 * 5


@pytest.mark.parametrize(("side", "expected"), [(1, 8), (4, 8), (8, 8), (9, 12)])
def test_padding_reaches_the_least(side, expected):
    assert pad_to_multiple(torch.zeros(1, 1, side, 20), 4, least=2).shape == (1, 1, expected, 20)


def test_what_fits_is_not_copied():
    x = torch.rand(1, 3, 8, 4)
    assert pad_to_multiple(x, 4) is x


def test_an_output_is_compared_with_the_target_where_a_batch_has_one():
    image, target = torch.rand(1, 3, 4, 4), torch.zeros(1, 1, 4, 4)
    batch = Batch(image=image, mask=torch.zeros(1, 1, 4, 4), id=["a"])
    assert target_of(batch) is image
    assert target_of({**batch, "target": target}) is target
