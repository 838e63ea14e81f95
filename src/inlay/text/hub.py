"""Pretrained text networks in the Hugging Face form: from a local folder, or from the hub, which is announced."""

import logging
import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn

from inlay.errors import InlayError

log = logging.getLogger(__name__)

_FILES = (
    "config.json, model.safetensors (or pytorch_model.bin) and the tokenizer's files "
    "(tokenizer.json and tokenizer_config.json, or vocab.json and merges.txt, or vocab.txt)"
)
# Boolean masks, which ours are, are SDPA's; half precision is autocast's business.
_AS_WE_USE_IT = {"dtype": torch.float32, "attn_implementation": "sdpa"}
_HUB_NAME = re.compile(r"[\w-][\w.-]*(/[\w-][\w.-]*)?")


class Pretrained(NamedTuple):
    """A text network and what belongs to it."""

    net: nn.Module
    """Takes ``input_ids`` and ``attention_mask``, answers with ``last_hidden_state``."""
    tokenizer: Any
    """Of transformers."""
    config: Any
    """Of the text network: ``hidden_size``, ``max_position_embeddings``, ``vocab_size``."""


def load(model: str, kinds: Sequence[str], pretrained: bool) -> Pretrained:
    """Load a text network in float32 and its tokenizer.

    Args:
        model: a folder as ``save_pretrained`` writes it, or a name on the Hugging Face hub.
        kinds: the model types that serve.
        pretrained: False builds the network from its configuration, with random weights.

    Raises:
        InlayError: a part is missing, damaged or of another kind of network; the message says what goes where.
    """
    import transformers

    # Loader workers are forked, and threads do not survive that; transformers would say so for each of them.
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    if not Path(model).is_dir():
        if not _HUB_NAME.fullmatch(model):
            raise InlayError(f"text.model={model}: no such folder. {_remedy('openai/clip-vit-base-patch32')}")
        log.warning("text.model=%s is not a folder: taking it from the Hugging Face hub (a download, once).", model)
    whole = _part("configuration", model, transformers.AutoConfig.from_pretrained)
    if whole.model_type not in kinds:
        raise InlayError(
            f"text.model={model}: must be a network of type {' or '.join(kinds)}, got {whole.model_type}. "
            "CLIP wants text=clip, BERT and DistilBERT text=bert."
        )
    config = getattr(whole, "text_config", whole)
    tokenizer = _part("tokenizer", model, transformers.AutoTokenizer.from_pretrained)
    if not config.vocab_size / 2 < len(tokenizer) <= config.vocab_size:  # transformers makes do without the files
        raise InlayError(
            f"text.model={model}: its tokenizer knows {len(tokenizer):,} tokens, its network {config.vocab_size:,}: "
            f"the tokenizer's files are missing or another network's. {_remedy(model)}"
        )
    net = _trained(model, config) if pretrained else _random(model, config)
    if hasattr(net, "pooler"):
        net.pooler = None  # nothing reads it, so it would never get a gradient
    return Pretrained(net, tokenizer, config)


def _trained(model: str, config: Any) -> Any:
    from transformers import AutoModel

    net, found = _part(
        "weights", model, AutoModel.from_pretrained, config=config, output_loading_info=True, **_AS_WE_USE_IT
    )
    if missing := sorted(key for key in found["missing_keys"] if not key.startswith("pooler.")):
        raise InlayError(
            f"text.model={model}: its weights lack {len(missing)} of the network's, {missing[0]} for instance. "
            f"{_remedy(model)}"
        )
    return net


def _random(model: str, config: Any) -> Any:
    from transformers import AutoModel

    log.warning("text.pretrained=false: the text network %s has random weights.", model)
    return AutoModel.from_config(config, **_AS_WE_USE_IT)  # type: ignore[no-untyped-call]


def _part(what: str, model: str, loader: Callable[..., Any], **options: Any) -> Any:
    try:
        with _only_errors():
            return loader(model, local_files_only=Path(model).is_dir(), **options)
    except Exception as error:  # what these libraries raise on missing and spoiled files has no common base
        cause = ": ".join([type(error).__name__, *str(error).splitlines()[:1]])
        raise InlayError(f"text.model={model}: its {what} could not be loaded ({cause}). {_remedy(model)}") from error


@contextmanager
def _only_errors() -> Iterator[None]:
    """Keep transformers from listing each weight that the file has beyond the network's, an image tower's mostly."""
    from transformers.utils import logging as chatter

    before = chatter.get_verbosity()
    chatter.set_verbosity(logging.ERROR)
    try:
        yield
    finally:
        chatter.set_verbosity(before)


def _remedy(model: str) -> str:
    source = "" if Path(model).is_dir() else f" of https://huggingface.co/{model}"
    return f"Put {_FILES}{source} into one folder and name it: text.model=FOLDER. To try a run without them: text=gru."
