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

import inlay
from inlay import checkpoints
from inlay.checkpoints.files import resolved
from inlay.errors import InlayError, one_line
from inlay.export.folder import origin_of
from inlay.export.rnn import looped
from inlay.fillers import load_filler
from inlay.fillers.onnx import FORMAT
from inlay.models import TDANet
from inlay.ops import composite, erase
from inlay.text import TextEncoder
from inlay.text.recurrent import WordTokenizer
from inlay.text.stored import stored
from inlay.text.transformer import SubwordTokenizer
from inlay.types import TextFeatures, Tokens

Axes = tuple[int | str, ...]
"""Of a tensor: a number, or the name of a size that is open."""

_PICTURES: dict[str, Axes] = {"image": ("batch", 3, "height", "width"), "mask": ("batch", 1, "height", "width")}


class ExportModule(nn.Module, ABC):
    """What is exported as one graph.

    Args:
        facts: what is to be known of it besides its inputs and outputs, plain data.
        inputs: what it takes, in order.
        outputs: what it answers with, in order.
    """

    suffix: ClassVar[str] = ""
    """What stands between the name and the ending of its file."""

    def __init__(self, facts: dict[str, Any], inputs: dict[str, Axes], outputs: dict[str, Axes]) -> None:
        super().__init__()
        self.facts = {"format": FORMAT, "exported": {"inlay": inlay.__version__, "torch": torch.__version__}} | facts
        self.inputs, self.outputs = inputs, outputs

    def range(self, size: str) -> tuple[int, int | None]:
        """The least and the greatest value of an open size; None where there is no greatest."""
        return 1, None

    @abstractmethod
    def example(self, batch: int, side: int) -> tuple[Tensor, ...]:
        """Inputs for so many pictures, or texts, of about that size; always the same."""


class InpaintModule(ExportModule):
    """``filled = fill(image, mask)``: any height and width; what is above 0.5 in the mask is hole.

    The hole is erased before the network sees it, and known pixels come back bit for bit: the contract of fillers
    (:class:`inlay.fillers.Filler`) holds for the graph alone.

    Args:
        net: with ``forward(masked, mask) -> raw``.
        facts: see :class:`ExportModule`.
        told: inputs besides the picture and its mask.
    """

    def __init__(self, net: nn.Module, facts: dict[str, Any], told: dict[str, Axes] | None = None) -> None:
        super().__init__(facts, _PICTURES | (told or {}), {"filled": _PICTURES["image"]})
        self.net = net

    def forward(self, image: Tensor, mask: Tensor) -> Tensor:
        """See :class:`inlay.fillers.Filler`."""
        return self.filled(image, mask)

    def filled(self, image: Tensor, mask: Tensor, *told: Any) -> Tensor:
        """The composite of what the network makes of a picture, and of what else it is told."""
        hole = (mask > 0.5).to(image.dtype)
        raw = self.net(erase(image, hole), hole, *told)
        return composite(raw.clamp(0, 1), image, hole)

    def example(self, batch: int, side: int) -> tuple[Tensor, ...]:
        """Noise, half of it hole; wider than high."""
        random = torch.Generator().manual_seed(0)
        image = torch.rand(batch, 3, side, side + 10, generator=random)
        return image, (torch.rand(batch, 1, side, side + 10, generator=random) > 0.5).float()


class TextInpaintModule(InpaintModule):
    """``filled = fill(image, mask, features, sentence, word_mask, noise)``: told by a text, and with a latent to draw.

    Noise of zeros gives the latent's mean, which is the filler's answer without a seed.
    """

    net: TDANet

    def __init__(self, net: TDANet, facts: dict[str, Any]) -> None:
        latent = {"stride": net.stride, "least": net.latent_shape(torch.zeros(1, 1, 1, 1))[2]}
        noise = {"noise": ("batch", net.latent, "latent_height", "latent_width")}
        super().__init__(net, facts | {"latent": latent}, _features(net.text_dim) | noise)

    def forward(  # type: ignore[override]  # takes more
        self, image: Tensor, mask: Tensor, features: Tensor, sentence: Tensor, word_mask: Tensor, noise: Tensor
    ) -> Tensor:
        """See :class:`inlay.fillers.Filler`, :class:`inlay.types.TextFeatures` and :meth:`TDANet.latent_shape`."""
        return self.filled(image, mask, TextFeatures(features, sentence, word_mask), noise)

    def example(self, batch: int, side: int) -> tuple[Tensor, ...]:
        """See :class:`InpaintModule`; texts of three words."""
        image, mask = super().example(batch, side)
        random = torch.Generator().manual_seed(1)
        features = torch.randn(batch, 3, self.net.text_dim, generator=random)
        noise = torch.randn(self.net.latent_shape(image), generator=random)
        return image, mask, features, features.mean(1), torch.ones(batch, 3, dtype=torch.bool), noise


class TextEncoderModule(ExportModule):
    """``features, sentence, word_mask = read(ids, attended, words)``: the text encoder, which is asked once a text.

    Args:
        text: the encoder.
        facts: see :class:`ExportModule`; the tokenizer is added.
    """

    suffix = ".text"

    def __init__(self, text: TextEncoder, facts: dict[str, Any]) -> None:
        tokens: dict[str, Axes] = dict.fromkeys(("ids", "attended", "words"), ("batch", "length"))
        super().__init__(facts | {"tokenizer": stored(text.tokenizer)}, tokens, _features(text.dim))
        self.text = text

    def range(self, size: str) -> tuple[int, int | None]:
        """Pretrained networks have a fixed number of positions, and special tokens at both ends of a text."""
        tokenizer = self.text.tokenizer
        if size == "length" and isinstance(tokenizer, SubwordTokenizer):
            return 2, tokenizer.max_words
        return super().range(size)

    def forward(self, ids: Tensor, attended: Tensor, words: Tensor) -> tuple[Tensor, ...]:
        """See :class:`inlay.types.Tokens` and :class:`inlay.types.TextFeatures`."""
        return tuple(self.text(Tokens(ids=ids, attended=attended, words=words)))

    def example(self, batch: int, side: int) -> tuple[Tensor, ...]:
        """Texts of one to three words, the first ones of the vocabulary where there is one."""
        tokenizer = self.text.tokenizer
        words = [*islice(tokenizer.ids, 3)] if isinstance(tokenizer, WordTokenizer) else [*"abc"]
        tokens = tokenizer([" ".join(words[: 1 + number % 3]) for number in range(batch)])
        return tokens["ids"], tokens["attended"], tokens["words"]


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
    filler: Any = load_filler(path)
    if not isinstance(getattr(filler, "net", None), nn.Module):
        raise InlayError(f"{path}: has no network to export. Give a checkpoint that `inlay train` wrote.")
    facts = _facts(path, filler)
    parts: list[ExportModule] = [InpaintModule(filler.net, facts)]
    if filler.takes_text:
        parts = [TextInpaintModule(filler.net, facts), TextEncoderModule(filler.text, facts)]
    for part in parts:
        part.eval().requires_grad_(False)
        _settle(part)
    return parts


def _facts(path: Path, filler: Any) -> dict[str, Any]:
    origin = origin_of(checkpoints.read(path))
    family = type(filler.net).__name__
    return {"family": family, "image_size": filler.size, "source": filler.identity, "provenance": origin}


def _settle(part: nn.Module) -> None:
    """Normalize the weights once and for all, instead of in every call."""
    for module in list(part.modules()):
        if parametrize.is_parametrized(module, "weight"):
            parametrize.remove_parametrizations(module, "weight")


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
    told = part.register_forward_pre_hook(_tell_ranges)
    try:
        yield
    finally:
        told.remove()


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
