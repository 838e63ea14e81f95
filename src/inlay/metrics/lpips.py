"""LPIPS: how far apart two pictures look."""

from typing import Literal

import torch
from torch import Tensor
from torchmetrics.functional.image.lpips import _NoTrainLpips as Network  # the public classes download a backbone
from torchvision.models import AlexNet_Weights, VGG16_Weights
from typing_extensions import override

from inlay.errors import InlayError
from inlay.metrics.base import FillResult, Metric, MetricSpec
from inlay.pretrained.weights import WeightsFile


class LPIPS(Metric):
    """Learned perceptual image patch similarity (Zhang et al. 2018), of the whole picture.

    ==========  ========================================================================================================
    name        formula
    ==========  ========================================================================================================
    ``lpips``   eq. 1: features of five layers, of length 1 in each place, the squares of their differences weighed
                channel by channel with learned weights, averaged over places and summed over layers; from 0 to about 1,
                lower is better. The mean over pictures
    ==========  ========================================================================================================

    The learned weights ship with torchmetrics, those of the backbone do not. Numbers of two backbones do not compare.
    Pictures go through one by one, in float32, so that no number depends on the batch that a picture came in.

    Args:
        weights: path to a state dict of torchvision's AlexNet or VGG16.
        backbone: ``alex``, which agrees best with people, or ``vgg``.
        device: where to compute.

    Raises:
        Missing: ``weights`` is None.
        InlayError: ``weights`` does not exist or holds something else, or there is no such backbone.

    Attributes:
        min_side: pixels that the short side of a picture needs; smaller pictures have no ``lpips``.
    """

    specs = (
        MetricSpec("lpips", "lower", about="Distance of deep features of fill and truth, as the eye would judge."),
    )

    def __init__(
        self, weights: str | None, backbone: Literal["alex", "vgg"] = "alex", device: torch.device | str = "cpu"
    ) -> None:
        if backbone not in _BACKBONES:
            raise InlayError(f"backbone of LPIPS must be {' or '.join(_BACKBONES)}, got {backbone}.")
        name, origin, self.min_side = _BACKBONES[backbone]
        file = WeightsFile(weights, "weights.lpips", f"torchvision's {name}, for LPIPS", origin)
        self.net = _network(file, backbone).to(device)
        self.device = device

    @override
    def __call__(self, result: FillResult) -> dict[str, Tensor]:
        if min(result.filled.shape[-2:]) < self.min_side:
            return {}
        return {"lpips": self.distance(result.filled, result.truth)}

    @torch.no_grad()
    def distance(self, a: Tensor, b: Tensor) -> Tensor:
        """How far apart pictures look, pair by pair.

        Args:
            a: ``(B, 3, H, W)`` in ``[0, 1]``, sides of at least ``min_side``.
            b: ``(B, 3, H, W)`` in ``[0, 1]``.

        Returns:
            ``(B,)`` float32, where ``a`` is.
        """
        pairs = zip(*(side.to(self.device, torch.float32).contiguous() for side in (a, b)), strict=True)
        return torch.cat([self.net(x[None], y[None], normalize=True).flatten() for x, y in pairs]).to(a.device)


# Of each: what people call it, torchvision's file of it, and the smallest side that leaves its last layer a pixel.
_BACKBONES = {
    "alex": ("AlexNet", AlexNet_Weights.IMAGENET1K_V1.url, 31),
    "vgg": ("VGG16", VGG16_Weights.IMAGENET1K_V1.url, 16),
}


def _network(file: WeightsFile, backbone: Literal["alex", "vgg"]) -> Network:
    state = file.state()  # first: it is what can go wrong
    net = Network(net=backbone, pnet_rand=True)
    try:  # torchmetrics sorts the layers into slices: its slice2.3.weight is torchvision's features.3.weight
        found = {key: state[f"features.{key.partition('.')[2]}"] for key in net.net.state_dict()}
        net.net.load_state_dict(found)
    except (KeyError, TypeError, IndexError, RuntimeError) as error:
        raise file.misfit(error) from error
    return net
