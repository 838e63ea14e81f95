"""The path of a checkpoint that a user names by a path or by a name on the Hugging Face hub."""

import logging
import re
from pathlib import Path

from inlay.checkpoints.pretrained_folder import SHARED
from inlay.errors import InlayError, one_line

log = logging.getLogger(__name__)

_ON_THE_HUB = re.compile(r"(?P<repo>[\w-][\w.-]*/[\w-][\w.-]*)(@(?P<revision>[\w-][\w.-]*))?")
_FILES_OF_MODELS = {".ckpt", ".pt", ".pt2", ".pth", ".bin", ".onnx", ".safetensors"}


def resolve_checkpoint(name: str | Path) -> Path:
    """The path of a checkpoint: a path as it is, ``org/name`` or ``org/name@revision`` in the hub's cache.

    An existing file or folder is a path; so is a name with the suffix of a file of weights, and one in an existing
    folder. A download is announced; with ``HF_HUB_OFFLINE=1`` only the cache is looked into. Only the files that
    ``inlay export`` writes are taken.

    Raises:
        InlayError: the hub has no such model, or cannot be asked.
    """
    path = Path(name)
    on_the_hub = _ON_THE_HUB.fullmatch(str(name))
    if path.exists() or path.suffix in _FILES_OF_MODELS or not on_the_hub or path.parent.exists():
        return path
    from huggingface_hub import snapshot_download

    silence_hub_log()
    log.warning("%s: no such path; taking it from the Hugging Face hub (a download, once).", name)
    try:
        found = snapshot_download(on_the_hub["repo"], revision=on_the_hub["revision"], allow_patterns=list(SHARED))
    except Exception as error:  # what the library raises has no common base
        raise InlayError(
            f"{name}: no such checkpoint here, and not to be had from the Hugging Face hub ({one_line(error)}). "
            "Check the path or the name; a private model wants `hf auth login`."
        ) from error
    return Path(found)


def silence_hub_log() -> None:
    """Keep the hub's library from logging each of its requests."""
    for name in ("httpx", "httpx2"):
        logging.getLogger(name).setLevel(logging.WARNING)
