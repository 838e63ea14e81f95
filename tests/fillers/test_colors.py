import numpy as np
import torch
import torch.nn.functional as F

from inlay.fillers.colors import match_ring


def example():
    image = F.interpolate(torch.rand(2, 3, 5, 5), (40, 40), mode="bilinear")
    mask = torch.zeros(2, 1, 40, 40)
    mask[0, :, 10:20, 10:20] = 1
    return image, mask


def test_a_shift_of_contrast_and_color_is_undone():
    image, mask = example()
    shifted = 0.8 * image + torch.tensor([0.1, 0.0, 0.15])[:, None, None]
    matched = match_ring(shifted, image.masked_fill(mask > 0, 0), mask)
    torch.testing.assert_close(matched[0], image[0], rtol=0, atol=1e-5)
    torch.testing.assert_close(matched[1], shifted[1], rtol=0, atol=0)  # without a hole there is no ring


def test_the_fit_is_the_least_squares_of_the_ring():
    image, mask = example()
    raw = (image + 0.05 * torch.randn_like(image)).clamp(0, 1)
    ring = np.zeros((40, 40), bool)
    ring[6:24, 6:24] = True
    ring &= mask[0, 0].numpy() == 0
    for channel in range(3):
        known, target = raw[0, channel].numpy()[ring], image[0, channel].numpy()[ring]
        gain, offset = np.polyfit(known, target, 1)
        expected = (gain * raw[0, channel] + offset).clamp(0, 1)
        torch.testing.assert_close(match_ring(raw, image, mask, width=4)[0, channel], expected, rtol=0, atol=1e-5)


def test_flat_colors_are_moved_and_not_stretched():
    image, mask = torch.full((1, 3, 40, 40), 0.5), example()[1][:1]
    raw = torch.full_like(image, 0.4) + 0.3 * mask
    torch.testing.assert_close(match_ring(raw, image, mask), image + 0.3 * mask, rtol=0, atol=1e-6)
