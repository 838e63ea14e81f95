"""From a name to the filler that bears it."""

from inspect import signature
from pathlib import Path
from typing import cast

import torch

from inlay.errors import InlayError
from inlay.fillers.base import Filler
from inlay.fillers.classical import CLASSICAL
from inlay.fillers.names import checkpoint_of


def load_filler(name: str | Path, device: torch.device | str = "cpu") -> Filler:
    """The filler of that name, or the one that a checkpoint describes, rebuilt from the file.

    Args:
        name: ``mean``, ``telea``, ``navier_stokes``, ``biharmonic``, or a checkpoint that ``train.py`` wrote, as its
            path or as ``model:PATH`` (which may lead to a file called ``telea``). Of a checkpoint averaged weights are
            preferred to those they are the average of.
        device: where a network runs.

    Raises:
        InlayError: there is no such filler; see :func:`inlay.checkpoints.build_network` and
            :func:`~inlay.checkpoints.build_text_encoder`; or the network fills no holes.
    """
    path = checkpoint_of(name)
    if path is None:
        return CLASSICAL[str(name)]()
    if str(name) == path.name == path.stem and not path.exists():
        raise InlayError(f"{name}: neither a filler nor a file. Give {', '.join(CLASSICAL)} or model:PATH.")
    return _from_checkpoint(path, device)


def _from_checkpoint(path: Path, device: torch.device | str) -> Filler:
    # Networks bring torchvision along, seconds of imports that classical fillers do without.
    from inlay.checkpoint_files import digest
    from inlay.checkpoints import build_network, build_text_encoder
    from inlay.fillers.learned import Learned
    from inlay.fillers.text_guided import TextGuided
    from inlay.models import TDANet
    from inlay.text import TextEncoder

    if path.is_symlink():
        path = path.resolve()  # best.ckpt, which a training may move on while it is read
    net = build_network(path)
    # The network is asked, not the configuration: what it takes decides how it is called.
    takes = list(signature(net.forward).parameters)
    if takes[:2] != ["masked", "mask"]:
        raise InlayError(
            f"{path}: a checkpoint of {type(net).__name__}, which fills no holes. Give one of task=reconstruction or "
            "task=text_guided."
        )
    if "text" in takes:
        return TextGuided(cast(TDANet, net), cast(TextEncoder, build_text_encoder(path)), device, digest(path))
    return Learned(net, device, digest(path))
