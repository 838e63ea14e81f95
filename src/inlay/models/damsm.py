"""The image side of a text-image model: pictures into the space of words and sentences (DAMSM, Xu et al. 2018)."""

import logging
from collections import OrderedDict
from typing import NamedTuple

import torch
import torch.nn.functional as F
import torchvision
from torch import Tensor, nn

from inlay.errors import InlayError
from inlay.models.frozen import Frozen
from inlay.pretrained.weights import TorchvisionWeights

log = logging.getLogger(__name__)


class ImageFeatures(NamedTuple):
    """A picture in the space of words and sentences."""

    regions: Tensor
    """``(B, D, H', W')`` a vector for each place; 17x17 places with the default settings."""
    whole: Tensor
    """``(B, D)`` a vector for the whole picture."""


class Layout(NamedTuple):
    """Where a network of torchvision is cut, and the colors that it was trained on."""

    last: str  # the child whose output are the regions
    channels: tuple[int, int]  # of the regions, and of the pooled end
    smallest: int  # picture that leaves something to pool
    mean: tuple[float, float, float]
    std: tuple[float, float, float]


LAYOUTS = {
    "inception_v3": Layout("Mixed_6e", (768, 2048), 75, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),  # [-1, 1]
    "resnet18": Layout("layer3", (256, 512), 32, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
}


class DAMSM(nn.Module):
    """Image encoder: a trunk that knows photographs, and two linear heads into the joint space.

    With the defaults it has 22,506,720 parameters, of which the heads' 721,152 are trained, and returns 17x17
    regions. A trunk that is not trained stays in eval mode and in no checkpoint; gradients pass through it into
    the picture nevertheless.

    Args:
        trunk: ``inception_v3`` (Szegedy et al. 2016; the paper's), or ``resnet18`` (He et al. 2016), which at
            224 pixels is a third of the work and returns 14x14 regions.
        weights: what the trunk starts from: ``imagenet`` for torchvision's own (from its cache, or downloaded now), a
            path to a state dict of torchvision's network, or ``random``, which must be asked for. Random weights of a
            trunk that is not trained are always the same ones, so that a checkpoint can do without them.
        dim: width of the joint space, that of the text encoder.
        size: height and width in pixels to which pictures are resized.
        trainable: whether to train the trunk, too; it is part of the checkpoint then.

    Raises:
        InlayError: an argument is out of range, or the weights are missing or do not fit; the message says which file
            goes where.
    """

    def __init__(
        self,
        trunk: str = "inception_v3",
        weights: str = "imagenet",
        dim: int = 256,
        size: int = 299,
        trainable: bool = False,
    ) -> None:
        super().__init__()
        if trunk not in LAYOUTS:
            raise InlayError(f"model.trunk must be one of {', '.join(LAYOUTS)}, got {trunk!r}.")
        if dim < 1:
            raise InlayError(f"model.dim must be at least 1 (256 is usual), got {dim}.")
        if size < LAYOUTS[trunk].smallest:
            raise InlayError(f"model.size must be at least {LAYOUTS[trunk].smallest} for {trunk}, got {size}.")
        self.dim, self.size = dim, size
        self.trunk = Trunk(trunk, weights) if trainable else FrozenTrunk(trunk, weights)
        regions, pooled = LAYOUTS[trunk].channels
        self.to_regions = nn.Conv2d(regions, dim, 1, bias=False)
        self.to_whole = nn.Linear(pooled, dim)
        self.to(memory_format=torch.channels_last)

    def forward(self, image: Tensor) -> ImageFeatures:
        """Features of ``(B, 3, H, W)`` RGB in ``[0, 1]``."""
        if image.shape[-2:] != (self.size, self.size):
            shrinks = max(image.shape[-2:]) > self.size
            image = F.interpolate(image, (self.size, self.size), mode="bilinear", antialias=shrinks)
        regions, pooled = self.trunk(image)
        return ImageFeatures(self.to_regions(regions), self.to_whole(pooled))


class Trunk(nn.Module):
    """A classifier of torchvision without its classifier, cut in two; see :class:`DAMSM` for its arguments.

    Random weights are drawn from ``seed``, or where that is None from the run's own stream.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, name: str, weights: str, seed: int | None = None) -> None:
        super().__init__()
        layout, layers = LAYOUTS[name], _layers(name, weights, seed)
        cut = list(layers).index(layout.last) + 1
        self.near = nn.Sequential(OrderedDict(list(layers.items())[:cut]))
        self.far = nn.Sequential(OrderedDict(list(layers.items())[cut:]))
        self.register_buffer("mean", torch.tensor(layout.mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(layout.std).view(1, 3, 1, 1), persistent=False)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """``(B, 3, H, W)`` in ``[0, 1]`` to regions ``(B, C, H', W')`` and a vector of the whole ``(B, C')``."""
        regions = self.near((image - self.mean) / self.std)
        return regions, self.far(regions).flatten(1)


class FrozenTrunk(Frozen, Trunk):
    """A :class:`Trunk` that is used and not trained."""

    def __init__(self, name: str, weights: str) -> None:
        super().__init__(name, weights, seed=0)
        self.freeze()


def _layers(name: str, weights: str, seed: int | None) -> dict[str, nn.Module]:
    """Build the layers of a network, up to its pooling, by their names in torchvision."""
    options = {"aux_logits": False, "init_weights": False} if name == "inception_v3" else {}
    with torch.device("meta"):
        net = torchvision.models.get_model(name, weights=None, **options)
    children = dict(net.named_children())
    kept = [*children][: [*children].index("avgpool") + 1]
    layers = nn.ModuleDict({child: children[child] for child in kept})
    if weights == "random":
        log.warning("model.weights=random: %s starts from random weights and knows no photographs.", name)
        generator = None if seed is None else torch.Generator().manual_seed(seed)
        for module in layers.to_empty(device="cpu").modules():  # as torchvision does its residual networks
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu", generator=generator)
            elif isinstance(module, nn.BatchNorm2d):
                module.reset_parameters()
        return dict(layers.items())
    instead = "To train without it: model.weights=random model.trainable=true."
    source = TorchvisionWeights(weights, "model.weights", name, instead)
    state = source.state(torchvision.models.get_model_weights(name).IMAGENET1K_V1)
    try:
        # Old files lack the counters of batch norm, which nothing reads.
        counters = {key: torch.tensor(0) for key in layers.state_dict() if key.endswith("num_batches_tracked")}
        given = {**counters, **state}
        layers.load_state_dict({key: given[key] for key in layers.state_dict()}, assign=True)
    except (KeyError, TypeError, RuntimeError) as error:
        raise source.misfit(error) from error
    return dict(layers.items())
