import numpy as np
import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from inlay.buckets import NAMES
from inlay.metrics import InpaintingMetrics

WHOLE = ("psnr", "ssim", "l1")
HOLE = ("psnr_hole", "ssim_hole", "l1_hole")
RIM = 5  # half a window of 11


def pictures(count=1, height=32, width=28):
    """Smooth pictures, noisy answers to them, and blocky holes."""
    coarse = torch.rand(count, 3, 4, 4)
    image = torch.nn.functional.interpolate(coarse, (height, width), mode="bilinear")
    filled = (image + 0.08 * torch.randn_like(image)).clamp(0, 1)
    mask = torch.nn.functional.interpolate((torch.rand(count, 1, 8, 7) < 0.4).float(), (height, width))
    return filled, image, mask


def interior(mask):
    inside = torch.zeros_like(mask)
    inside[..., RIM:-RIM, RIM:-RIM] = 1
    return mask * inside


def measured(*batches):
    metrics = InpaintingMetrics()
    for batch in batches:
        metrics.update(*batch)
    return read(metrics)


def read(metrics):
    return {name: value.item() for name, value in metrics.compute().items()}


def holed(*ratios, side=20):
    """Pictures of 400 pixels with holes of these shares of them."""
    filled, image, mask = pictures(len(ratios), side, side)
    mask = torch.zeros_like(mask)
    for one, ratio in zip(mask, ratios, strict=True):
        one.view(-1)[: round(ratio * side * side)] = 1
    return filled, image, mask


def skimage_ssim(filled, image, **kwargs):
    return structural_similarity(
        image.double().numpy(),
        filled.double().numpy(),
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        data_range=1,
        channel_axis=0,
        **kwargs,
    )


def mirrored(picture):
    return torch.from_numpy(np.pad(picture, ((0, 0), (RIM, RIM), (RIM, RIM)), mode="reflect"))


def test_psnr_of_a_picture_equals_skimage():
    filled, image, mask = pictures()
    expected = peak_signal_noise_ratio(image.double().numpy(), filled.double().numpy(), data_range=1)
    assert measured((filled, image, mask))["psnr"] == pytest.approx(expected, rel=1e-5)


def test_psnr_pools_the_squared_errors_of_all_pictures():
    filled, image, mask = pictures(3)
    expected = -10 * np.log10(np.mean((filled - image).double().numpy() ** 2))
    assert measured((filled, image, mask))["psnr"] == pytest.approx(expected, rel=1e-5)


def test_psnr_hole_is_that_of_the_hole_pixels():
    filled, image, mask = pictures(3)
    error = (filled - image).double().numpy()[mask.expand_as(image).numpy() == 1]
    assert measured((filled, image, mask))["psnr_hole"] == pytest.approx(-10 * np.log10(np.mean(error**2)), rel=1e-5)


def test_l1_is_the_mean_absolute_error():
    filled, image, mask = pictures(3)
    expected = np.abs((filled - image).double().numpy()).mean()
    assert measured((filled, image, mask))["l1"] == pytest.approx(expected, rel=1e-5)


def test_l1_hole_is_that_of_the_hole_pixels():
    filled, image, mask = pictures(3)
    error = (filled - image).double().numpy()[mask.expand_as(image).numpy() == 1]
    assert measured((filled, image, mask))["l1_hole"] == pytest.approx(np.abs(error).mean(), rel=1e-5)


def test_ssim_of_the_interior_equals_skimage():  # whose mean leaves out a rim of half a window
    filled, image, mask = pictures()
    found = measured((filled, image, interior(torch.ones_like(mask))))["ssim_hole"]
    assert found == pytest.approx(skimage_ssim(filled[0], image[0]), abs=1e-5)


def test_ssim_equals_skimage_on_a_mirrored_picture():  # ours takes the rim in, mirrored about its outermost pixels
    filled, image, mask = pictures(2)
    expected = np.mean([skimage_ssim(mirrored(f), mirrored(i)) for f, i in zip(filled, image, strict=True)])
    assert measured((filled, image, mask))["ssim"] == pytest.approx(expected, abs=1e-5)


def test_ssim_hole_is_the_mean_of_the_map_over_all_hole_pixels():
    filled, image, mask = pictures(2)
    mask = interior(mask)
    maps = [skimage_ssim(f, i, full=True)[1] for f, i in zip(filled, image, strict=True)]
    expected = np.stack(maps)[mask.expand_as(image).numpy() == 1].mean()
    assert measured((filled, image, mask))["ssim_hole"] == pytest.approx(expected, abs=1e-5)


def test_batch_size_does_not_matter():
    filled, image, mask = pictures(4)
    singles = [(filled[i : i + 1], image[i : i + 1], mask[i : i + 1]) for i in range(4)]
    assert measured(*singles) == pytest.approx(measured((filled, image, mask)), rel=1e-5)


def test_one_perfect_picture_leaves_the_psnr_finite():
    filled, image, mask = pictures(2)
    filled[0] = image[0]
    found = measured((filled, image, mask))
    assert np.isfinite([found["psnr"], found["psnr_hole"]]).all()


def test_perfect_answer():
    _, image, mask = pictures(2)
    found = measured((image, image, mask))
    assert found["psnr"] == found["psnr_hole"] == np.inf
    assert found["l1"] == found["l1_hole"] == 0
    assert found["ssim"] == found["ssim_hole"] == pytest.approx(1, abs=1e-6)


def test_picture_without_a_hole_adds_nothing_to_the_holes():
    filled, image, mask = pictures(2)
    nothing = (filled[:1], image[:1], torch.zeros_like(mask[:1]))
    alone, both = measured((filled[1:], image[1:], mask[1:])), measured(nothing, (filled[1:], image[1:], mask[1:]))
    assert [both[name] for name in HOLE] == [alone[name] for name in HOLE]


def test_no_hole_anywhere_is_nan_for_the_hole_alone():
    filled, image, mask = pictures(2)
    found = measured((filled, image, torch.zeros_like(mask)))
    assert np.isnan([found[name] for name in HOLE]).all()
    assert np.isfinite([found[name] for name in WHOLE]).all()


def test_whole_picture_hole_equals_the_whole_picture():
    filled, image, mask = pictures(2)
    found = measured((filled, image, torch.ones_like(mask)))
    assert [found[name] for name in HOLE] == pytest.approx([found[name] for name in WHOLE], rel=1e-5)


def test_reset_forgets():
    metrics = InpaintingMetrics()
    metrics.update(*pictures(2))
    metrics.reset()
    fresh = pictures(2)
    metrics.update(*fresh)
    assert read(metrics) == measured(fresh)


def test_channels_last_is_accepted():
    filled, image, mask = pictures(2)
    last = [x.to(memory_format=torch.channels_last) for x in (filled, image, mask)]
    assert measured(last) == pytest.approx(measured((filled, image, mask)), rel=1e-6)


def test_answer_is_clamped_as_a_file_would_clamp_it():
    filled, image, mask = pictures(2)
    assert measured((filled * 3 - 1, image, mask)) == measured(((filled * 3 - 1).clamp(0, 1), image, mask))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_answer_is_measured_in_float32(dtype):
    filled, image, mask = pictures(2)
    assert measured((filled.to(dtype), image, mask)) == measured((filled.to(dtype).float(), image, mask))


def test_autocast_around_it_does_not_matter():
    batch = pictures(2)
    with torch.autocast("cpu", torch.bfloat16):
        inside = measured(batch)
    assert inside == measured(batch)


def test_answer_gets_no_gradient():
    filled, image, mask = pictures(2)
    metrics = InpaintingMetrics()
    metrics.update(filled.requires_grad_(), image, mask)
    assert not any(value.requires_grad for value in metrics.compute().values())


def test_nothing_of_it_lands_in_a_checkpoint():
    assert InpaintingMetrics().state_dict() == {}


class TestByHoleRatio:
    def test_a_bucket_is_measured_as_if_there_were_nothing_else(self):
        filled, image, mask = holed(0.05, 0.22, 0.28, 0.55)
        found = measured((filled, image, mask))
        for name, among in (("1-10", slice(0, 1)), ("20-30", slice(1, 3)), ("50-60", slice(3, 4))):
            alone = measured((filled[among], image[among], mask[among]))
            for metric in WHOLE + HOLE:
                assert found[f"{metric}/{name}"] == pytest.approx(alone[metric], rel=1e-6)
            assert found[f"pictures/{name}"] == among.stop - among.start

    def test_psnr_of_a_bucket_by_hand(self):
        filled, image, mask = holed(0.22, 0.28, 0.4)
        error = (filled[:2] - image[:2]).double().numpy()[mask[:2].expand(-1, 3, -1, -1).numpy() == 1]
        expected = -10 * np.log10(np.mean(error**2))
        assert measured((filled, image, mask))["psnr_hole/20-30"] == pytest.approx(expected, rel=1e-5)

    def test_buckets_without_pictures_are_absent(self):
        found = measured(holed(0.22, 0.28))
        assert set(found) == {*WHOLE, *HOLE, *(f"{name}/20-30" for name in (*WHOLE, *HOLE, "pictures"))}

    @pytest.mark.parametrize(
        ("ratio", "name"),
        [
            (0.0, None), (0.0075, None), (0.01, "1-10"), (0.0975, "1-10"), (0.1, "10-20"), (0.2, "20-30"),
            (0.3, "30-40"), (0.4, "40-50"), (0.5, "50-60"), (0.6, "50-60"), (0.6025, None), (1.0, None),
        ],
    )  # fmt: skip
    def test_edges_are_those_of_the_literature(self, ratio, name):
        found = measured(holed(ratio))
        assert [key for key in found if key.startswith("pictures/")] == ([f"pictures/{name}"] if name else [])

    @pytest.mark.parametrize(("height", "width"), [(250, 256), (40, 25), (10, 7)])
    @pytest.mark.parametrize("tenths", [1, 2, 3, 4, 5, 6])
    def test_exact_edges_of_other_sizes(self, height, width, tenths):
        filled, image = torch.rand(2, 1, 3, height, width)
        mask = (torch.arange(height * width) < height * width * tenths // 10).float().view(1, 1, height, width)
        assert measured((filled, image, mask))[f"pictures/{NAMES[min(tenths, 5)]}"] == 1

    def test_everything_counts_for_all_whatever_its_bucket(self):
        filled, image, mask = holed(0.005, 0.22, 0.8)
        found = measured((filled, image, mask))
        error = (filled - image).double().numpy()
        assert found["l1"] == pytest.approx(np.abs(error).mean(), rel=1e-5)
        in_hole = error[mask.expand_as(image).numpy() == 1]
        assert found["l1_hole"] == pytest.approx(np.abs(in_hole).mean(), rel=1e-5)

    def test_processes_that_are_put_together_equal_one(self):
        filled, image, mask = holed(0.05, 0.15, 0.22, 0.28, 0.55, 0.9)
        first, second = InpaintingMetrics(), InpaintingMetrics()
        first.update(filled[::2], image[::2], mask[::2])
        second.update(filled[1::2], image[1::2], mask[1::2])
        for name, reduce in first._reductions.items():  # as torchmetrics does it with what it gathers
            setattr(first, name, reduce(torch.stack([getattr(first, name), getattr(second, name)])))
        assert read(first) == pytest.approx(measured((filled, image, mask)), rel=1e-6)

    def test_batches_do_not_matter(self):
        filled, image, mask = holed(0.05, 0.15, 0.22, 0.28, 0.55, 0.9)
        singles = [(filled[i : i + 1], image[i : i + 1], mask[i : i + 1]) for i in range(6)]
        assert measured(*singles) == pytest.approx(measured((filled, image, mask)), rel=1e-5)
