"""What every measure of single pictures has to hold, and how columns become a metric."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from inlay.metrics import Fidelity, FillResult, MetricSpec, Similarity, Smoothness
from inlay.metrics.legacy_tdanet import LegacyTDANet

MEASURES = [Fidelity(), Similarity(), Similarity(scales=False), Smoothness(), LegacyTDANet()]
IDS = ["Fidelity", "Similarity", "Similarity of one scale", "Smoothness", "LegacyTDANet"]
every_measure = pytest.mark.parametrize("measure", MEASURES, ids=IDS)


def answers(count, height, width, dtype=torch.float64):
    """Smooth pictures, noisy answers in blocky holes, one pair alike as a composite is."""
    image = F.interpolate(torch.rand(count, 3, 9, 9), (height, width), mode="bicubic").clamp(0, 1)
    mask = F.interpolate((torch.rand(count, 1, 11, 12) < 0.4).float(), (height, width))
    filled = torch.where(mask > 0.5, (image + 0.08 * torch.randn_like(image)).clamp(0, 1), image)
    return FillResult(filled.to(dtype), image.to(dtype), mask.to(dtype))


def fitting(measure, count=3, dtype=torch.float64):
    """As large as the measure needs them."""
    return answers(count, *((176, 192) if getattr(measure, "scales", False) else (40, 44)), dtype=dtype)


def at(answer, index):
    return FillResult(*(tensor[index] for tensor in answer[:3]))


def value_of(metric, columns):
    """A metric of pictures, as its contract says: the weighted mean of its column, finished."""
    numbers = columns[metric.of].double().numpy()
    weights = columns[metric.weight].double().numpy() if metric.weight else np.ones_like(numbers)
    taken = (weights > 0) & ~np.isnan(numbers)
    return float(metric.finish(np.float64(np.average(numbers[taken], weights=weights[taken]))))


def values_of(measure, answer):
    columns = measure(answer)
    return {metric.name: value_of(metric, columns) for metric in measure.metrics}


def test_a_metric_is_the_mean_of_the_column_of_its_name_unless_that_is_named():
    assert MetricSpec("l1", "lower").of == "l1"
    assert MetricSpec("psnr", "higher", column="mse").of == "mse"


def test_finish_leaves_means_alone_and_turns_others_to_decibels():
    means = np.array([1.0, 0.1, 0.001, np.nan])
    assert np.array_equal(MetricSpec("l1", "lower").finish(means), means, equal_nan=True)
    found = MetricSpec("psnr", "higher", decibel=True).finish(means)
    np.testing.assert_allclose(found, [0, 10, 30, np.nan], rtol=1e-12, atol=1e-12)
    assert MetricSpec("psnr", "higher", decibel=True).finish(np.float64(0)) == np.inf


def test_names_are_those_of_one_metric_each():
    names = [m.name for measure in (Fidelity(), Similarity(), Smoothness(), LegacyTDANet()) for m in measure.metrics]
    assert len(names) == len(set(names)) == 17


@every_measure
def test_columns_are_those_of_the_metrics_and_hold_a_number_for_each_picture(measure):
    answer = fitting(measure)
    columns = measure(answer)
    needed = {metric.of for metric in measure.metrics} | {metric.weight for metric in measure.metrics if metric.weight}
    assert needed == set(columns)
    assert {(column.shape, column.dtype) for column in columns.values()} == {((3,), torch.float64)}
    assert all(column.isfinite().all() for column in columns.values())


@every_measure
def test_columns_have_the_precision_of_the_pictures(measure):
    assert {column.dtype for column in measure(fitting(measure, dtype=torch.float32)).values()} == {torch.float32}


@every_measure
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_pictures_of_a_batch_are_measured_as_each_by_itself(measure, dtype):
    answer = fitting(measure, dtype=dtype)
    together = measure(answer)
    for i in range(3):
        for name, column in measure(at(answer, slice(i, i + 1))).items():
            torch.testing.assert_close(column, together[name][i : i + 1], rtol=1e-6, atol=1e-7)


@every_measure
def test_single_precision_is_close_to_double(measure):
    answer = fitting(measure, dtype=torch.float32)
    double = measure(FillResult(*(tensor.double() for tensor in answer[:3])))
    for name, column in measure(answer).items():
        torch.testing.assert_close(column.double(), double[name], rtol=2e-6, atol=2e-6)


@every_measure
def test_without_a_hole_its_numbers_are_nan_and_weigh_nothing(measure):
    answer = fitting(measure, 2)
    columns = measure(answer._replace(mask=torch.zeros_like(answer.mask)))
    for metric in measure.metrics:
        absent = metric.name.endswith("_hole") or metric.name == "boundary_error"
        assert columns[metric.of].isnan().tolist() == [absent] * 2
        if metric.weight:
            assert (columns[metric.weight] > 0).tolist() == [not absent] * 2


@every_measure
def test_pictures_are_left_alone(measure):
    answer = fitting(measure, 2)
    before = [tensor.clone() for tensor in answer[:3]]
    measure(answer)
    assert all(torch.equal(*pair) for pair in zip(answer[:3], before, strict=True))


@pytest.mark.parametrize("measure", MEASURES[:4], ids=IDS[:4])  # the last one tells rows from columns
@pytest.mark.parametrize("turned", [lambda x: x.mT, lambda x: x.flip(-1), lambda x: x.flip(-2)])
def test_turned_and_mirrored_pictures_measure_the_same(measure, turned):
    answer = fitting(measure, 2)
    columns = measure(FillResult(*(turned(tensor) for tensor in answer[:3])))
    for name, column in measure(answer).items():
        torch.testing.assert_close(columns[name], column, rtol=1e-10, atol=1e-12)


@every_measure
def test_channels_last_is_accepted(measure):
    answer = fitting(measure, 2)
    last = FillResult(*(tensor.to(memory_format=torch.channels_last) for tensor in answer[:3]))
    columns = measure(last)
    for name, column in measure(answer).items():
        torch.testing.assert_close(columns[name], column, rtol=1e-10, atol=1e-12)


def test_columns_that_several_measures_have_are_the_same():
    answer = answers(3, 40, 44)
    assert torch.equal(Fidelity()(answer)["hole_pixels"], Similarity()(answer)["hole_pixels"])
