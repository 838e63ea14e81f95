"""From a name to the filler that bears it."""

from inspect import signature
from pathlib import Path
from typing import cast

import torch

from inlay.errors import InlayError
from inlay.fillers.base import Filler
from inlay.fillers.classical import CLASSICAL
from inlay.fillers.names import checkpoint_of
from inlay.precision import InferencePrecision


def load_filler(name: str | Path, device: torch.device | str = "cpu", precision: InferencePrecision = "32") -> Filler:
    """The filler of that name, or the one that a checkpoint describes, rebuilt from the file.

    Args:
        name: ``mean``, ``telea``, ``navier_stokes``, ``biharmonic``; or a checkpoint that ``inlay train`` wrote, a
            folder or an ``.onnx`` file that ``inlay export`` wrote, as its path or as ``model:PATH`` (which may lead to
            a file called ``telea``), or the name of such a folder on the Hugging Face hub. Of a checkpoint averaged
            weights are preferred to those they are the average of.
        device: where a network runs.
        precision: of a network's numbers.

    Raises:
        InlayError: there is no such filler; see :func:`inlay.checkpoints.build_network` and
            :func:`~inlay.checkpoints.build_text_encoder`; or the network fills no holes.
    """
    path = checkpoint_of(name)
    if path is None:
        if precision != "32":
            raise InlayError(f"precision {precision}: {name} is no network and computes as it does. Use 32.")
        return CLASSICAL[str(name)]()
    if str(name) == path.name == path.stem and not path.exists():
        raise InlayError(f"{name}: neither a filler nor a file. Give {', '.join(CLASSICAL)} or model:PATH.")
    if path.suffix == ".onnx":
        from inlay.fillers.onnx import load_onnx

        if precision != "32":
            raise InlayError(f"precision {precision}: {path} computes with the numbers it was written with. Use 32.")
        return load_onnx(path, device)
    return _from_checkpoint(path, device, precision)


def _from_checkpoint(path: Path, device: torch.device | str, precision: InferencePrecision) -> Filler:
    # Imported when needed: classical fillers do without networks, and networks without text encoders.
    from inlay.checkpoints import build_network, build_text_encoder, resolve_checkpoint, training_size
    from inlay.checkpoints.files import resolved

    path = resolved(resolve_checkpoint(path))  # best.ckpt, which a training may move on while it is read
    net = build_network(path)
    # The network is asked, not the configuration: what it takes decides how it is called.
    takes = list(signature(net.forward).parameters)
    if takes[:2] != ["masked", "mask"]:
        raise InlayError(
            f"{path}: a checkpoint of {type(net).__name__}, which fills no holes. Give one of task=reconstruction or "
            "task=tdanet."
        )
    more = path, training_size(path), precision
    if "text" in takes:
        from inlay.fillers.text_guided import TextGuided
        from inlay.models import TDANet
        from inlay.text import TextEncoder

        return TextGuided(cast(TDANet, net), cast(TextEncoder, build_text_encoder(path)), device, *more)
    from inlay.fillers.network import NetworkFiller

    return NetworkFiller(net, device, *more)
