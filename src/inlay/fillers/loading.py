"""From a checkpoint to the filler that fits its network."""

from inspect import signature
from pathlib import Path
from typing import cast

import torch

from inlay.checkpoints import build_network, build_text_encoder
from inlay.errors import InlayError
from inlay.fillers.base import Filler
from inlay.fillers.learned import Learned
from inlay.fillers.text_guided import TextGuided
from inlay.models import TDANet
from inlay.text import TextEncoder


def load_filler(path: str | Path, device: torch.device | str = "cpu") -> Filler:
    """The filler that a checkpoint describes, rebuilt from the file.

    Args:
        path: of a checkpoint that ``train.py`` wrote; averaged weights are preferred to those they are the average of.
        device: where the network runs.

    Raises:
        InlayError: see :func:`inlay.checkpoints.build_network` and :func:`~inlay.checkpoints.build_text_encoder`; or
            the network fills no holes.
    """
    net = build_network(path)
    # The network is asked, not the configuration: what it takes decides how it is called.
    takes = list(signature(net.forward).parameters)
    if takes[:2] != ["masked", "mask"]:
        raise InlayError(
            f"{path}: a checkpoint of {type(net).__name__}, which fills no holes. Give one of task=reconstruction or "
            "task=text_guided."
        )
    if "text" in takes:
        return TextGuided(cast(TDANet, net), cast(TextEncoder, build_text_encoder(path)), device)
    return Learned(net, device)
