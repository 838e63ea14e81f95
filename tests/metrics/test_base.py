"""What every metric of single pictures has to hold, and how columns become a value."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from inlay.errors import InlayError
from inlay.metrics import (
    BoundaryError,
    FillResult,
    LegacyTDANet,
    MetricSpec,
    PixelErrors,
    Sharpness,
    StructuralSimilarity,
    TotalVariation,
    measure,
)

METRICS = [
    PixelErrors(),
    StructuralSimilarity(),
    StructuralSimilarity(scales=False),
    TotalVariation(),
    Sharpness(),
    BoundaryError(),
    LegacyTDANet(),
]
every_metric = pytest.mark.parametrize("metric", METRICS, ids=lambda metric: type(metric).__name__)


def results(count, height, width, dtype=torch.float64):
    """Smooth pictures, noisy fills of blocky holes, equal elsewhere as a composite is."""
    image = F.interpolate(torch.rand(count, 3, 9, 9), (height, width), mode="bicubic").clamp(0, 1)
    mask = F.interpolate((torch.rand(count, 1, 11, 12) < 0.4).float(), (height, width))
    filled = torch.where(mask > 0.5, (image + 0.08 * torch.randn_like(image)).clamp(0, 1), image)
    return FillResult(filled.to(dtype), mask.to(dtype), image.to(dtype))


def fitting(metric, count=3, dtype=torch.float64):
    return results(count, *((176, 192) if getattr(metric, "scales", False) else (40, 44)), dtype=dtype)


def each(result, change):
    return FillResult(*(change(tensor) for tensor in result[:3]))


def close(found, expected, rtol=1e-10, atol=1e-12):
    assert set(found) == set(expected)
    for name, column in expected.items():
        torch.testing.assert_close(found[name].double(), column.double(), rtol=rtol, atol=atol)


def test_finish():
    assert (MetricSpec("l1", "lower").column, MetricSpec("psnr", "higher", column="mse").column) == ("l1", "mse")
    means = np.array([1.0, 0.1, 0.001, np.nan])
    assert np.array_equal(MetricSpec("l1", "lower").finish(means), means, equal_nan=True)
    decibel = MetricSpec("psnr", "higher", decibel=True)
    np.testing.assert_allclose(decibel.finish(means), [0, 10, 30, np.nan], rtol=1e-12, atol=1e-12)
    assert decibel.finish(np.float64(0)) == np.inf


@every_metric
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_columns_whatever_the_batch_and_the_precision(metric, dtype):
    result = fitting(metric, dtype=dtype)
    columns = metric(result)
    assert {name for spec in metric.specs for name in (spec.column, spec.weight) if name} == set(columns)
    assert {(column.shape, column.dtype) for column in columns.values()} == {((3,), dtype)}
    assert all(column.isfinite().all() for column in columns.values())
    singles = [metric(each(result, lambda tensor, i=i: tensor[i : i + 1])) for i in range(3)]
    close({name: torch.cat([one[name] for one in singles]) for name in singles[0]}, columns, 1e-6, 1e-7)
    close(columns, metric(each(result, torch.Tensor.double)), 2e-6, 2e-6)


@every_metric
def test_without_a_hole(metric):
    result = fitting(metric, 2)._replace(mask=torch.zeros(2, 1, *fitting(metric).filled.shape[2:]).double())
    columns, values = metric(result), measure(metric, result)
    for spec in metric.specs:
        absent = spec.name.endswith("_hole") or spec.name == "boundary_error"
        assert columns[spec.column].isnan().tolist() == [absent] * 2
        assert np.isnan(values[spec.name]) == absent
        if spec.weight:
            assert (columns[spec.weight] > 0).tolist() == [not absent] * 2


@every_metric
def test_the_truth(metric):
    result = fitting(metric)._replace(image=None)
    if metric.needs_truth:
        with pytest.raises(InlayError, match="give image"):
            metric(result)
    else:
        close(metric(result), metric(fitting(metric)._replace(filled=result.filled, mask=result.mask)))


@every_metric
def test_pictures_are_left_alone_and_may_be_turned_or_lie_otherwise_in_memory(metric):
    result = fitting(metric, 2)
    before, known = each(result, torch.clone), metric(result)
    assert all(torch.equal(*pair) for pair in zip(result[:3], before[:3], strict=True))
    changes = [lambda x: x.to(memory_format=torch.channels_last)]
    if not isinstance(metric, LegacyTDANet):  # it tells rows from columns
        changes += [lambda x: x.mT, lambda x: x.flip(-1), lambda x: x.flip(-2)]
    for change in changes:
        close(metric(each(result, change)), known)


def test_shared_columns_are_equal_and_names_distinct():
    names = [spec.name for metric in METRICS if metric is not METRICS[2] for spec in metric.specs]
    assert len(names) == len(set(names)) == 18
    result = results(3, 40, 44)
    assert torch.equal(PixelErrors()(result)["hole_pixels"], StructuralSimilarity()(result)["hole_pixels"])
