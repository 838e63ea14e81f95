"""Weights of other people's networks: a file that a setting names, or torchvision's own."""

import logging
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import TYPE_CHECKING, Any

import torch

from inlay.errors import InlayError, Missing, one_line
from inlay.files.tensors import load_plain

if TYPE_CHECKING:
    from torchvision.models import WeightsEnum

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class WeightsFile:
    """The weights of a metric's network: a file that a setting names, and that is never downloaded.

    Attributes:
        path: of the file; None where none was named.
        key: the setting that names it, such as ``weights.lpips``.
        network: what messages call the network.
        origin: address that the file can be downloaded from.
        instead: last sentence of a message: how to do without.

    Raises:
        Missing: no file was named; the message says which one it is.
    """

    path: str | None
    key: str
    network: str
    origin: str
    instead: str = ""

    def __post_init__(self) -> None:
        if self.path is None:
            raise Missing(f"no weights of {self.network}. {self._remedy}")

    @property
    def _remedy(self) -> str:
        place = f"Get {Path(self.origin).name} from {self.origin} and name its place: {self.key}=PATH."
        return f"{place} {self.instead}".rstrip()

    def state(self) -> Any:
        """Read the file on the CPU: a state dict, if all is well."""
        return _load(self, str(self.path), self._remedy)

    def misfit(self, error: Exception) -> InlayError:
        """The error to raise where the file turns out to hold something else, which led to another error."""
        reason = f"not a state dict of {self.network} ({one_line(error)})"
        return InlayError(f"{self.key}={self.path}: {reason}. {self._remedy}")


@dataclass(frozen=True)
class TorchvisionWeights:
    """Where the weights of a network of torchvision come from.

    Attributes:
        path: of a state dict; ``imagenet`` for torchvision's own, from its cache or downloaded now.
        key: the setting that names it, such as ``model.weights``.
        network: what messages call the network.
        instead: last sentence of a message: how to do without torchvision's own.
    """

    path: str
    key: str
    network: str
    instead: str

    def state(self, chosen: "WeightsEnum") -> Any:
        """Read the weights on the CPU: a state dict, if all is well.

        Args:
            chosen: torchvision's own, such as ``torchvision.models.VGG16_Weights.IMAGENET1K_V1``.

        Raises:
            InlayError: the file is missing or damaged; the message says which file goes where.
        """
        if self.path != "imagenet":
            return _load(self, self.path, "Give a path, 'imagenet' or 'random'.")
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

    def misfit(self, error: Exception) -> InlayError:
        """The error to raise where the weights turn out to be another network's, which led to another error."""
        reason = f"not a state dict of torchvision's {self.network} ({one_line(error)})"
        return InlayError(f"{self.key}={self.path}: {reason}.")


def _load(source: WeightsFile | TorchvisionWeights, path: str, remedy: str) -> Any:
    if not Path(path).exists():
        raise InlayError(f"{source.key}={path}: no such file. {remedy}")
    try:
        return load_plain(path)
    except Exception as error:  # what torch raises on other people's files has no common base
        raise source.misfit(error) from error
