"""A trained filler in parts that can leave Python: each a graph with named inputs and outputs of any size."""

import logging
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar
from warnings import catch_warnings, simplefilter

import torch
from torch import Tensor, nn
from torch.export import ExportedProgram
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.utils import parametrize
from typing_extensions import override

import inlay
from inlay import checkpoints
from inlay.checkpoints.files import resolved
from inlay.errors import InlayError, one_line
from inlay.export.folder import origin_of
from inlay.export.rnn import looped
from inlay.fillers import NetworkFiller, load_filler
from inlay.fillers.onnx import FEATURES, FILLED, NOISE, PICTURE, REFERENCE, TOKENS, inputs_of
from inlay.fillers.onnx_file import FORMAT
from inlay.models.base import InpaintingNetwork
from inlay.ops import composite
from inlay.text import TextEncoder
from inlay.text.recurrent import WordTokenizer
from inlay.text.serialization import tokenizer_to_dict
from inlay.text.transformer import SubwordTokenizer
from inlay.types import TextFeatures, Tokens

Axes = tuple[int | str, ...]  # of a tensor: a number, or the name of a size that is open

_PICTURES: dict[str, Axes] = {"image": ("batch", 3, "height", "width"), "mask": ("batch", 1, "height", "width")}
_REFERENCE: Axes = ("batch", 3, "reference_height", "reference_width")


class ExportModule(nn.Module, ABC):
    """What is exported as one graph: plain facts for its metadata, and the sizes of inputs and outputs, in order."""

    suffix: ClassVar[str] = ""
    """Between the name and the ending of its file."""

    def __init__(self, facts: dict[str, Any], inputs: dict[str, Axes], outputs: dict[str, Axes]) -> None:
        super().__init__()
        self.facts = {"format": FORMAT, "exported": {"inlay": inlay.__version__, "torch": torch.__version__}} | facts
        self.inputs, self.outputs = inputs, outputs

    def range(self, size: str) -> tuple[int, int | None]:
        """The least and the greatest value of an open size; None where there is no greatest."""
        return 1, None

    @abstractmethod
    def example(self, batch: int, side: int) -> tuple[Tensor, ...]:
        """Example inputs of about that size; the same with every call."""


class InpaintModule(ExportModule):
    """``filled = fill(image, mask, ...)``: any height and width; what is above 0.5 in the mask is hole.

    The hole is erased before the network sees it, and known pixels come back bit for bit: the contract of fillers
    (:class:`inlay.fillers.Filler`) holds for the graph alone. Further inputs are those that the network declares: the
    features of a text, a reference picture, noise (zeros give the filler's output without a seed).
    """

    def __init__(self, net: InpaintingNetwork, facts: dict[str, Any]) -> None:
        spec = net.noise_spec
        axes = _PICTURES | (_features(net.text_dim) if net.takes_text else {}) | {REFERENCE: _REFERENCE}
        if spec is not None:
            facts = facts | {"noise": {"stride": spec.stride, "least": spec.least}}
            axes[NOISE] = ("batch", spec.channels, "noise_height", "noise_width")
        names = inputs_of(net.takes_text, net.takes_reference, spec is not None)
        super().__init__(facts, {name: axes[name] for name in names}, {FILLED: _PICTURES["image"]})
        self.net = net

    def forward(self, image: Tensor, mask: Tensor, *conditions: Tensor) -> Tensor:
        """Fill the hole; ``conditions`` are the further inputs, in order."""
        given = dict(zip(list(self.inputs)[len(PICTURE) :], conditions, strict=True))
        text = TextFeatures(*(given[name] for name in FEATURES)) if self.net.takes_text else None
        hole = (mask > 0.5).to(image.dtype)
        raw = self.net.inpaint(image, hole, text=text, reference=given.get(REFERENCE), noise=given.get(NOISE))
        return composite(raw.clamp(0, 1), image, hole)

    @override
    def example(self, batch: int, side: int) -> tuple[Tensor, ...]:
        random = torch.Generator().manual_seed(0)
        image = torch.rand(batch, 3, side, side + 10, generator=random)
        given = [image, (torch.rand(batch, 1, side, side + 10, generator=random) > 0.5).float()]
        if self.net.takes_text:
            features = torch.randn(batch, 3, self.net.text_dim, generator=random)
            given += [features, features.mean(1), torch.ones(batch, 3, dtype=torch.bool)]
        if self.net.takes_reference:
            given.append(torch.rand(batch, 3, side + 5, side, generator=random))
        if self.net.noise_spec is not None:
            given.append(torch.randn(self.net.noise_spec.shape(image), generator=random))
        return tuple(given)


class TextEncoderModule(ExportModule):
    """``features, sentence, word_mask = read(input_ids, attention_mask, words)``: the text encoder."""

    suffix = ".text"

    def __init__(self, text: TextEncoder, facts: dict[str, Any]) -> None:
        tokens: dict[str, Axes] = dict.fromkeys(TOKENS, ("batch", "length"))
        super().__init__(facts | {"tokenizer": tokenizer_to_dict(text.tokenizer)}, tokens, _features(text.dim))
        self.text = text

    @override
    def range(self, size: str) -> tuple[int, int | None]:
        tokenizer = self.text.tokenizer
        # Pretrained networks have a fixed number of positions, and special tokens at both ends of a text.
        if size == "length" and isinstance(tokenizer, SubwordTokenizer):
            return 2, tokenizer.max_length
        return super().range(size)

    def forward(self, input_ids: Tensor, attention_mask: Tensor, words: Tensor) -> tuple[Tensor, ...]:
        """:class:`inlay.types.Tokens`, entry by entry, to :class:`inlay.types.TextFeatures`."""
        return tuple(self.text(Tokens(input_ids=input_ids, attention_mask=attention_mask, words=words)))

    @override
    def example(self, batch: int, side: int) -> tuple[Tensor, ...]:
        tokenizer = self.text.tokenizer
        words = [*islice(tokenizer.ids, 3)] if isinstance(tokenizer, WordTokenizer) else [*"abc"]
        tokens = tokenizer([" ".join(words[: 1 + number % 3]) for number in range(batch)])
        return tokens["input_ids"], tokens["attention_mask"], tokens["words"]


def _features(dim: int) -> dict[str, Axes]:
    """Of :class:`inlay.types.TextFeatures` of that width; where tokens are near, ``words`` has another meaning."""
    return {"features": ("batch", "length", dim), "sentence": ("batch", dim), "word_mask": ("batch", "length")}


def parts_of(path: Path) -> list[ExportModule]:
    """What of a checkpoint is exported: the network that fills, and the text encoder that reads for it, if any.

    Args:
        path: a checkpoint that ``inlay train`` wrote, or a folder that ``inlay export`` did.

    Raises:
        InlayError: see :func:`inlay.fillers.load_filler`; or it is an ONNX file.
    """
    path = checkpoints.resolve_checkpoint(path)
    path = resolved(path).resolve()  # best.ckpt, which a training may move on while it is read
    filler = load_filler(path)
    if not isinstance(filler, NetworkFiller):
        raise InlayError(f"{path}: has no network to export. Give a checkpoint that `inlay train` wrote.")
    facts = {
        "family": type(filler.net).__name__,
        "image_size": filler.size,
        "source": filler.identity,
        "provenance": origin_of(checkpoints.read(path)),
    }
    parts: list[ExportModule] = [InpaintModule(filler.net, facts)]
    if filler.text is not None:
        parts.append(TextEncoderModule(filler.text, facts))
    for part in parts:
        part.eval().requires_grad_(False)
        for module in list(part.modules()):  # normalize weights once and for all, instead of in every call
            if parametrize.is_parametrized(module, "weight"):
                parametrize.remove_parametrizations(module, "weight")
    return parts


def traced(part: ExportModule) -> ExportedProgram:
    """The graph of a part, for every value of its open sizes.

    Raises:
        InlayError: PyTorch cannot follow it.
    """
    inputs = part.example(2, 37)
    with exporting(part), torch.no_grad(), looped(part), _open(part, inputs):
        return torch.export.export(part, inputs, strict=True)


@contextmanager
def _open(part: ExportModule, inputs: tuple[Tensor, ...]) -> Iterator[None]:
    """Of the open sizes the tracer knows their ranges alone: those it knows by example, it takes for more than 1."""
    from torch._dynamo.decorators import mark_unbacked

    for value, axes in zip(inputs, part.inputs.values(), strict=True):
        for index, axis in enumerate(axes):
            if isinstance(axis, str):
                mark_unbacked(value, index, shape_id=axis)
    with part.register_forward_pre_hook(_tell_ranges):
        yield


def _tell_ranges(part: ExportModule, inputs: tuple[Tensor, ...]) -> None:
    for value, axes in zip(inputs, part.inputs.values(), strict=True):
        for size, axis in zip(value.shape, axes, strict=True):
            if isinstance(axis, str):
                least, most = part.range(axis)
                torch._check(size >= least)
                torch._check(most is None or size <= most)


@contextmanager
def exporting(part: ExportModule) -> Iterator[None]:
    """Exporters talk of their own insides; here they are quiet, and their exceptions are lines for users.

    Raises:
        InlayError: whatever was raised in here.
    """
    loud = [logging.getLogger(name) for name in ("torch", "onnxscript", "onnx_ir")]
    before = [logger.level for logger in loud]
    try:
        # Attention as it is defined: to choose among its kernels PyTorch would ask for sizes.
        with catch_warnings(), sdpa_kernel(SDPBackend.MATH):
            simplefilter("ignore")
            for logger in loud:
                logger.setLevel(logging.CRITICAL)
            yield
    except InlayError:
        raise
    except Exception as error:  # a tracer meets whatever a network does; there is no common base
        raise InlayError(f"{part.facts['family']} cannot be exported ({one_line(error)}).") from error
    finally:
        for logger, level in zip(loud, before, strict=True):
            logger.setLevel(level)
