"""Colors of a prediction that shall meet those around the hole."""

import torch
import torch.nn.functional as F
from torch import Tensor

_GAINS = (0.5, 2.0)  # beyond, what was predicted has little to do with what is known
_FLAT = 1e-4  # variance of a channel: below about two and a half levels of 255 there is no contrast to fit


def match_ring(raw: Tensor, image: Tensor, mask: Tensor, width: int = 16) -> Tensor:
    """Fit a prediction's colors to the known pixels around the hole: a gain and an offset for each channel.

    The least squares of ``gain * raw + offset - image`` over the known pixels at most ``width`` from the hole. A
    picture's gain is kept between a half and 2, and is 1 where the ring has no contrast.

    Args:
        raw: ``(B, 3, H, W)`` in ``[0, 1]``, the whole-frame prediction.
        image: ``(B, 3, H, W)`` in ``[0, 1]``; what lies under the mask is not used.
        mask: ``(B, 1, H, W)``, 1 = hole.
        width: of the ring, in pixels.

    Returns:
        ``(B, 3, H, W)`` in ``[0, 1]``; a picture without known pixels there as it was.
    """
    ring = (F.max_pool2d(mask, 2 * width + 1, 1, width) - mask).double()  # (B, 1, H, W)
    count = ring.sum(dim=(2, 3), keepdim=True).clamp(min=1)

    def mean(x: Tensor) -> Tensor:
        return (x * ring).sum(dim=(2, 3), keepdim=True) / count  # (B, 3, 1, 1)

    given, wanted = raw.double(), torch.where(mask > 0.5, 0, image).double()
    center, target = mean(given), mean(wanted)
    variance, covariance = mean((given - center) ** 2), mean((given - center) * (wanted - target))
    gain = torch.where(variance > _FLAT, covariance / variance.clamp(min=_FLAT), 1).clamp(*_GAINS)
    matched = (gain * (given - center) + target).clamp(0, 1).to(raw)
    return torch.where(ring.sum(dim=(1, 2, 3), keepdim=True) > 0, matched, raw)
