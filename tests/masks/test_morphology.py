import numpy as np
import pytest
from scipy import ndimage

from inlay.masks.morphology import dilated, kernel_size, opened
from tests.masks.contexts import disc, rectangle


@pytest.fixture
def speckled(rng):
    return (ndimage.gaussian_filter(rng.normal(size=(100, 120)), 3) > 0.05) | (rng.random((100, 120)) < 0.01)


@pytest.mark.parametrize("side", [16, 100, 513])
def test_kernels_are_odd_and_as_wide_as_asked_for(side):
    for share in np.linspace(0, 0.4, 200):
        size = kernel_size(share, side)
        assert size % 2 == 1
        assert abs(size - max(1, share * side)) <= 1


@pytest.mark.parametrize("share", np.linspace(0.02, 0.3, 29))
@pytest.mark.parametrize(
    ("change", "mask"), [(dilated, rectangle((101, 101), 50, 51, 50, 51)), (opened, disc(101, 30))]
)
def test_growing_and_cleaning_shift_nothing(change, mask, share):
    # An even kernel has no middle: what it grows, it moves by half a pixel.
    mask = change(mask, share)
    assert np.array_equal(mask, mask[::-1])
    assert np.array_equal(mask, mask[:, ::-1])


@pytest.mark.parametrize("size", [5, 9, 21])
def test_grows_by_half_the_kernel(size):
    grown = dilated(disc(101, 20), size / 101)
    distance = ndimage.distance_transform_edt(~disc(101, 20))
    assert grown[distance <= size // 2 - 1].all()
    assert not grown[distance > size // 2 + 1].any()


@pytest.mark.parametrize("size", [3, 7, 15])
@pytest.mark.parametrize(("ours", "reference"), [(dilated, ndimage.binary_dilation), (opened, ndimage.binary_opening)])
def test_agrees_with_scipy(speckled, size, ours, reference):
    side, around = 2 * size + 1, slice(size - size // 2, size + size // 2 + 1)
    kernel = dilated(rectangle((side, side), size, size + 1, size, size + 1), size / side)[around, around]
    inner = np.s_[size:-size, size:-size]  # at the frame of the picture the two differ in what they think lies outside
    assert kernel.shape == (size, size)
    assert np.array_equal(ours(speckled, size / 100)[inner], reference(speckled, kernel)[inner])


def test_cleaning_removes_what_is_thin_and_spares_what_is_not_and_the_frame():
    thick, thin = rectangle((100, 100), 20, 60, 20, 60), rectangle((100, 100), 80, 82, 10, 90)
    cleaned = opened(thick | thin, 0.07)
    assert not (cleaned & thin).any()
    assert (cleaned & thick).sum() > 0.98 * thick.sum()
    half = rectangle((100, 100), 0, 100, 0, 50)
    assert np.array_equal(opened(half, 0.15), half)


def test_nothing_asked_for_changes_nothing(speckled):
    before = speckled.copy()
    for change in (dilated, opened):
        assert np.array_equal(change(speckled, 0.0), before)
        change(speckled, 0.1)
        assert np.array_equal(speckled, before)  # what was given stays as it is
