"""Pretrained networks in the Hugging Face form: from a local folder, or from the hub, which is announced.

Nothing of theirs runs: weights are safetensors, settings are data, and every file lies in the folder itself.
"""

import json
import logging
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from inlay.errors import BadFile, InlayError, one_line
from inlay.files import open_regular, read_bytes

log = logging.getLogger(__name__)

_FILES = (
    "config.json, model.safetensors (no pytorch_model.bin, which could run code) and the tokenizer's files "
    "(tokenizer.json and tokenizer_config.json, or vocab.json and merges.txt, or vocab.txt)"
)
# Boolean masks, which ours are, are SDPA's; half precision is autocast's business.
_AS_WE_USE_IT = {"dtype": torch.float32, "attn_implementation": "sdpa"}
_HUB_NAME = re.compile(r"[\w-][\w.-]*(/[\w-][\w.-]*)?")
_POOLER = "pooler"  # of BERT: files often lack it, nothing of ours reads it, so it would never get a gradient
_FEW, _MOST_LAYERS = 2**22, 200  # numbers that may be missing (BERT's pooler); layers of any text network
_INDEX, _ADAPTER = ".safetensors.index.json", "adapter_config.json"
_TOKENS = {"tokenizer.json", "vocab.json", "added_tokens.json"}  # whose keys are words
_ASKING = {
    "auto_map": "to run code of its own",
    "custom_pipeline": "to run code of its own",
    "custom_pipelines": "to run code of its own",
    "transformers_weights": "for weights under another name",
    "quantization_config": "for weights that are packed",
    "init_inputs": "for files of its own choice",
}
"""Settings that a network or tokenizer must not have, and what each asks for."""

_local_only = ContextVar("local_only", default=False)
_max_numbers: ContextVar[int | None] = ContextVar("max_numbers", default=None)


@contextmanager
def local_only(max_numbers: int | None = None) -> Iterator[None]:
    """Context without downloads, for names that a file chose and not a user; the hub's cache is looked into.

    Args:
        max_numbers: weights that a network with random weights may have, besides a few; None for any number.
    """
    tokens = _local_only.set(True), _max_numbers.set(max_numbers)
    try:
        yield
    finally:
        _local_only.reset(tokens[0])
        _max_numbers.reset(tokens[1])


@dataclass(frozen=True)
class Source:
    """Where a network and what belongs to it are loaded from.

    Args:
        model: a folder as ``save_pretrained`` of transformers writes it, or a name on the Hugging Face hub.
        key: the setting that names it, such as ``text.model``.
        instead: last sentence of a message: how to do without it.

    Raises:
        InlayError: here and from the methods: a part is missing or damaged; the message says which file goes where.
    """

    model: str
    key: str
    instead: str

    def __post_init__(self) -> None:
        if Path(self.model).is_dir():
            check_folder(Path(self.model))
        if self._is_here:
            return
        if not _HUB_NAME.fullmatch(self.model):
            raise InlayError(f"{self}: no such folder. {self._remedy('openai/clip-vit-base-patch32')}")
        log.warning("%s is not a folder: taking it from the Hugging Face hub (a download, once).", self)

    def __str__(self) -> str:
        return f"{self.key}={self.model}"

    @property
    def _is_here(self) -> bool:
        """Whether only files of this machine are taken: of a folder, or of the hub's cache."""
        return _local_only.get() or Path(self.model).is_dir()

    def config(self) -> Any:
        """Load the configuration."""
        from transformers import AutoConfig

        config = self._part("configuration", AutoConfig.from_pretrained)
        _check_asked(self, config.to_dict())  # of the hub's, too
        return config

    def tokenizer(self, known: int) -> Any:
        """Load the tokenizer of a network with ``known`` tokens."""
        from transformers import AutoTokenizer

        # Loader workers are forked, and threads do not survive that; transformers would say so for each of them.
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
        tokenizer = self._part("tokenizer", AutoTokenizer.from_pretrained)
        if not known / 2 < len(tokenizer) <= known:  # transformers makes do without the files
            raise InlayError(
                f"{self}: its tokenizer knows {len(tokenizer):,} tokens, its network {known:,}: "
                f"the tokenizer's files are missing or another network's. {self._remedy(self.model)}"
            )
        return tokenizer

    def image_processor(self) -> Any:
        """Load CLIP's image processor."""
        from transformers import CLIPImageProcessor

        return self._part("image processor", CLIPImageProcessor.from_pretrained)

    def network(self, config: Any, pretrained: bool) -> Any:
        """Load the network in float32, without BERT's pooler.

        Args:
            config: from :meth:`config`, or its part for one of two towers, which is then built alone.
            pretrained: False gives the network random weights.
        """
        from transformers import AutoModel

        if pretrained:
            # Bytes: an upper bound of the numbers. Of the hub's files it is not known before they are downloaded.
            stored = sum(file.stat().st_size for file in Path(self.model).glob("*.safetensors"))
            self._check_size(config, stored if Path(self.model).is_dir() else None)
            load = AutoModel.from_pretrained
            more = {"config": config, "output_loading_info": True, "use_safetensors": True, **_AS_WE_USE_IT}
            net, found = self._part("weights", load, **more)
            if lacking := sorted(key for key in found["missing_keys"] if not key.startswith(f"{_POOLER}.")):
                raise InlayError(
                    f"{self}: its weights lack {len(lacking)} of the network's, {lacking[0]} for instance. "
                    f"{self._remedy(self.model)}"
                )
        else:
            self._check_size(config, _max_numbers.get())
            net = AutoModel.from_config(config, trust_remote_code=False, **_AS_WE_USE_IT)  # type: ignore[no-untyped-call]
        if hasattr(net, _POOLER):
            setattr(net, _POOLER, None)
        return net

    def _check_size(self, config: Any, max_numbers: int | None) -> None:
        """Refuse settings that describe a network with more weights, before it is laid out."""
        if max_numbers is None:
            return
        from transformers import AutoModel

        towers = [config, *(getattr(config, name, None) for name in ("text_config", "vision_config"))]
        numbers = 0
        if all((getattr(tower, "num_hidden_layers", None) or 0) <= _MOST_LAYERS for tower in towers):
            with torch.device("meta"):
                net = AutoModel.from_config(config, trust_remote_code=False)  # type: ignore[no-untyped-call]
            numbers = sum(parameter.numel() for parameter in net.parameters())
        if not 0 < numbers <= max_numbers + _FEW:
            raise InlayError(
                f"{self}: its config.json describes another network than its weights, a larger one. "
                f"{self._remedy(self.model)}"
            )

    def _part(self, what: str, load: Callable[..., Any], **options: Any) -> Any:
        try:
            with _only_errors():
                return load(self.model, local_files_only=self._is_here, trust_remote_code=False, **options)
        except Exception as error:  # what these libraries raise on missing and spoiled files has no common base
            raise InlayError(
                f"{self}: its {what} could not be loaded ({one_line(error)}). {self._remedy(self.model)}"
            ) from error

    def _remedy(self, model: str) -> str:
        origin = "" if Path(model).is_dir() else f" of https://huggingface.co/{model}"
        return f"Put {_FILES}{origin} into one folder and name it: {self.key}=FOLDER. {self.instead}"


def path_in_folder(folder: Path, name: str) -> Path:
    """The resolved path of a file in a folder; links may lead to the hub's cache beside its snapshots only.

    Raises:
        InlayError: it is a link that leads elsewhere.
    """
    home, found = folder.resolve(), (folder / name).resolve()
    blobs = [home.parent.parent / "blobs"] if home.parent.name == "snapshots" else []
    if not any(found.is_relative_to(place) for place in (home, *blobs)):
        raise InlayError(f"{folder}: {name} is a link that leads out of the folder. Copy the file itself to its place.")
    return found


def check_folder(folder: Path) -> None:
    """Refuse a network's folder that asks for more than its own files, or to run code."""
    for path in sorted(folder.rglob("*")):
        found = path_in_folder(folder, str(path.relative_to(folder)))
        if not found.is_dir():
            open_regular(found).close()
    for path in folder.glob("*.json"):
        if path.name in _TOKENS:
            continue
        try:
            settings = json.loads(read_bytes(path))
        except (ValueError, RecursionError):
            continue  # transformers says what is wrong with it
        check = _check_index if path.name.endswith(_INDEX) else _check_asked
        check(path, settings)
    if (folder / _ADAPTER).exists():
        raise BadFile(folder / _ADAPTER, "asks for another network. Merge the adapter into its network's weights.")


def _check_asked(source: object, settings: Any) -> None:
    waiting = [settings]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            if asked := [key for key in part if key in _ASKING and part[key]]:
                raise InlayError(f"{source}: {asked[0]} asks {_ASKING[asked[0]]}. It is not to be trusted.")
            part = list(part.values())
        if isinstance(part, list):
            waiting += part


def _check_index(path: Path, index: Any) -> None:
    named = index.get("weight_map") if isinstance(index, dict) else None
    for name in named.values() if isinstance(named, dict) else ():
        if not isinstance(name, str) or Path(name).name != name or not name.endswith(".safetensors"):
            raise BadFile(path, f"names {name!r}, no safetensors file of the folder. It is not to be trusted.")


@contextmanager
def _only_errors() -> Iterator[None]:
    """Keep transformers from listing the weights that only the file has, mostly of an image tower."""
    from transformers.utils import logging as chatter

    before = chatter.get_verbosity()
    chatter.set_verbosity(logging.ERROR)
    try:
        yield
    finally:
        chatter.set_verbosity(before)
