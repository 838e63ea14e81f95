"""VGG16 as a frozen feature extractor."""

import logging
from itertools import pairwise

import torch
import torchvision
from torch import Tensor, nn

from inlay.models.frozen import Frozen
from inlay.pretrained.weights import TorchvisionWeights

log = logging.getLogger(__name__)

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
_POOLS = (4, 9, 16)  # where pool1, pool2 and pool3 stand in torchvision's vgg16().features


class VGG16Features(Frozen):
    """Features after pool1, pool2 and pool3 of VGG16 (Simonyan and Zisserman 2015).

    Args:
        weights: ``imagenet`` for torchvision's weights (from its cache, or downloaded now), the path of a state dict of
            torchvision's ``vgg16``, or ``random``, whose features say little about similarity.

    Raises:
        InlayError: the weights are missing or do not fit; the message says which file goes where.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, weights: str = "imagenet") -> None:
        super().__init__()
        layers = list(_trunk(weights))
        for layer in layers:
            if isinstance(layer, nn.ReLU):
                layer.inplace = True
        starts = (0, *(pool + 1 for pool in _POOLS))
        self.blocks = nn.ModuleList(nn.Sequential(*layers[start:stop]) for start, stop in pairwise(starts))
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(IMAGENET_STD).view(1, 3, 1, 1))
        self.to(memory_format=torch.channels_last)
        self.freeze()

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """Features by layer of ``(B, 3, H, W)`` RGB in ``[0, 1]``.

        Returns:
            ``pool1`` ``(B, 64, H/2, W/2)``, ``pool2`` ``(B, 128, H/4, W/4)``, ``pool3`` ``(B, 256, H/8, W/8)``.
        """
        x = (image - self.mean) / self.std
        levels = {}
        for number, block in enumerate(self.blocks, 1):
            x = block(x)
            levels[f"pool{number}"] = x
        return levels


def _trunk(weights: str) -> nn.Sequential:
    """Build torchvision's VGG16 up to pool3; the rest has 99 % of its weights, and is never allocated."""
    with torch.device("meta"):
        trunk: nn.Sequential = torchvision.models.vgg16(weights=None).features[: _POOLS[-1] + 1]
    if weights == "random":
        log.warning("loss.extractors.vgg.weights=random: perceptual and style losses compare random features.")
        return trunk.to_empty(device="cpu").apply(_initialize)
    instead = "To try a run without it: loss.extractors.vgg.weights=random, or loss=pixel."
    source = TorchvisionWeights(weights, "loss.extractors.vgg.weights", "VGG16", instead)
    state = source.state(torchvision.models.VGG16_Weights.IMAGENET1K_V1)
    try:
        trunk.load_state_dict({key: state[f"features.{key}"] for key in trunk.state_dict()}, assign=True)
    except (KeyError, TypeError, RuntimeError) as error:
        raise source.misfit(error) from error
    return trunk


def _initialize(module: nn.Module) -> None:
    """Initialize as torchvision does."""
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        assert module.bias is not None
        nn.init.zeros_(module.bias)
