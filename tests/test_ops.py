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


@pytest.mark.parametrize("value", [0.5, NAN, float("inf")])
def test_erase_blanks_the_hole_whatever_is_there_and_nothing_else(mask, value):
    known = torch.rand(2, 3, 5, 7)
    image = known.masked_fill(mask > 0, value)
    before = image.clone()
    assert torch.equal(erase(image, mask), known * (1 - mask))
    torch.testing.assert_close(image, before, rtol=0, atol=0, equal_nan=True)


@pytest.mark.parametrize("value", [1.0, NAN, float("inf"), 1e30])
def test_composite_is_the_answer_in_the_hole_and_exactly_the_picture_elsewhere(mask, value):
    raw, image = torch.rand(2, 2, 3, 5, 7)
    hole = mask.bool().expand_as(image)
    for answer in (raw * value, (raw * value).bfloat16()):
        filled = composite(answer, image, mask)
        assert filled.dtype == torch.float32
        assert torch.equal(filled[~hole], image[~hole])
        torch.testing.assert_close(filled[hole], answer.float()[hole], rtol=0, atol=0, equal_nan=True)


def test_gradient_reaches_the_answer_in_the_hole_alone(mask):
    raw = torch.rand(2, 3, 5, 7, requires_grad=True)
    composite(raw, torch.rand(2, 3, 5, 7), mask).sum().backward()
    assert torch.equal(raw.grad, mask.expand_as(raw))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_hole_ratio_is_one_number_a_picture_and_not_rounded(dtype):
    mask = torch.zeros(2, 1, 7, 9, dtype=dtype)
    mask[0, 0, 0, 0] = 1
    torch.testing.assert_close(hole_ratio(mask), torch.tensor([1 / 63, 0.0]), rtol=1e-6, atol=0)


@settings(max_examples=50, deadline=None)
@given(height=st.integers(1, 40), width=st.integers(1, 40), multiple=st.integers(1, 33))
def test_padding_reaches_the_next_multiple_with_the_value_and_can_be_cropped_away(height, width, multiple):
    x = torch.rand(1, 2, height, width)
    padded = pad_to_multiple(x, multiple, value=2.0)
    assert torch.equal(padded[..., :height, :width], x)
    assert (padded == 2).sum() == padded.numel() - x.numel()
    for before, after in zip((height, width), padded.shape[2:], strict=True):
        assert after % multiple == 0
        assert 0 <= after - before < multiple


@pytest.mark.parametrize(("side", "expected"), [(1, 8), (4, 8), (8, 8), (9, 12)])
def test_padding_reaches_the_least_and_what_fits_is_not_copied(side, expected):
    padded = pad_to_multiple(x := torch.zeros(1, 1, side, 20), 4, least=2)
    assert padded.shape == (1, 1, expected, 20)
    assert (padded is x) == (side == expected)


def test_an_output_is_compared_with_the_target_where_a_batch_has_one():
    image, target = torch.rand(1, 3, 4, 4), torch.zeros(1, 1, 4, 4)
    batch = Batch(image=image, mask=torch.zeros(1, 1, 4, 4), id=["a"])
    assert target_of(batch) is image
    assert target_of({**batch, "target": target}) is target
