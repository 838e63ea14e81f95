"""Pure tensor functions on images and masks (shapes and polarity: :mod:`inlay.types`)."""

import torch
import torch.nn.functional as F
from torch import Tensor

from inlay.types import Batch


def erase(image: Tensor, mask: Tensor) -> Tensor:
    """Blank the hole: ``image`` where ``mask`` is 0, zero where it is 1 (even over NaN).

    Args:
        image: ``(B, C, H, W)``.
        mask: ``(B, 1, H, W)``, 1 = hole.

    Returns:
        ``masked``, shaped as ``image``.
    """
    return image.masked_fill(mask > 0.5, 0.0)


def composite(raw: Tensor, image: Tensor, mask: Tensor) -> Tensor:
    """Put a network's answer into the hole and leave the known pixels exactly as they are.

    A selection rather than ``mask * raw + (1 - mask) * image``, so that nothing of ``raw`` reaches a known pixel.

    Args:
        raw: ``(B, C, H, W)`` the network's answer.
        image: ``(B, C, H, W)`` the picture.
        mask: ``(B, 1, H, W)``, 1 = hole.

    Returns:
        ``(B, C, H, W)`` in the wider dtype of ``raw`` and ``image``.
    """
    return torch.where(mask > 0.5, raw, image)


def target_of(batch: Batch) -> Tensor:
    """The tensor that an output is compared with: the batch's ``target`` if it has one, else its ``image``."""
    return batch.get("target", batch["image"])


def hole_ratio(mask: Tensor) -> Tensor:
    """Share of each picture that is hole, ``(B,)`` in ``[0, 1]``, of a ``(B, 1, H, W)`` mask."""
    return mask.float().mean(dim=(1, 2, 3))


def pad_to_multiple(x: Tensor, multiple: int, value: float = 0.0, least: int = 1) -> Tensor:
    """Pad height and width on the right and at the bottom up to the next multiple.

    Args:
        x: ``(B, C, H, W)``.
        multiple: what height and width shall be divisible by, at least 1.
        value: what the new pixels hold.
        least: how many times ``multiple`` height and width shall be, at least.

    Returns:
        ``(B, C, H', W')``; ``x`` itself when nothing is missing. Crop back with ``[..., :H, :W]``.
    """
    height, width = x.shape[-2:]
    # Products, in which an exporter, who knows no size, sees that the multiple divides them; and nothing negative is
    # divided, which ONNX rounds towards zero.
    times = [max(least, (side + multiple - 1) // multiple) for side in (height, width)]
    bottom, right = multiple * times[0] - height, multiple * times[1] - width
    if torch.compiler.is_exporting():
        torch._check(bottom >= 0)
        torch._check(right >= 0)
    elif not (bottom or right):
        return x
    return F.pad(x, (0, right, 0, bottom), value=value)
