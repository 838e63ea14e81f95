"""Validation's metrics: what single metrics measure (tested against scikit-image there), pooled by hole ratio."""

import numpy as np
import pytest
import torch

from inlay.buckets import NAMES
from inlay.metrics import FillResult, InpaintingMetrics, PixelErrors, StructuralSimilarity, measure
from tests.metrics.test_base import results

WHOLE = ("psnr", "ssim", "l1")
HOLE = ("psnr_hole", "ssim_hole", "l1_hole")


def batch(count=2, height=32, width=28):
    """``filled, image, mask`` as a task hands them over."""
    filled, mask, image = results(count, height, width, torch.float32)[:3]
    return filled, image, mask


def computed(*batches, metrics=None):
    metrics = metrics or InpaintingMetrics()
    for one in batches:
        metrics.update(*one)
    return {name: value.item() for name, value in metrics.compute().items()}


def expected(filled, image, mask):
    result = FillResult(filled.double(), mask.double(), image.double())
    return measure(PixelErrors(), result) | measure(StructuralSimilarity(scales=False), result)


def holed(*ratios, side=20):
    """Pictures of 400 pixels with holes of these shares of them."""
    _, image, mask = batch(len(ratios), side, side)
    mask = torch.zeros_like(mask)
    for one, ratio in zip(mask, ratios, strict=True):
        one.view(-1)[: round(ratio * side * side)] = 1
    return torch.where(mask > 0.5, image + 0.05 * torch.randn_like(image), image).clamp(0, 1), image, mask


def test_equals_the_single_metrics_however_it_is_batched_and_anew_after_a_reset():
    given = batch(4)
    found, known = computed(given), expected(*given)
    assert {name: found[name] for name in WHOLE + HOLE} == pytest.approx({n: known[n] for n in WHOLE + HOLE}, rel=1e-5)
    singles = [[tensor[i : i + 1] for tensor in given] for i in range(4)]
    assert computed(*singles) == pytest.approx(found, rel=1e-5)
    metrics = InpaintingMetrics()
    metrics.update(*batch())
    metrics.reset()
    assert computed(given, metrics=metrics) == found
    assert metrics.state_dict() == {}


def test_errors_are_pooled_over_pictures():
    filled, image, mask = batch()
    filled[0] = image[0]
    found = computed((filled, image, mask))
    assert found["psnr"] == pytest.approx(-10 * np.log10(np.mean((filled - image).numpy() ** 2)), rel=1e-5)
    found = computed((image, image, mask))
    assert found["psnr"] == found["psnr_hole"] == np.inf
    assert found["l1"] == found["l1_hole"] == 0
    assert found["ssim"] == found["ssim_hole"] == pytest.approx(1, abs=1e-6)


def test_pictures_without_a_hole():
    filled, image, mask = batch()
    nothing = filled, image, torch.zeros_like(mask)
    found = computed(nothing)
    assert np.isnan([found[name] for name in HOLE]).all()
    assert np.isfinite([found[name] for name in WHOLE]).all()
    both, alone = computed(nothing, (filled, image, mask)), computed((filled, image, mask))
    assert [both[name] for name in HOLE] == [alone[name] for name in HOLE]


def test_the_form_and_the_precision_of_a_prediction():
    filled, image, mask = batch()
    wide = filled * 3 - 1  # is clamped as a file would clamp it
    known = pytest.approx(computed((wide.clamp(0, 1), image, mask)), rel=1e-2)
    for other in (wide.bfloat16().float(), wide.to(memory_format=torch.channels_last), wide.clone().requires_grad_()):
        assert computed((other, image, mask)) == known
    with torch.autocast("cpu", torch.bfloat16):
        inside = computed((filled, image, mask))
    assert inside == computed((filled, image, mask))
    half = filled.to(torch.bfloat16)
    assert computed((half, image, mask)) == computed((half.float(), image, mask))


class TestByHoleRatio:
    def test_a_bucket_is_measured_as_if_there_were_nothing_else(self):
        filled, image, mask = holed(0.05, 0.22, 0.28, 0.55)
        found = computed((filled, image, mask))
        for name, among in (("1-10", slice(0, 1)), ("20-30", slice(1, 3)), ("50-60", slice(3, 4))):
            alone = computed((filled[among], image[among], mask[among]))
            for metric in WHOLE + HOLE:
                assert found[f"{metric}/{name}"] == pytest.approx(alone[metric], rel=1e-6)
            assert found[f"pictures/{name}"] == among.stop - among.start
        assert not any(name.endswith(("/10-20", "/30-40", "/40-50")) for name in found)
        given = holed(0.005, 0.22, 0.8)  # for all, everything counts
        found, known = computed(given), expected(*given)
        assert [found[name] for name in ("l1", "l1_hole")] == pytest.approx([known["l1"], known["l1_hole"]], rel=1e-5)

    @pytest.mark.parametrize(
        ("ratio", "name"),
        [
            (0.0, None), (0.0075, None), (0.01, "1-10"), (0.0975, "1-10"), (0.1, "10-20"), (0.2, "20-30"),
            (0.3, "30-40"), (0.4, "40-50"), (0.5, "50-60"), (0.6, "50-60"), (0.6025, None), (1.0, None),
        ],
    )  # fmt: skip
    def test_edges_are_those_of_the_literature(self, ratio, name):
        found = computed(holed(ratio))
        assert [key for key in found if key.startswith("pictures/")] == ([f"pictures/{name}"] if name else [])

    @pytest.mark.parametrize(("height", "width"), [(250, 256), (40, 25), (10, 7)])
    def test_exact_edges_of_other_sizes(self, height, width):
        for tenths in range(1, 7):
            mask = (torch.arange(height * width) < height * width * tenths // 10).float().view(1, 1, height, width)
            found = computed((*torch.rand(2, 1, 3, height, width), mask))
            assert found[f"pictures/{NAMES[min(tenths, 5)]}"] == 1

    def test_processes_that_are_put_together_equal_one(self):
        filled, image, mask = holed(0.05, 0.15, 0.22, 0.28, 0.55, 0.9)
        first, second = InpaintingMetrics(), InpaintingMetrics()
        for number, metrics in enumerate((first, second)):
            metrics.update(filled[number::2], image[number::2], mask[number::2])
        for name, reduce in first._reductions.items():  # as torchmetrics does it with what it gathers
            setattr(first, name, reduce(torch.stack([getattr(first, name), getattr(second, name)])))
        assert computed(metrics=first) == pytest.approx(computed((filled, image, mask)), rel=1e-6)
