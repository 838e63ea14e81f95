"""A dilated ResNet-50 as a frozen feature extractor: LaMa's perceptual loss with a high receptive field."""

import logging
from typing import cast

import torch
from torch import Tensor, nn
from torchvision.models.resnet import Bottleneck, ResNet

from inlay.losses.vgg import IMAGENET_MEAN, IMAGENET_STD
from inlay.models.frozen import Frozen
from inlay.pretrained.weights import WeightsFile

log = logging.getLogger(__name__)

_KEY = "loss.extractors.resnet.weights"
_ORIGIN = "http://sceneparsing.csail.mit.edu/model/pytorch/ade20k-resnet50dilated-ppm_deepsup/encoder_epoch_20.pth"
_STAGES = ("layer1", "layer2", "layer3", "layer4")


class ResNet50Features(Frozen):
    """Features of the four stages of the ResNet-50 that segments ADE20k scenes (Zhou et al. 2018), output stride 8.

    Its batch norm stays in eval mode. The published code of LaMa leaves it in training mode, where the output and the
    target are normalized by different statistics, which hides differences of color.

    Args:
        weights: path of a state dict of the published encoder, or ``random``, whose features say little about
            similarity.

    Raises:
        InlayError: the weights are missing or do not fit; the message says where to get them and how to do without.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, weights: str | None = None) -> None:
        super().__init__()
        self.trunk = DilatedResNet50()
        if weights == "random":
            log.warning("%s=random: the perceptual loss compares random features.", _KEY)
        else:
            instead = "To do without: loss=lama_vgg, or loss=lama_pixel, which needs no pretrained network."
            _load(self.trunk, WeightsFile(weights, _KEY, "ADE20k's ResNet-50 encoder", _ORIGIN, instead))
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(IMAGENET_STD).view(1, 3, 1, 1))
        self.to(memory_format=torch.channels_last)
        self.freeze()

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """Features by layer of ``(B, 3, H, W)`` RGB in ``[0, 1]``.

        Returns:
            ``layer1`` ``(B, 256, H/4, W/4)``; ``layer2``, ``layer3`` and ``layer4`` of 512, 1024 and 2048 channels,
            ``(B, C, H/8, W/8)``.
        """
        x = ((image - self.mean) / self.std).contiguous(memory_format=torch.channels_last)
        x = self.trunk.stem(x)
        levels = {}
        for name in _STAGES:
            x = getattr(self.trunk, name)(x)
            levels[name] = x
        return levels


class DilatedResNet50(ResNet):  # type: ignore[misc]  # torchvision has no types
    """torchvision's ResNet-50 with three 3x3 convolutions as stem, and dilation in place of the last two strides.

    23,631,808 parameters; its state dict has the keys of the published encoder.
    """

    def __init__(self) -> None:
        super().__init__(Bottleneck, [3, 4, 6, 3], replace_stride_with_dilation=[False, True, True])
        self.conv1 = nn.Conv2d(3, 64, 3, stride=2, padding=1, bias=False)
        self.conv2 = nn.Conv2d(64, 64, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(64)
        self.conv3 = nn.Conv2d(64, 128, 3, padding=1, bias=False)
        self.bn3 = nn.BatchNorm2d(128)
        first = cast(Bottleneck, self.layer1[0])  # its input is twice as wide as torchvision's
        first.conv1 = nn.Conv2d(128, 64, 1, bias=False)
        cast(nn.Sequential, first.downsample)[0] = nn.Conv2d(128, 256, 1, bias=False)
        del self.fc, self.avgpool

    def stem(self, x: Tensor) -> Tensor:
        """``(B, 3, H, W)`` to ``(B, 128, H/4, W/4)``."""
        for conv, norm in ((self.conv1, self.bn1), (self.conv2, self.bn2), (self.conv3, self.bn3)):
            x = self.relu(norm(conv(x)))
        pooled: Tensor = self.maxpool(x)
        return pooled


def _load(trunk: DilatedResNet50, source: WeightsFile) -> None:
    """Take weights from the published file, which may lack the counters of batch norm (PyTorch before 0.4.1)."""
    state = source.state()
    try:
        state = {key.removeprefix("module."): value for key, value in state.items()}
        counters = {key: value for key, value in trunk.state_dict().items() if key.endswith("num_batches_tracked")}
        trunk.load_state_dict(counters | state)
    except (AttributeError, TypeError, RuntimeError) as error:
        raise source.misfit(error) from error
