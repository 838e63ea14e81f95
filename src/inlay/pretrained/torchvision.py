"""Weights of other people's networks: from a file, or torchvision's own, whose download is announced."""

import logging
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torchvision.models import WeightsEnum

from inlay.errors import InlayError, one_line
from inlay.files.tensors import load_plain

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Weights:
    """Where the weights of a network of torchvision come from.

    Args:
        weights: ``imagenet`` for torchvision's own (from its cache, or downloaded now), or a path to a state dict.
        key: the setting that says so, such as ``model.weights``.
        network: what messages call the network.
        instead: the last sentence of a message: how to do without torchvision's own.
    """

    weights: str
    key: str
    network: str
    instead: str

    def state(self, chosen: WeightsEnum) -> Any:
        """What the file holds, on the CPU: a state dict, if all is well.

        Args:
            chosen: torchvision's own, such as ``torchvision.models.VGG16_Weights.IMAGENET1K_V1``.

        Raises:
            InlayError: the file is missing or damaged; the message says which file goes where.
        """
        return self._imagenet(chosen) if self.weights == "imagenet" else self._stored()

    def do_not_fit(self, error: Exception) -> InlayError:
        """What to raise where the weights turn out to be another network's.

        Args:
            error: what they led to.
        """
        return InlayError(
            f"{self.key}={self.weights}: not a state dict of torchvision's {self.network} ({one_line(error)})."
        )

    def _stored(self) -> Any:
        if not Path(self.weights).exists():
            raise InlayError(f"{self.key}={self.weights}: no such file. Give a path, 'imagenet' or 'random'.")
        try:
            return load_plain(self.weights)
        except Exception as error:  # what torch raises on other people's files has no common base
            raise self.do_not_fit(error) from error

    def _imagenet(self, chosen: WeightsEnum) -> Any:
        file = Path(torch.hub.get_dir()) / "checkpoints" / Path(chosen.url).name
        if not file.exists():
            megabytes = chosen.meta["_file_size"]
            log.warning("%s=imagenet: downloading %s to %s (%.0f MB, once).", self.key, self.network, file, megabytes)
        try:
            return chosen.get_state_dict(progress=True, check_hash=True, map_location="cpu", weights_only=True)
        except (OSError, RuntimeError, EOFError, UnpicklingError) as error:  # no network, or a spoiled file
            raise InlayError(
                f"{self.key}=imagenet: {self.network} could not be had ({one_line(error)}). Put {file.name} "
                f"(torchvision's ImageNet weights) at {file}, or name its place: {self.key}=PATH. {self.instead}"
            ) from error
