"""Pipelines of diffusers: from a local folder, or from the Hugging Face hub where that is asked for.

Nothing of theirs runs: a folder names classes of the installed diffusers and transformers alone, weights are
safetensors, and every weight that a network has is in its file.
"""

import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import torch

from inlay.errors import BadFile, InlayError, Missing, one_line
from inlay.files import read_bytes
from inlay.pretrained.transformers import check_folder

INDEX = "model_index.json"
_LIBRARIES = ("diffusers", "transformers")
_PICKLES = (".bin", ".ckpt", ".pt", ".pth", ".pkl")
_WEIGHTS = "*.safetensors"
_UNLIMITED = 10**6  # tokens: a tokenizer that was saved without the longest caption has a number far above


def require_diffusers() -> Any:
    """The package diffusers.

    Raises:
        Missing: it is not installed.
    """
    try:
        return import_module("diffusers")
    except ImportError as error:
        raise Missing(f"Pipelines need diffusers ({error}): pip install 'inlay[diffusion]'.") from None


def pipeline_folder(path: str | Path, allow_download: bool = False) -> Path:
    """The folder of a pipeline, whose settings ask for nothing but its own files.

    Args:
        path: the folder, or a name on the Hugging Face hub.
        allow_download: whether a pipeline of the hub that is not in its cache may be downloaded.

    Raises:
        Missing: diffusers is not installed.
        InlayError: there is no such folder, or it is not to be trusted.
    """
    diffusers = require_diffusers()
    if not (folder := Path(path)).is_dir():
        try:
            folder = Path(diffusers.DiffusionPipeline.download(str(path), local_files_only=not allow_download))
        except Exception as error:  # what hub and diffusers raise has no common base
            raise InlayError(
                f"{path}: no such folder. Give one with a {INDEX}, or a name on the Hugging Face hub and "
                f"allow_download=true ({one_line(error)})."
            ) from None
    for part in (folder, *(each for each in sorted(folder.iterdir()) if each.is_dir())):
        check_folder(part)
        _check_files(part)
    return folder


def load_pipeline(folder: Path, dtype: torch.dtype = torch.float32) -> Any:
    """Load the pipeline of a folder from :func:`pipeline_folder`, on the CPU, in eval mode.

    Raises:
        InlayError: a file is missing or damaged, a network lacks weights, or a tokenizer is another network's.
    """
    kind, named = pipeline_class(folder), components(folder)
    with _quiet():
        networks = {name: _network(folder / name, part, dtype) for name, part in named.items() if _has_weights(part)}
        try:
            pipeline = kind.from_pretrained(folder, local_files_only=True, dtype=dtype, **networks)
        except Exception as error:
            raise BadFile(folder, f"could not be loaded as {kind.__name__} ({one_line(error)}).") from error
    for name, network in networks.items():
        _check_tokenizer(folder, name, network, getattr(pipeline, name.replace("text_encoder", "tokenizer"), None))
    return pipeline


def pipeline_class(folder: Path) -> Any:
    """The class of diffusers that a folder's ``model_index.json`` names.

    Raises:
        InlayError: the file is missing or damaged, or names no pipeline of the installed diffusers.
    """
    diffusers = require_diffusers()
    name = _index(folder).get("_class_name")
    kind = getattr(diffusers, name, None) if isinstance(name, str) else None
    if not (isinstance(kind, type) and issubclass(kind, diffusers.DiffusionPipeline)):
        raise BadFile(
            folder / INDEX,
            f"_class_name is {name!r}, no pipeline of diffusers {diffusers.__version__}. A pipeline with code of its "
            "own is not run; a newer diffusers may know it.",
        )
    return kind


def components(folder: Path) -> Mapping[str, Any]:
    """The classes of a pipeline's parts by their names, as its ``model_index.json`` lists them.

    Raises:
        InlayError: a class is none of the installed diffusers or transformers.
    """
    diffusers = require_diffusers()
    found = {}
    for name, entry in _index(folder).items():
        if name.startswith("_") or not isinstance(entry, list) or entry == [None, None]:
            continue
        library, kind = entry if len(entry) == 2 else (None, None)
        if library in _LIBRARIES:
            home = import_module(library)
        else:  # a safety checker, for instance, is named by the module of its pipeline
            home = getattr(diffusers.pipelines, library, None) if isinstance(library, str) else None
        cls: Any = getattr(home, kind, None) if isinstance(kind, str) else None
        if not isinstance(cls, type) or cls.__module__.partition(".")[0] not in _LIBRARIES:
            raise BadFile(
                folder / INDEX,
                f"{name} is {entry!r}, no class of the installed diffusers or transformers. It is not to be trusted, "
                "or needs a newer version of them.",
            )
        found[name] = cls
    return found


def _index(folder: Path) -> dict[str, Any]:
    try:
        index = json.loads(read_bytes(folder / INDEX))
    except (ValueError, RecursionError) as error:
        raise BadFile(folder / INDEX, f"is no JSON ({one_line(error)}).") from None
    if not isinstance(index, dict):
        raise BadFile(folder / INDEX, "describes no pipeline.")
    return index


def _check_files(folder: Path) -> None:
    names = [path.name for path in sorted(folder.iterdir())]
    if code := [name for name in names if name.endswith(".py")]:
        raise BadFile(folder / code[0], "is code, which is not run. Pipelines of diffusers' own classes need none.")
    pickles = [name for name in names if name.endswith(_PICKLES) and not name.startswith("training_args")]
    if pickles and not any(folder.glob(_WEIGHTS)):
        raise BadFile(
            folder / pickles[0],
            "is a pickle, which can run code, and there is no safetensors file beside it. Get the safetensors file.",
        )


def _has_weights(kind: type) -> bool:
    return issubclass(kind, torch.nn.Module)


def _network(folder: Path, kind: Any, dtype: torch.dtype) -> Any:
    try:
        network, found = kind.from_pretrained(
            folder, local_files_only=True, use_safetensors=True, dtype=dtype, output_loading_info=True
        )
    except Exception as error:
        raise BadFile(folder, f"could not be loaded as {kind.__name__} ({one_line(error)}).") from error
    if lacking := sorted(found["missing_keys"]):  # the libraries draw them at random and go on
        raise BadFile(folder, f"lacks {len(lacking)} weights of {kind.__name__}, {lacking[0]} for instance.")
    return network.eval()


def _check_tokenizer(folder: Path, name: str, network: Any, tokenizer: Any) -> None:
    """Refuse a tokenizer that was made up because its files are missing; say how long a caption is if it does not."""
    known = getattr(network.config, "vocab_size", None)
    if not name.startswith("text_encoder") or tokenizer is None or known is None:
        return
    if not known / 2 < len(tokenizer) <= known:
        raise BadFile(
            folder / name.replace("text_encoder", "tokenizer"),
            f"knows {len(tokenizer):,} tokens, and {name} {known:,}: files are missing or another network's.",
        )
    longest = getattr(network.config, "max_position_embeddings", None)
    if longest is not None and tokenizer.model_max_length > _UNLIMITED:
        tokenizer.model_max_length = longest


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep both libraries from what is refused in words, and from bars of what takes no time."""
    from diffusers.utils import logging as diffusers_log
    from transformers.utils import logging as transformers_log

    before = [(log, log.get_verbosity(), log.is_progress_bar_enabled()) for log in (diffusers_log, transformers_log)]
    for log, _, _ in before:
        log.set_verbosity(logging.ERROR)
        log.disable_progress_bar()
    try:
        yield
    finally:
        for log, level, bars in before:
            log.set_verbosity(level)
            if bars:
                log.enable_progress_bar()
