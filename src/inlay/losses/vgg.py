"""VGG networks (Simonyan and Zisserman 2015) as frozen feature extractors."""

import logging
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Literal, get_args

import torch
import torchvision
from torch import Tensor, nn

from inlay.errors import InlayError
from inlay.models.frozen import Frozen
from inlay.pretrained.weights import TorchvisionWeights

log = logging.getLogger(__name__)

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
_POOLS = {"pool1": 4, "pool2": 9, "pool3": 16}  # where they stand in torchvision's vgg16().features
_RELUS = {  # and these in vgg19().features
    **{"relu1_1": 1, "relu1_2": 3, "relu2_1": 6, "relu2_2": 8, "relu3_1": 11, "relu3_2": 13, "relu3_3": 15},
    **{"relu3_4": 17, "relu4_1": 20, "relu4_2": 22, "relu4_3": 24, "relu4_4": 26, "relu5_1": 29},
    "relu5_2": 31,
}
_OF_LAMA = tuple(_RELUS)[:13]
Pool = Literal["average", "max"]


class VGGFeatures(Frozen):
    """Base of feature extractors that are the first layers of a VGG network.

    Args:
        network: of torchvision: ``vgg16`` or ``vgg19``.
        layers: names of the features that ``forward`` returns, and the index of the layer that each comes from.
        weights: ``imagenet`` for torchvision's weights (from its cache, or downloaded now), the path of a state dict of
            torchvision's network, or ``random``, whose features say little about similarity.

    Raises:
        InlayError: the weights are missing or do not fit; the message says which file goes where.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, network: str, layers: Mapping[str, int], weights: str) -> None:
        super().__init__()
        self.names = list(layers)
        trunk = list(_trunk(network, max(layers.values()) + 1, weights))
        for layer in trunk:
            if isinstance(layer, nn.ReLU):
                layer.inplace = True
        stops = (0, *(index + 1 for index in layers.values()))
        self.blocks = nn.ModuleList(nn.Sequential(*trunk[start:stop]) for start, stop in pairwise(stops))
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(IMAGENET_STD).view(1, 3, 1, 1))
        self.to(memory_format=torch.channels_last)
        self.freeze()

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """Features by layer, ``(B, C, H', W')`` each, of ``(B, 3, H, W)`` RGB in ``[0, 1]``."""
        x = (image - self.mean) / self.std
        levels = {}
        for name, block in zip(self.names, self.blocks, strict=True):
            x = block(x)
            levels[name] = x
        return levels


class VGG16Features(VGGFeatures):
    """Features after pool1, pool2 and pool3 of VGG16: 64, 128 and 256 channels at a half, a quarter and an eighth.

    Args:
        weights: ``imagenet``, a path or ``random``; see :class:`VGGFeatures`.
    """

    def __init__(self, weights: str = "imagenet") -> None:
        super().__init__("vgg16", _POOLS, weights)


class VGG19Features(VGGFeatures):
    """Features after ReLUs of VGG19.

    Args:
        weights: ``imagenet``, a path or ``random``; see :class:`VGGFeatures`.
        layers: names such as ``relu2_2``, up to ``relu5_2``; None for all up to relu5_1, as in LaMa.
        pool: ``max``, as it was trained, or ``average`` in its place, as in LaMa.

    Raises:
        InlayError: a name is unknown.
    """

    def __init__(self, weights: str = "imagenet", layers: Sequence[str] | None = None, pool: Pool = "average") -> None:
        chosen = layers or _OF_LAMA
        if unknown := [name for name in chosen if name not in _RELUS]:
            raise InlayError(f"loss.extractors.vgg.layers must be of {', '.join(_RELUS)}; got {unknown[0]!r}.")
        if pool not in get_args(Pool):
            raise InlayError(f"loss.extractors.vgg.pool must be average or max, got {pool!r}.")
        super().__init__("vgg19", {name: index for name, index in _RELUS.items() if name in chosen}, weights)
        for block in self.blocks if pool == "average" else ():
            assert isinstance(block, nn.Sequential)
            for index, layer in enumerate(block):
                if isinstance(layer, nn.MaxPool2d):
                    block[index] = nn.AvgPool2d(2)


def _trunk(network: str, length: int, weights: str) -> nn.Sequential:
    """Build the first layers of a network of torchvision; the rest has most of its weights, and is never allocated."""
    with torch.device("meta"):
        trunk: nn.Sequential = getattr(torchvision.models, network)(weights=None).features[:length]
    if weights == "random":
        log.warning("loss.extractors.vgg.weights=random: perceptual and style losses compare random features.")
        return trunk.to_empty(device="cpu").apply(_initialize)
    instead = "To try a run without it: loss.extractors.vgg.weights=random, or loss=pixel."
    source = TorchvisionWeights(weights, "loss.extractors.vgg.weights", network.upper(), instead)
    state = source.state(torchvision.models.get_model_weights(network).IMAGENET1K_V1)
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
